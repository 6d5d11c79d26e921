"""Atomic writes: a file is there whole or not at all."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

from tritag.errors import TritagError
from tritag.helper_files import only_one, own_folder
from tritag.seals import seal_json

# What JSON holds. Mapping and Sequence, so that a dictionary of numbers is one of values, too.
JsonValue: TypeAlias = "bool | int | float | str | Sequence[JsonValue] | Mapping[str, JsonValue] | None"
JsonObject: TypeAlias = dict[str, JsonValue]


@contextmanager
def atomic_path(path: Path | str) -> Iterator[Path]:
    """Give a temporary path for ``path``; rename it to ``path`` when the block ends, remove it when it fails.

    Raises
    ------
    TritagError
        The file could not be written (no space, no permission); the temporary file is gone and ``path`` unchanged.
    """
    path = Path(path)
    try:
        with own_folder(path.parent) as folder:
            temporary = folder / path.name
            temporary.touch(exist_ok=False)
            mode = temporary.stat().st_mode  # by the umask; a library may make a file with 0600
            yield temporary
            temporary.chmod(mode)
            _to_disk(temporary)
            os.replace(temporary, path)
    except OSError as error:
        raise TritagError(f"cannot write {path}: {error.strerror or error}; free space or check permissions") from error


def _to_disk(path: Path) -> None:
    """Wait until the content is on the disk: a rename that survives a power cut must not name an empty file."""
    with open(path, "rb") as file:
        os.fsync(file.fileno())


def write_text(path: Path | str, text: str) -> None:
    """Write ``text`` to ``path`` atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path | str, value: Any) -> None:
    """Write ``value`` as indented JSON with sorted keys and its digest, atomically; ``read_json`` compares it."""
    write_text(path, json.dumps(seal_json(value), indent=2, sort_keys=True) + "\n")


__all__ = ["JsonObject", "JsonValue", "atomic_path", "only_one", "write_json", "write_text"]
