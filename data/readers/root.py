"""Jets from ROOT files, TTree or RNTuple, read with uproot: the branches that a map names, one entry a jet."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tritag.closed import closed, require_memory, require_sense
from tritag.data.jets.jets import JetBatch, whole_numbers
from tritag.data.readers.columns import Columns, to_batch
from tritag.data.readers.fields import FieldMap, note_left_out, require_names
from tritag.errors import DataError, ToolError, short

MAGIC = b"root"
TREES = ("TTree", "ROOT::RNTuple")
# from this file version on, positions have eight bytes
_VERSION_OF_LARGE_FILES = 1_000_000
_FEWER = "read fewer jets (--n-max)"


def is_root_file(path: Path | str) -> bool:
    """Whether ``path`` begins like a ROOT file."""
    with Path(path).open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


@contextmanager
def open_root(path: Path | str) -> Iterator[Any]:
    """Open a ROOT file; everything that goes wrong inside becomes a `DataError`.

    Raises
    ------
    ToolError
        uproot is missing.
    DataError
        Truncated or damaged file.
    """
    try:
        import uproot
    except ImportError as error:
        raise ToolError(
            f"{path} is a ROOT file, which needs the package uproot ({error}); pip install 'tritag[readers]'"
        ) from error
    with closed(path, DataError, "a whole ROOT file", "copy it again"):
        _check_length(path)
        # as a mapping, so that a colon in the path does not part it from a tree
        with uproot.open({str(path): None}) as file:
            yield file


def _check_length(path: Path | str) -> None:
    """Compare the file's size with the one that its header tells."""
    with Path(path).open("rb") as file:
        head = file.read(20)
    size = Path(path).stat().st_size
    large = int.from_bytes(head[4:8], "big") >= _VERSION_OF_LARGE_FILES
    end = int.from_bytes(head[12 : 20 if large else 16], "big")
    if len(head) < 20 or size < end:
        raise DataError(
            f"{path} must be a whole ROOT file, but it is truncated (its header tells {end} bytes, it has {size}); "
            "copy it again"
        )


def trees_of(file: Any) -> dict[str, str]:
    """Names of the trees at the top and inside folders of a ROOT file, with their kind."""
    kinds = {name.partition(";")[0]: kind for name, kind in file.classnames().items()}
    return {name: kind for name, kind in kinds.items() if kind in TREES}


def read_root(
    path: Path | str, mapping: FieldMap, n_max: int | None = None, notes: list[str] | None = None
) -> JetBatch:
    """Read the first ``n_max`` jets of a tree by the names of ``mapping``.

    Returns
    -------
    JetBatch
        Constituents by falling pT, at least 128 wide.

    Raises
    ------
    ToolError
        uproot is missing.
    DataError
        Truncated or damaged file, no such tree or branch, lists of different lengths, contradicting labels, or values
        that cannot be jets.
    """
    with open_root(path) as file:
        tree = find_tree(file, mapping.tree, path)
        wanted = mapping.candidates | mapping.jets
        require_names(list(wanted.values()), tree.keys(), str(path))
        top = {name.partition(".")[0] for name in wanted.values()}
        # uproot and others write the lengths of a list into a branch of its own
        note_left_out(notes, path, tree.keys(recursive=False), {*wanted.values(), *top, *(f"n{x}" for x in top)})
        columns = _columns(tree, mapping, n_max, str(path))
    return to_batch(columns, str(path), mapping.unit_gev)


def find_tree(file: Any, name: str, path: Path | str) -> Any:
    """The tree ``name`` of an open file, or its only one.

    Raises
    ------
    DataError
        There is none of that name, or several to choose from; the message lists them.
    """
    found = trees_of(file)
    if not name and len(found) == 1:
        name = next(iter(found))
    if name not in found:
        listed = ", ".join(f"{tree} ({kind})" for tree, kind in list(found.items())[:10]) or "none"
        raise DataError(f"{path} must hold the tree {name or '(name one)'}, got {listed}; give --map tree=NAME")
    return file[name]


def _columns(tree: Any, mapping: FieldMap, n_max: int | None, where: str) -> Columns:
    n_jets = int(tree.num_entries) if n_max is None else min(n_max, int(tree.num_entries))
    jets = {ours: _plain(_read(tree, theirs, n_jets, where), theirs, where) for ours, theirs in mapping.jets.items()}
    fields: dict[str, NDArray[Any]] = {}
    count: NDArray[np.int64] | None = None
    for ours, theirs in mapping.candidates.items():
        flat, found = _lists(_read(tree, theirs, n_jets, where), jets.get("count"), theirs, where)
        if count is not None and (n_bad := int(np.sum(found != count))):
            raise DataError(
                f"{where}: {', '.join(mapping.candidates.values())} must be equally long, got {n_bad} of {n_jets} jets "
                "with other lengths; map branches of the same candidates"
            )
        fields[ours], count = flat, found
    assert count is not None, "a map has the fields of candidates"
    return Columns(fields, count, {k: v for k, v in jets.items() if k != "count"}, mapping.classes)


def _read(tree: Any, name: str, n_jets: int, where: str) -> Any:
    branch = tree[name]
    if hasattr(branch, "uncompressed_bytes"):
        n_bytes = int(branch.uncompressed_bytes)
        require_sense(n_bytes, int(branch.compressed_bytes), f"{where}, branch {short(name)}", DataError)
        share = n_jets / max(1, int(tree.num_entries))
        require_memory(int(n_bytes * share), where, DataError, _FEWER)
    return branch.array(entry_stop=n_jets)


def _plain(values: Any, name: str, where: str) -> NDArray[Any]:
    """A branch of one value a jet; texts as objects."""
    if values.ndim != 1:
        raise DataError(f"{where}: {name} must hold one value a jet, got lists; map another branch")
    if "string" in str(values.type):
        return np.array(values.to_list(), object)
    return np.asarray(values)


def _lists(values: Any, count: NDArray[Any] | None, name: str, where: str) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """A branch of a list a jet: all values one after the other, and their number in each jet."""
    import awkward

    if values.ndim != 2:
        raise DataError(f"{where}: {name} must be a list a jet, got one value; map branches of candidates")
    if count is not None:
        kept = whole_numbers(count, len(values), "count", where)
        values = values[awkward.local_index(values, axis=1) < kept]
    lengths = awkward.to_numpy(awkward.num(values, axis=1)).astype(np.int64)
    return awkward.to_numpy(awkward.flatten(values)), lengths
