"""JetClass, ten classes of jets in ROOT files.

The files (H. Qu, C. Li, S. Qian, Zenodo record 6619768) hold a TTree ``tree`` with one entry a jet: the lists
``part_px``, ``part_py``, ``part_pz``, ``part_energy`` in GeV, and one flag ``label_<class>`` for each class, of which
one is set. Everything else in them (displacements, particle kinds, ``jet_*``) is not read.
"""

from __future__ import annotations

from pathlib import Path

from tritag.data.jets.jets import JetBatch
from tritag.data.readers.fields import FieldMap
from tritag.data.readers.root import find_tree, open_root, read_root, trees_of
from tritag.errors import DataError

TREE = "tree"
MOMENTA = ("part_energy", "part_px", "part_py", "part_pz")
LABEL_PREFIX = "label_"


def read_jetclass(path: Path | str, n_max: int | None = None, notes: list[str] | None = None) -> JetBatch:
    """Read the first ``n_max`` jets of a JetClass file.

    Returns
    -------
    JetBatch
        Constituents by falling pT, at least 128 wide. The classes are named after the ``label_*`` branches, in their
        order in the file; jets without a set flag are of unknown class, and so are all without such branches.

    Raises
    ------
    ToolError
        uproot is missing.
    DataError
        Truncated or damaged file, missing branches (the message tells how to map others), jets of more than one class,
        or values that cannot be jets.
    """
    with open_root(path) as file:
        found = trees_of(file)
        if TREE not in found:
            kinds = ", ".join(f"{name} ({kind})" for name, kind in list(found.items())[:10]) or "no tree"
            raise DataError(
                f"{path} must hold the tree {TREE!r} of a JetClass file, got {kinds}; name the branches of "
                "another one, for example --map tree=Jets --map pt=pfcand_pt --map eta=pfcand_eta --map phi=pfcand_phi"
            )
        branches = find_tree(file, TREE, path).keys(recursive=False)
    if missing := [name for name in MOMENTA if name not in branches]:
        raise DataError(
            f"{path} must have the branches {', '.join(MOMENTA)}, but lacks {', '.join(missing)}; "
            f"it has {', '.join(branches[:8]) or 'none'}{', ...' if len(branches) > 8 else ''}; name others with --map"
        )
    energy, px, py, pz = MOMENTA
    flags = {name.removeprefix(LABEL_PREFIX): name for name in branches if name.startswith(LABEL_PREFIX)}
    return read_root(path, FieldMap(tree=TREE, energy=energy, px=px, py=py, pz=pz, flags=flags), n_max, notes)
