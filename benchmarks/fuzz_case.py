"""What a case of the fuzzing of readers is, and what all of them share."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Case:
    """A format.

    Attributes
    ----------
    file : str
        Name of its whole file in the folder that :func:`benchmarks.fuzz_cases.write_seeds` fills.
    read : callable
        Reads the file at a path, and returns a text of what was read.
    own : bool
        Whether tritag writes this format itself, with checksums or a digest: other content must never be read.
    """

    file: str
    read: Callable[[Path], str]
    own: bool = False


def digest(*values: Any) -> str:
    """Short hash of arrays, tensors and plain values."""
    state = hashlib.sha256()
    for value in values:
        state.update(np.ascontiguousarray(value).tobytes() if isinstance(value, np.ndarray) else repr(value).encode())
    return state.hexdigest()[:16]


def in_folder(path: Path, name: str) -> Path:
    """A folder beside the file that holds a copy of it under ``name``; the fuzzing removes it."""
    folder = path.parent / f"{path.name}.folder"
    folder.mkdir(exist_ok=True)
    shutil.copy(path, folder / name)
    return folder
