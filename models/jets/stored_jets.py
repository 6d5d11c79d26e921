"""Jets of a set that is too large for the memory: read block by block, their codes in a file without a name.

The arrays of the jets that come out are mapped from that file, so that the system keeps in memory what is read often
and drops the rest. They are the same numbers, in the same order, as if the set had been read at once. The file is gone
with the process, however it ends.
"""

from __future__ import annotations

import mmap
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tritag.data.jets.candidate_grid import PLAIN, CandidateInputs
from tritag.data.jets.store import read_info, read_jets
from tritag.environment import cache_folder
from tritag.errors import DataError, TritagError
from tritag.models.jets.coded_jets import QUANTITIES, CodedJets
from tritag.progress import Progress

# Jets of larger splits are stored; smaller ones are read at once.
LARGEST_IN_MEMORY = 200_000
_BLOCK = 16384


def is_large(path: Path | str, split: str | None) -> bool:
    """Whether a split of a jet file of this project (all of it without one) has more jets than are read at once."""
    return _n_jets(path, split) > LARGEST_IN_MEMORY


def stored_jets(
    path: Path | str,
    split: str | None,
    n_constituents: int,
    *,
    rounded: bool = True,
    candidates: CandidateInputs = PLAIN,
) -> CodedJets:
    """The jets of a split (or of the whole file), as :meth:`CodedJets.from_batch` makes them, mapped from a file.

    It takes a few hundred bytes a jet of the folder of the cache.

    Raises
    ------
    DataError
        A damaged file, or one of no jets.
    TritagError
        The disk is full.
    """
    n_jets = _n_jets(path, split)
    arrays: dict[str, Tensor] = {}
    classes: tuple[str, ...] = ()
    title = f"{Path(path).name}{f', {split}' if split else ''}"
    with Progress(title, n_jets, "jets read") as progress:
        for start in range(0, n_jets, _BLOCK):
            stop = min(start + _BLOCK, n_jets)
            batch = read_jets(path, split=split, start=start, stop=stop)
            if batch.p4.shape[1] < n_constituents:
                batch = batch.leading(n_constituents)
            part = CodedJets.from_batch(batch, n_constituents, rounded=rounded, candidates=candidates)
            if not start:
                arrays, classes = {name: _mapped(n_jets, *what) for name, what in _layout(part).items()}, part.classes
            for name, array in arrays.items():
                array[start:stop] = getattr(part, name)
            progress.advance(stop - start)
    if not arrays:
        raise DataError(f"{path}: jets must be there, got none; check the split")
    return CodedJets(**arrays, classes=classes, candidates=candidates)


def _n_jets(path: Path | str, split: str | None) -> int:
    info = read_info(path)
    start, stop = info.splits.get(split, (0, 0)) if split is not None else (0, info.n_jets)
    return stop - start


def _layout(part: CodedJets) -> dict[str, tuple[tuple[int, ...], np.dtype[Any]]]:
    """Shapes of a jet and types of the arrays."""
    arrays = {"codes": part.codes, "count": part.count, "label": part.label}
    if part.ratios is not None:
        assert part.ratios.shape[1] == len(QUANTITIES)
        arrays["ratios"] = part.ratios
    return {name: (tuple(x.shape[1:]), x.numpy().dtype) for name, x in arrays.items()}


def _mapped(n_jets: int, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Tensor:
    """A tensor (n_jets, *shape) in a file that no name leads to."""
    folder, whole = cache_folder("data"), (n_jets, *shape)
    n_bytes = int(np.prod(whole)) * dtype.itemsize
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            _reserve(file.fileno(), n_bytes)
            memory = mmap.mmap(file.fileno(), n_bytes)
    except OSError as error:
        raise TritagError(
            f"{folder} must have room for {n_bytes / 1e9:.1f} GB of jets, got {error.strerror or error}; free space, "
            "or move the cache (TRITAG_CACHE)"
        ) from error
    # single jets are read, all over the file: reading ahead would only fill the memory
    memory.madvise(mmap.MADV_RANDOM)
    array: NDArray[Any] = np.frombuffer(memory, dtype).reshape(whole)
    return torch.from_numpy(array)


def _reserve(descriptor: int, n_bytes: int) -> None:
    """Take the space now: a full disk behind a mapping would end the process without a word."""
    os.posix_fallocate(descriptor, 0, n_bytes)


__all__ = ["LARGEST_IN_MEMORY", "is_large", "stored_jets"]
