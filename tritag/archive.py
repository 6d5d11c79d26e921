"""The one reader of NumPy archives (``.npz``): sizes are read before the arrays, and no object is made from them."""

from __future__ import annotations

import zipfile
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tritag.closed import closed, require_file, require_memory, require_sense
from tritag.errors import TritagError, short

ENCRYPTED = 0x1
_READ_BYTES = 1 << 24


def read_npz(
    path: Path | str,
    kind: type[TritagError],
    advice: str,
    names: Collection[str] | None = None,
    n_max: int | None = None,
) -> dict[str, NDArray[Any]]:
    """Arrays of an ``.npz`` file by name.

    Parameters
    ----------
    names : collection of str, optional
        Read these alone, those of them that are there; by default all.
    n_max : int, optional
        At most this many rows of each array; the rest is neither read nor unpacked.

    Raises
    ------
    TritagError
        Of the class ``kind``: no file, a truncated, encrypted or damaged one, arrays of Python objects, or sizes that
        do not fit the file or the memory.
    """
    path = Path(path)
    require_file(path, kind, advice)
    with closed(path, kind, "a whole .npz file", advice), zipfile.ZipFile(path) as archive:
        members = {item.filename.removesuffix(".npy"): item for item in archive.infolist()}
        if len(members) != len(archive.infolist()):
            raise kind(f"{path} must hold each array once, got one twice; {advice}")
        wanted = [name for name in members if names is None or name in names]
        return {name: _read(archive, members[name], path, kind, advice, n_max) for name in wanted}


def names_in_npz(path: Path | str, kind: type[TritagError], advice: str) -> list[str]:
    """Names of the arrays of an ``.npz`` file.

    Raises
    ------
    TritagError
        Of the class ``kind``, when it cannot be read.
    """
    with closed(path, kind, "a whole .npz file", advice), zipfile.ZipFile(path) as archive:
        return [item.filename.removesuffix(".npy") for item in archive.infolist()]


def _read(
    archive: zipfile.ZipFile,
    member: zipfile.ZipInfo,
    path: Path,
    kind: type[TritagError],
    advice: str,
    n_max: int | None,
) -> NDArray[Any]:
    where = f"{path}, array {short(member.filename)}"
    if member.flag_bits & ENCRYPTED:
        raise kind(f"{path} must not be encrypted, but {short(member.filename)} is; unpack it and write it again")
    with archive.open(member) as file:
        shape, by_columns, dtype = _header(file)
        if dtype.hasobject:
            raise kind(f"{where} must hold numbers, got Python objects; save it as numbers")
        whole = int(np.prod(shape, dtype=object)) * dtype.itemsize
        if whole > member.file_size:
            raise kind(f"{where} tells the shape {short(shape)}, for which its data are too short; {advice}")
        some = bool(shape) and n_max is not None and n_max < shape[0] and not by_columns
        if some:
            shape = (n_max or 0, *shape[1:])
        n_bytes = int(np.prod(shape, dtype=object)) * dtype.itemsize
        if not some:
            require_sense(n_bytes, member.compress_size, where, kind)
        require_memory(n_bytes, where, kind, "read fewer jets (--n-max)")
        values = np.empty(n_bytes, np.uint8)
        for start in range(0, n_bytes, _READ_BYTES):
            part = values[start : start + _READ_BYTES]
            content = file.read(len(part))
            if len(content) < len(part):
                raise kind(f"{where} must hold {n_bytes:,} bytes, but ends at {start + len(content):,}; {advice}")
            part[:] = np.frombuffer(content, np.uint8)
        if not some and file.read(1):
            raise kind(f"{where} must hold {n_bytes:,} bytes, got more; {advice}")
    array = values.view(dtype) if n_bytes else np.empty(0, dtype)
    array = array.reshape(shape, order="F" if by_columns else "C")
    return array[:n_max] if n_max is not None and array.ndim else array


def _header(file: Any) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = np.lib.format.read_magic(file)
    if version == (1, 0):
        return np.lib.format.read_array_header_1_0(file)
    if version == (2, 0):
        return np.lib.format.read_array_header_2_0(file)
    raise ValueError(f"array format {version} is not known")
