"""Readers of the user's own: a function of a plug-in for jet files of a kind that tritag does not know."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tritag import plugins
from tritag.data.jets.jets import JetBatch
from tritag.data.readers.arrays import ALIASES, batch_of_arrays
from tritag.errors import ConfigError, DataError, unknown_name

Reader = Callable[[Path], Mapping[str, NDArray[Any]]]
_READERS: dict[str, Reader] = {}


def reads(ending: str) -> Callable[[Reader], Reader]:
    """Decorator of the function that reads the jet files whose names end in ``ending``.

    The function takes the path and returns named arrays as a ``.npz`` file of jets holds them (docs/data.md): ``pt``,
    ``eta``, ``phi`` of shape (jets, constituents), or another of those kinds, and ``label``. They are checked like
    those of a file.

    Raises
    ------
    ConfigError
        The ending has no dot, or another function reads such files; the message holds both places.
    """
    if not ending.startswith(".") or len(ending) < 2:
        raise ConfigError(f"the ending of a jet file's name must begin with a dot, such as .mine, got {ending!r}")

    def decorate(reader: Reader) -> Reader:
        known = _READERS.get(ending.lower(), reader)
        if not plugins.is_again(known, reader):
            raise ConfigError(
                f"jet files {ending} must have one reader, got {known.__name__} ({plugins.place_of(known)}) and "
                f"{reader.__name__} ({plugins.place_of(reader)}); give another ending"
            )
        _READERS[ending.lower()] = reader
        return reader

    return decorate


def own_reader(path: Path) -> Reader | None:
    """The user's reader of a file by the end of its name, the longest that fits; None where there is none."""
    fitting = [ending for ending in _READERS if path.name.lower().endswith(ending)]
    return _READERS[max(fitting, key=len)] if fitting else None


def read_with(reader: Reader, path: Path, n_max: int | None = None) -> JetBatch:
    """Read a jet file with a user's reader, of at most ``n_max`` jets from the beginning.

    Raises
    ------
    DataError
        The reader fails, which is told with its file and line, or its arrays cannot be jets.
    """
    try:
        given = {name: np.asarray(values) for name, values in reader(path).items()}
    except Exception as error:
        place = plugins.failure_in(error) or f"{plugins.place_of(reader)}: {type(error).__name__}: {error}"
        raise DataError(f"{path} must be readable by {reader.__name__}, but {place}") from error
    for name in given:
        if name not in ALIASES:
            raise DataError(f"{reader.__name__} ({plugins.place_of(reader)}): {unknown_name('array', name, ALIASES)}")
    arrays = {
        name: values if name == "classes" or not values.ndim else values[:n_max] for name, values in given.items()
    }
    return batch_of_arrays(arrays, str(path))
