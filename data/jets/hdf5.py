"""The one reader of HDF5 files: it needs no lock, follows no link out of the file, and is closed against damage."""

from __future__ import annotations

import fcntl
import math
import mmap
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from tritag.closed import closed, require_file, require_memory, require_sense
from tritag.errors import DataError, one_line, short

_AGAIN = "make or copy it again"
_CHUNK_BYTES_MAX = 256 << 20
# of a heap with version 1: HDF5 file format specification, III.E
_HEAP, _HEAP_HEADER = b"GCOL\x01", 16
_FEWER = "read fewer jets (--n-max)"


@contextmanager
def open_hdf5(path: Path | str) -> Iterator[h5py.File]:
    """Open an HDF5 file for reading; everything that goes wrong inside becomes a `DataError`.

    Nothing is written and no lock is taken, so that the file may lie where neither is possible.

    Raises
    ------
    DataError
        Missing, truncated or damaged file, one that another program holds open for writing, or a dataset that is not
        there.
    """
    path = Path(path)
    require_file(path, DataError, "check the path or make it with 'tritag data make CONFIG'", "jet file")
    with closed(path, DataError, "a whole HDF5 file", _AGAIN):
        if not h5py.is_hdf5(path):
            raise DataError(
                f"{path} must be a whole HDF5 file, but does not begin like one (truncated or damaged, or of "
                "another kind); copy it again, or convert it with 'tritag data convert IN OUT'"
            )
        _refuse_if_held(path)
        try:
            file = h5py.File(path, "r", locking=False)
        except OSError as error:
            if "already open for write" in str(error):
                raise DataError(_held(path)) from error
            raise
        with file:
            try:
                yield file
            except KeyError as error:
                if "doesn't exist" not in str(error) and "Unable to" in str(error):
                    raise OSError(*error.args) from error
                raise DataError(
                    f"{path} lacks a dataset or attribute: {one_line(str(error))}; is it a jet file?"
                ) from error


def _held(path: Path) -> str:
    return (
        f"{path} must be complete, but another program holds it open for writing (or was killed while it did); wait "
        "until it is closed, or make it again"
    )


def _refuse_if_held(path: Path) -> None:
    """HDF5 locks a file while it writes. Where the file system knows no locks, nobody can hold one."""
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DataError(_held(path)) from error
        except OSError:
            return
        with suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_UN)


def attribute(holder: h5py.Group | h5py.Dataset, name: str) -> Any:
    """Attribute ``name`` of a file, group or dataset, None where it has none.

    Raises
    ------
    DataError
        It is a text of variable length, and the heaps that hold those are damaged.
    """
    if name not in holder.attrs:
        return None
    if holder.attrs.get_id(name).dtype.kind == "O":
        require_heaps(os.fsdecode(holder.file.filename))
    return holder.attrs[name]


def require_heaps(path: Path | str) -> None:
    """Check the heaps of texts of variable length: HDF5 never returns from one whose free space has no size.

    Raises
    ------
    DataError
        A heap is damaged.
    """
    status = Path(path).stat()
    _require_heaps(str(path), status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=64)
def _require_heaps(path: str, size: int, changed_ns: int) -> None:
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        start = content.find(_HEAP)
        while start >= 0:
            end = min(size, start + int.from_bytes(content[start + 8 : start + 16], "little"))
            at = start + _HEAP_HEADER
            while at + _HEAP_HEADER <= end:
                index = int.from_bytes(content[at : at + 2], "little")
                n_bytes = int.from_bytes(content[at + 8 : at + 16], "little")
                if index == 0 and n_bytes < _HEAP_HEADER:
                    raise DataError(f"{path} must be a whole HDF5 file, but its texts are damaged; {_AGAIN}")
                at += n_bytes if index == 0 else _HEAP_HEADER + (n_bytes + 7) // 8 * 8
            start = content.find(_HEAP, start + 1)


def names_of_datasets(file: h5py.File) -> list[str]:
    """Names of the datasets that stand at the top of the file.

    Raises
    ------
    DataError
        A link leads out of the file.
    """
    found = []
    for name in file:
        link = file.get(name, getlink=True)
        if isinstance(link, h5py.ExternalLink):
            raise DataError(
                f"{file.filename} must hold its own data, but {short(name)} is a link to another file; copy the data "
                "into one file (h5repack or h5copy)"
            )
        if isinstance(link, h5py.HardLink) and isinstance(file[name], h5py.Dataset):
            found.append(name)
    return found


def plain_dataset(file: h5py.File, name: str) -> h5py.Dataset:
    """Dataset ``name`` (with ``/`` for groups), whose data lie in the file itself and are as many as it says.

    Raises
    ------
    DataError
        It is missing, a link, virtual or external storage, or its data are far fewer than it declares.
    """
    path, where = Path(os.fsdecode(file.filename)), file
    for part in name.split("/"):
        if not isinstance(where, h5py.Group) or part not in where:
            raise DataError(f"{path} lacks the dataset {name}; is it a jet file?")
        if not isinstance(where.get(part, getlink=True), h5py.HardLink):
            raise DataError(f"{path} must hold {name} itself, got a link; copy the data into one file (h5repack)")
        where = where[part]
    if not isinstance(where, h5py.Dataset):
        raise DataError(f"{path} must hold the dataset {name}, got a group; is it a jet file?")
    properties = where.id.get_create_plist()
    if where.is_virtual or properties.get_external_count():
        kind = "a virtual dataset" if where.is_virtual else "external storage"
        raise DataError(
            f"{path} must hold its own data, but {name} is {kind}, which reads other files; copy the data into one file"
        )
    n_bytes, item = math.prod(where.shape or ()) * where.dtype.itemsize, where.dtype.itemsize
    if where.chunks and math.prod(where.chunks) * item > _CHUNK_BYTES_MAX:
        raise DataError(
            f"{path}: {name} must be stored in chunks of at most {_CHUNK_BYTES_MAX:,} bytes, got chunks "
            f"{where.chunks}; write it again with smaller ones"
        )
    require_sense(n_bytes, where.id.get_storage_size(), f"{path}, {name}", DataError)
    return where


def read_rows(dataset: h5py.Dataset, start: int = 0, stop: int | None = None) -> NDArray[Any]:
    """Rows start:stop of a dataset as an array; a scalar as it is.

    Raises
    ------
    DataError
        They do not fit into the memory.
    """
    if dataset.dtype.kind == "O":
        require_heaps(os.fsdecode(dataset.file.filename))
    if dataset.shape is None:
        raise DataError(f"{dataset.file.filename}: {short(dataset.name)} holds nothing; {_AGAIN}")
    if not dataset.shape:
        return np.asarray(dataset[()])
    rows = range(dataset.shape[0])[start:stop]
    n_bytes = len(rows) * math.prod(dataset.shape[1:]) * dataset.dtype.itemsize
    require_memory(n_bytes, dataset.file.filename, DataError, _FEWER)
    return np.asarray(dataset[start:stop])
