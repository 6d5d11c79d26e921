"""Read jets from any file this project knows: its own, public sets, plain HDF5 and NumPy archives."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from tritag.archive import names_in_npz, read_npz
from tritag.data.jets.hdf5 import names_of_datasets, open_hdf5, plain_dataset, read_rows
from tritag.data.jets.jets import JetBatch, make_batch
from tritag.data.jets.store import FORMAT, read_jets
from tritag.data.readers.jetclass import is_root_file, read_jetclass
from tritag.data.readers.toptagging import is_pandas_table, read_pandas_table
from tritag.errors import DataError

LABEL_NAMES = ("label", "is_top", "is_signal")


def read_any(path: Path | str, n_max: int | None = None, split: str | None = None) -> JetBatch:
    """Read a jet file of any known kind.

    Kinds, told apart by content: this project's HDF5 (`tritag.data.jets.store`); the public top-tagging HDF5, a pandas
    ``table`` (toptagging.py); the ROOT files of JetClass (jetclass.py); an HDF5 or ``.npz`` file with ``p4`` (jets,
    constituents, 4), (E, px, py, pz) in GeV zero padded, ``n_constituents`` (jets,), and optionally
    ``label``, ``is_top`` or ``is_signal`` (jets,).

    Parameters
    ----------
    n_max : int, optional
        At most this many jets, from the beginning.
    split : str, optional
        "train", "val" or "test"; only this project's files have splits.

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
    if not path.is_file():
        raise DataError(f"jet file must exist, got {path}; check the path or make it with 'tritag data make'")
    if is_own_file(path):
        return read_jets(path, split=split, n_max=n_max)
    if h5py.is_hdf5(path):
        with open_hdf5(path) as file:
            table = is_pandas_table(file)
        _refuse_split(path, split)
        if table:
            return read_pandas_table(path, n_max)
        with open_hdf5(path) as file:
            names = names_of_datasets(file)
            wanted = [name for name in names if name in ("p4", "n_constituents", *LABEL_NAMES)]
            arrays = {name: read_rows(plain_dataset(file, name), 0, n_max) for name in wanted}
        return _from_arrays(arrays, path, n_max, names)
    _refuse_split(path, split)
    if zipfile.is_zipfile(path):
        return _read_npz(path, n_max)
    if is_root_file(path):
        return read_jetclass(path, n_max)
    raise DataError(
        f"{path} must be a whole HDF5, .npz or ROOT file, got {_describe(path)}; copy it again or convert it"
    )


def is_own_file(path: Path | str) -> bool:
    """Whether ``path`` is a jet file of this project (False also for a missing file)."""
    if not Path(path).is_file() or not h5py.is_hdf5(path):
        return False
    with open_hdf5(path) as file:
        return bool(file.attrs.get("format") == FORMAT)


def _refuse_split(path: Path, split: str | None) -> None:
    if split is not None:
        raise DataError(
            f"{path} has no splits, got split {split!r}; leave it out, or convert the file with 'tritag data convert'"
        )


def _describe(path: Path) -> str:
    with path.open("rb") as file:
        head = file.read(8)
    if not head:
        return "an empty file"
    if head[:4] == b"PK\x03\x04":
        return "a truncated .npz file"
    return f"a file that begins with {head!r}"


def _read_npz(path: Path, n_max: int | None) -> JetBatch:
    arrays = read_npz(path, DataError, "make or copy it again", ("p4", "n_constituents", *LABEL_NAMES), n_max)
    names = names_in_npz(path, DataError, "make or copy it again")
    return _from_arrays(arrays, path, n_max, names)


def _from_arrays(arrays: dict[str, Any], path: Path, n_max: int | None, names: list[str] | None = None) -> JetBatch:
    for needed in ("p4", "n_constituents"):
        if needed not in arrays:
            found = ", ".join(sorted(names if names is not None else arrays)) or "nothing"
            raise DataError(f"{path} must hold the arrays p4 and n_constituents, got {found}; rename or convert them")
    label = next((arrays[name] for name in LABEL_NAMES if name in arrays), None)
    p4, count = np.asarray(arrays["p4"][:n_max]), np.asarray(arrays["n_constituents"][:n_max])
    return make_batch(p4, count, None if label is None else np.asarray(label[:n_max]), where=str(path))
