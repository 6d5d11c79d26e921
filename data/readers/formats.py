"""Read jets from any file this project knows: its own, public sets, plain HDF5 and NumPy archives."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py

from tritag.closed import closed, require_file
from tritag.data.jets.content import FORMAT
from tritag.data.jets.hdf5 import attribute, open_hdf5
from tritag.data.jets.jets import JetBatch
from tritag.data.jets.parts import read_blocks
from tritag.data.jets.ragged import RaggedJets, flatten
from tritag.data.jets.store import read_jets
from tritag.data.readers.arrays import read_arrays
from tritag.data.readers.fields import FieldMap
from tritag.data.readers.jetclass import read_jetclass
from tritag.data.readers.own import own_reader, read_with
from tritag.data.readers.root import is_root_file, read_root
from tritag.data.readers.tables import is_table, read_table
from tritag.data.readers.toptagging import is_pandas_table, read_pandas_table
from tritag.errors import DataError


@contextmanager
def without_map() -> Iterator[None]:
    """Inside, what a reader says of its map names the command that takes one: the command at hand takes none.

    Raises
    ------
    DataError
        As the reader's.
    """
    try:
        yield
    except DataError as error:
        if "--map" not in str(error):
            raise
        raise DataError(f"{error} (an option of 'tritag data convert IN OUT'; give OUT here)") from error


def read_any(
    path: Path | str,
    n_max: int | None = None,
    split: str | None = None,
    mapping: FieldMap | None = None,
    notes: list[str] | None = None,
) -> JetBatch:
    """Read a jet file of any known kind.

    Kinds, told apart by content: this project's HDF5 (`tritag.data.jets.store`); the public top-tagging HDF5, a pandas
    ``table`` (toptagging.py); the ROOT files of JetClass (jetclass.py), or any with a map (root.py); HDF5 and ``.npz``
    files of named arrays (arrays.py); CSV and Parquet tables (tables.py). What a plug-in reads (own.py) goes first, by
    the end of the file's name.

    Parameters
    ----------
    n_max : int, optional
        At most this many jets, from the beginning.
    split : str, optional
        "train", "val" or "test"; only this project's files have splits.
    mapping : FieldMap, optional
        What the file calls the fields, where its names are not the usual ones.
    notes : list of str, optional
        Gets a sentence about what the file holds and is not read.

    Raises
    ------
    DataError
        Missing or truncated file, unknown content, or values that cannot be jets.
    ToolError
        A compression filter or a kind of file that needs an optional package.
    """
    path = Path(path)
    if n_max is not None and n_max < 1:
        raise DataError(f"n_max must be >= 1, got {n_max}; leave it out to read all jets")
    require_file(path, DataError, "check the path or make it with 'tritag data make CONFIG'", "jet file")
    with closed(path, DataError, "a jet file", "make or copy it again"):
        return _read(path, n_max, split, mapping, [] if notes is None else notes)


def _read(path: Path, n_max: int | None, split: str | None, mapping: FieldMap | None, notes: list[str]) -> JetBatch:
    if is_own_file(path):
        if mapping is not None:
            raise DataError(f"{path} is a file of this project, which needs no map; leave --map out")
        return read_jets(path, split=split, n_max=n_max)
    if mapping is None and (reader := own_reader(path)) is not None:
        _refuse_split(path, split)
        return read_with(reader, path, n_max)
    if h5py.is_hdf5(path):
        with open_hdf5(path) as file:
            table = is_pandas_table(file)
        _refuse_split(path, split)
        if table and mapping is None:
            return read_pandas_table(path, n_max)
        return read_arrays(path, n_max, mapping, notes)
    _refuse_split(path, split)
    if zipfile.is_zipfile(path):
        return read_arrays(path, n_max, mapping, notes)
    if is_root_file(path):
        return read_root(path, mapping, n_max, notes) if mapping else read_jetclass(path, n_max, notes)
    if is_table(path):
        return read_table(path, n_max, mapping, notes)
    raise DataError(
        f"{path} must be a whole HDF5, .npz, ROOT, Parquet or .csv file, got {_describe(path)}; copy it again or "
        "convert it"
    )


def read_any_blocks(
    path: Path | str, n_max: int | None = None, mapping: FieldMap | None = None, notes: list[str] | None = None
) -> Iterator[RaggedJets]:
    """Jets of a file of any known kind, as `read_any` takes them: of ours block by block, of another kind as a whole.

    Raises
    ------
    DataError
        See `read_any`.
    """
    if is_own_file(path):
        yield from read_blocks(path, n_max)
    else:
        yield flatten(read_any(path, n_max, mapping=mapping, notes=notes))


def is_own_file(path: Path | str) -> bool:
    """Whether ``path`` is a jet file of this project (False also for a missing file)."""
    with closed(path, DataError, "a jet file", "check the path"):
        if not Path(path).is_file() or not h5py.is_hdf5(path):
            return False
    with open_hdf5(path) as file:
        return bool(attribute(file, "format") == FORMAT)


def _refuse_split(path: Path, split: str | None) -> None:
    if split is not None:
        raise DataError(
            f"{path} has no splits, got split {split!r}; leave it out, or convert the file with "
            "'tritag data convert IN OUT'"
        )


def _describe(path: Path) -> str:
    with path.open("rb") as file:
        head = file.read(8)
    if not head:
        return "an empty file"
    if head[:4] == b"PK\x03\x04":
        return "a truncated .npz file"
    return f"a file that begins with {head!r}"
