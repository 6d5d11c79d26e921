"""Atomic writes: a file is there whole or not at all."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeAlias

from tritag.errors import TritagError

# What JSON holds. Mapping and Sequence, so that a dictionary of numbers is one of values, too.
JsonValue: TypeAlias = "bool | int | float | str | Sequence[JsonValue] | Mapping[str, JsonValue] | None"
JsonObject: TypeAlias = dict[str, JsonValue]


@contextmanager
def atomic_path(path: Path | str) -> Iterator[Path]:
    """Give a temporary path beside ``path``; rename it to ``path`` when the block ends, remove it when it fails.

    Raises
    ------
    TritagError
        The file could not be written (no space, no permission); the temporary file is gone and ``path`` unchanged.
    """
    path = Path(path)
    # The ending stays: numpy.savez and others append or judge by it.
    temporary = path.with_name(f".{path.stem}.{secrets.token_hex(4)}.tmp{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.touch(exist_ok=False)
        yield temporary
        _to_disk(temporary)
        os.replace(temporary, path)
    except OSError as error:
        raise TritagError(f"cannot write {path}: {error.strerror or error}; free space or check permissions") from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def _to_disk(path: Path) -> None:
    """Wait until the content is on the disk: a rename that survives a power cut must not name an empty file."""
    with open(path, "rb") as file:
        os.fsync(file.fileno())


def write_text(path: Path | str, text: str) -> None:
    """Write ``text`` to ``path`` atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path | str, value: Any) -> None:
    """Write ``value`` as indented JSON with sorted keys, atomically."""
    write_text(path, json.dumps(value, indent=2, sort_keys=True) + "\n")


@contextmanager
def only_one(lock: Path) -> Iterator[None]:
    """Wait while another process holds the same lock file; that of a killed process is free."""
    import fcntl

    lock.parent.mkdir(parents=True, exist_ok=True)
    while True:
        with lock.open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            # The holder before has removed the file that was waited for; by now someone else may have locked a new one.
            if not os.fstat(file.fileno()).st_nlink:
                continue
            try:
                yield
            finally:
                lock.unlink(missing_ok=True)
            return
