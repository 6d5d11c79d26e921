"""A jet file written and read part by part, for sets that do not fit into the memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from tritag.data.jets.content import LIBVER, ROWS_PER_CHUNK, file_attributes, file_digest, stored_arrays
from tritag.data.jets.ragged import RaggedJets
from tritag.data.jets.store import read_info, read_ragged
from tritag.errors import DataError
from tritag.files import atomic_path


def write_parts(
    path: Path | str,
    parts: Iterable[RaggedJets],
    *,
    splits: Mapping[str, tuple[int, int]] | None = None,
    settings: Mapping[str, Any] | None = None,
    versions: Mapping[str, str] | None = None,
    seed: int | None = None,
) -> str:
    """Write sets one after the other into a jet file, atomically, and return its content digest.

    The file is that of :func:`tritag.data.jets.store.write_jets` of all parts together, up to the chunks of HDF5. One
    part at a time is held in memory.

    Parameters
    ----------
    parts : iterable of RaggedJets
        At least one; of the same classes and columns.
    splits : mapping of name to (start, stop), optional
        Jets start:stop of all together form that split; none by default.

    Raises
    ------
    DataError
        No part, parts that differ in what they hold, or a split outside the set.
    TritagError
        The file could not be written; nothing is left behind.
    """
    splits = {name: (int(start), int(stop)) for name, (start, stop) in (splits or {}).items()}
    first: RaggedJets | None = None
    n_jets = n_constituents = 0
    with atomic_path(path) as temporary, h5py.File(temporary, "w", libver=LIBVER) as file:
        for part in parts:
            arrays = stored_arrays(part)
            if first is None:
                first = part.take(np.arange(0))
                _create(file, arrays)
            if part.classes != first.classes or set(arrays) != set(stored_arrays(first)):
                raise DataError(
                    f"parts of {path} must hold the same classes and columns; leave out what only some have"
                )
            arrays["offsets"] = arrays["offsets"][1:] + n_constituents
            for name, values in arrays.items():
                rows = len(file[name])
                file[name].resize(rows + len(values), axis=0)
                file[name][rows:] = values
            n_jets, n_constituents = n_jets + len(part), n_constituents + len(part.px)
        if first is None:
            raise DataError(f"{path} must hold jets, got no part; give one")
        for name, (start, stop) in splits.items():
            if not 0 <= start <= stop <= n_jets:
                raise DataError(f"split {name!r} must lie in 0..{n_jets}, got {start}:{stop}; correct its bounds")
        digest = file_digest(file, first.columns, splits, first.classes)
        file.attrs.update(file_attributes(first.classes, splits, settings, versions, seed, digest))
    return digest


def read_blocks(path: Path | str, n_max: int | None = None, n_jets: int = 16384) -> Iterator[RaggedJets]:
    """Jets of a file, at most ``n_max`` from its beginning, ``n_jets`` at a time; at least one block, perhaps empty.

    Raises
    ------
    DataError
        See `read_ragged`.
    """
    stop = read_info(path).n_jets
    stop = stop if n_max is None else min(n_max, stop)
    for start in range(0, max(stop, 1), n_jets):
        yield read_ragged(path, start=start, stop=min(start + n_jets, stop))


def _create(file: h5py.File, arrays: Mapping[str, np.ndarray]) -> None:
    for name, values in arrays.items():
        begin = values[:1] if name == "offsets" else values[:0]
        file.create_dataset(
            name,
            data=begin,
            maxshape=(None, *values.shape[1:]),
            chunks=(ROWS_PER_CHUNK, *values.shape[1:]),
            compression="lzf",
            shuffle=True,
            fletcher32=True,
        )


__all__ = ["read_blocks", "write_parts"]
