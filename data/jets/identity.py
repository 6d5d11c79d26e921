"""What tells one set of jets from another: digests of what a file holds, split by split, and never its path.

A file of this project counts by its content: the same jets written by another version of HDF5 are the same jets. Of any
other file all bytes count. Digests of files that have rested are kept in the cache, beside size, times and inode of the
file, so that a command on a large set does not read it twice.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from tritag.data.jets.ragged import RaggedJets
from tritag.data.jets.store import read_info, read_ragged, stored_arrays, verify_digest
from tritag.environment import cache_folder
from tritag.errors import DataError, TritagError
from tritag.files import write_json
from tritag.structured import read_json

# Jets that are read at a time: part of the digest's definition.
_JETS_PER_BLOCK = 16384
# A file that was written so shortly ago may change again without another time stamp.
_RESTED_NS = 3_000_000_000
ALL = "jets"


def jet_digests(path: Path | str, own: bool) -> dict[str, str]:
    """Digests of the jets in a file, by split; ``jets`` for all of a file without splits.

    Parameters
    ----------
    own : bool
        Whether it is a jet file of this project (:func:`tritag.data.readers.formats.is_own_file`).

    Raises
    ------
    DataError
        No such file, or a damaged one.
    """
    return _remembered(Path(path), "", lambda file: _own_digests(file) if own else {ALL: _file_digest(file)})


def require_intact(path: Path | str) -> None:
    """Compare the content of a jet file of this project with the digest in it; once for a file that rests.

    Raises
    ------
    DataError
        No such file, or a damaged one.
    """
    _remembered(Path(path), "-intact", lambda file: {ALL: verify_digest(file)})


def _remembered(path: Path, what: str, read: Callable[[Path], dict[str, str]]) -> dict[str, str]:
    """What ``read`` finds in a file; from the cache, where it was found before and the file has rested since."""
    stamp = _stamp(path)
    kept = cache_folder("digests") / f"{hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:32]}{what}.json"
    if (found := _kept(kept, stamp)) is not None:
        return found
    digests = read(path)
    if _stamp(path) == stamp and time.time_ns() - max(stamp["mtime_ns"], stamp["ctime_ns"]) > _RESTED_NS:
        # A cache that cannot be written costs time alone.
        with suppress(TritagError):
            write_json(kept, {"stamp": stamp, "digests": digests})
    return digests


def jets_id(digests: dict[str, str]) -> str:
    """One digest of all splits together, by which a run knows the jets of a file.

    >>> jets_id({"train": "12", "test": "34"}) == jets_id({"test": "34", "train": "12"})
    True
    """
    return hashlib.sha256(json.dumps(digests, sort_keys=True).encode()).hexdigest()[:16]


def _stamp(path: Path) -> dict[str, int]:
    about = os.stat(path)
    return {
        "size": about.st_size,
        "mtime_ns": about.st_mtime_ns,
        "ctime_ns": about.st_ctime_ns,
        "inode": about.st_ino,
        "device": about.st_dev,
    }


def _kept(path: Path, stamp: dict[str, int]) -> dict[str, str] | None:
    try:
        content = read_json(path, DataError, "compute it again")
        digests = content["digests"] if content["stamp"] == stamp else None
    except (DataError, OSError, KeyError, TypeError):  # missing or damaged: computed again
        return None
    right = isinstance(digests, dict) and all(isinstance(digest, str) for digest in digests.values())
    return digests if right else None


def _own_digests(path: Path) -> dict[str, str]:
    info = read_info(path)
    bounds = info.splits or {ALL: (0, info.n_jets)}
    return {name: _range_digest(path, *bounds[name], info.classes) for name in sorted(bounds)}


def _range_digest(path: Path, start: int, stop: int, classes: tuple[str, ...]) -> str:
    digest = hashlib.sha256(json.dumps([stop - start, list(classes)]).encode())
    for first in range(start, stop, _JETS_PER_BLOCK):
        _add(digest, read_ragged(path, start=first, stop=min(first + _JETS_PER_BLOCK, stop)))
    return digest.hexdigest()[:16]


def _add(digest: hashlib._Hash, jets: RaggedJets) -> None:
    for name, values in stored_arrays(jets).items():
        digest.update(name.encode())
        digest.update(values.data)


def _file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]
