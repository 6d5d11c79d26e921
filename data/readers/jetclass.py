"""JetClass, ten classes of jets in ROOT files, read with uproot.

The files (H. Qu, C. Li, S. Qian, Zenodo record 6619768) hold a TTree ``tree`` with one entry a jet: the lists
``part_px``, ``part_py``, ``part_pz``, ``part_energy`` in GeV, and one flag ``label_<class>`` for each class, of which
one is set. Everything else in them (displacements, particle kinds, ``jet_*``) is not read.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tritag.data.jets.jets import TWO_CLASSES, UNKNOWN_LABEL, JetBatch, make_batch
from tritag.errors import DataError, ToolError, TritagError

MAGIC = b"root"
TREE = "tree"
MOMENTA = ("part_energy", "part_px", "part_py", "part_pz")
LABEL_PREFIX = "label_"
# the set's own taggers take this many particles; shorter jets are padded to it
WIDTH_MIN = 128
# from this file version on, positions have eight bytes
_VERSION_OF_LARGE_FILES = 1_000_000


def is_root_file(path: Path | str) -> bool:
    """Whether ``path`` begins like a ROOT file."""
    with Path(path).open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


def read_jetclass(path: Path | str, n_max: int | None = None) -> JetBatch:
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
        Truncated or damaged file, missing branches, jets of more than one class, or values that cannot be jets.
    """
    try:
        import awkward
        import uproot
    except ImportError as error:
        raise ToolError(
            f"{path} is a ROOT file, which needs the package uproot ({error}); pip install 'tritag[readers]'"
        ) from error
    _check_length(path)
    with _damage_reported(path), uproot.open(path) as file:
        tree = _find_tree(file, path)
        names = [name for name in tree.keys(recursive=False) if name.startswith(LABEL_PREFIX)]
        columns = tree.arrays([*MOMENTA, *names], entry_stop=n_max)
        count = _counts(awkward, columns, path)
        momenta = np.stack(
            [awkward.to_numpy(awkward.flatten(columns[name])).astype(np.float32) for name in MOMENTA], axis=-1
        )
        flags = np.array([awkward.to_numpy(columns[name]) for name in names]).reshape(len(names), len(count)) > 0.5
    classes = tuple(name.removeprefix(LABEL_PREFIX) for name in names) or TWO_CLASSES
    return make_batch(_padded(momenta, count), count, _labels(flags, path), where=str(path), classes=classes)


@contextmanager
def _damage_reported(path: Path | str) -> Iterator[None]:
    try:
        yield
    except (TritagError, MemoryError):
        raise
    # uproot follows positions and sizes in the file: where these are wrong, anything may be raised
    except Exception as error:
        reason = " ".join(str(error).split())[:160] or type(error).__name__
        raise DataError(
            f"{path} must be a whole ROOT file, but it is truncated or damaged ({reason}); copy it again"
        ) from error


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


def _find_tree(file: Any, path: Path | str) -> Any:
    kinds = {name.partition(";")[0]: kind for name, kind in file.classnames(recursive=False).items()}
    if kinds.get(TREE) != "TTree":
        found = ", ".join(f"{name} ({kind})" for name, kind in kinds.items()) or "nothing"
        raise DataError(f"{path} must hold the TTree {TREE!r} of a JetClass file, got {found}; convert the file")
    tree = file[TREE]
    branches = tree.keys(recursive=False)
    if missing := [name for name in MOMENTA if name not in branches]:
        raise DataError(
            f"{path} must have the branches {', '.join(MOMENTA)}, but lacks {', '.join(missing)}; "
            f"it has {', '.join(branches[:8]) or 'none'}{', ...' if len(branches) > 8 else ''}"
        )
    return tree


def _counts(awkward: Any, columns: Any, path: Path | str) -> NDArray[np.int64]:
    """Particles of each jet, which must be the same in all momentum branches."""
    if any(columns[name].ndim != 2 for name in MOMENTA):
        raise DataError(f"{path}: each of {', '.join(MOMENTA)} must be a list a jet; is it a JetClass file?")
    counts = [awkward.to_numpy(awkward.num(columns[name], axis=1)).astype(np.int64) for name in MOMENTA]
    n_bad = int(np.sum(np.any([count != counts[0] for count in counts], axis=0)))
    if n_bad:
        raise DataError(
            f"{path}: {', '.join(MOMENTA)} must be equally long, got {n_bad} of {len(counts[0])} jets with other "
            "lengths; the file is damaged, copy it again"
        )
    return counts[0]


def _padded(momenta: NDArray[np.float32], count: NDArray[np.int64]) -> NDArray[np.float32]:
    jet = np.repeat(np.arange(len(count)), count)
    # equal pT keep their order
    order = np.lexsort((-np.hypot(momenta[:, 1], momenta[:, 2]), jet))
    rank = np.arange(len(jet)) - np.repeat(np.cumsum(count) - count, count)
    p4 = np.zeros((len(count), max(WIDTH_MIN, int(count.max(initial=0))), 4), np.float32)
    p4[jet, rank] = momenta[order]
    return p4


def _labels(flags: NDArray[np.bool_], path: Path | str) -> NDArray[np.int64]:
    """Index of the one flag (classes, jets) of each jet that is set."""
    if not len(flags):
        return np.full(flags.shape[1], UNKNOWN_LABEL)
    n_set = flags.sum(axis=0)
    n_bad = int(np.sum(n_set > 1))
    if n_bad:
        raise DataError(
            f"{path}: one {LABEL_PREFIX}* flag must be set in each jet, got {n_bad} of {len(n_set)} jets with several; "
            "correct the labels"
        )
    return np.where(n_set == 1, np.argmax(flags, axis=0), UNKNOWN_LABEL)
