"""Sets of jets that are put together on disk: what is shuffled and written need not fit into the memory.

Momenta and columns lie in plain files, which are mapped and removed at the end. In memory are a byte a jet for its
label and what the caller keeps, an order for example; everything else is done block by block.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from tritag.data.jets.content import (
    COLUMN_KIND,
    COLUMNS,
    DATASETS,
    LIBVER,
    OPTIONAL_DATASETS,
    ROWS_PER_CHUNK,
    digest_of_arrays,
    file_attributes,
    storage_of,
    stored_arrays,
)
from tritag.data.jets.ragged import RaggedJets
from tritag.errors import TritagError
from tritag.files import atomic_path
from tritag.helper_files import own_folder

_JETS_PER_BLOCK = 65536
_OF_JETS = {"jet": 4, "truth": 4}


@dataclass(frozen=True)
class SpooledPart:
    """Jets of one source.

    Attributes
    ----------
    label : (B,) int8
        Class of each jet, as the source counts.
    classes : tuple of str
        Names of the source's classes.
    names : frozenset of str
        Datasets that the source has.
    digest : str
        Of momenta, jets and partons: equal for equal jets, whatever their labels.
    """

    label: NDArray[np.int8]
    classes: tuple[str, ...]
    names: frozenset[str]
    digest: str

    def __len__(self) -> int:
        return len(self.label)

    @property
    def columns(self) -> set[str]:
        """What is known of the constituents beside momenta and PDG numbers."""
        return {name.removeprefix(COLUMNS) for name in self.names if name.startswith(COLUMNS)}


class Spool:
    """Sources one after the other, in files of ``folder``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._paths: dict[str, Path] = {}
        self._n_constituents = 0
        self.parts: list[SpooledPart] = []

    def add(self, blocks: Iterable[RaggedJets], told: Callable[[RaggedJets], None] | None = None) -> SpooledPart:
        """Put the jets of a source, at least one block of equal classes and columns, behind those that are there.

        Parameters
        ----------
        told : callable, optional
            Given each block, to look at.
        """
        labels: list[NDArray[np.int8]] = []
        digests: defaultdict[str, Any] = defaultdict(hashlib.sha256)
        for block in blocks:
            arrays = stored_arrays(block)
            labels.append(arrays.pop("label"))
            ends = arrays.pop("offsets")[1:]
            for name in ("px", "py", "pz", *_OF_JETS):
                digests[name].update(arrays[name].data)
            digests["count"].update(np.diff(ends, prepend=0).data)
            for name, values in (arrays | {"ends": ends + self._n_constituents}).items():
                path = self._paths.setdefault(name, self._folder / f"{len(self._paths)}")
                with path.open("ab") as file:
                    file.write(values.data)
            self._n_constituents += len(block.px)
            if told is not None:
                told(block)
        digest = "".join(digests[name].hexdigest() for name in sorted(digests))
        names = frozenset(arrays) | {"label", "offsets"}
        self.parts.append(SpooledPart(np.concatenate(labels), block.classes, names, digest))
        return self.parts[-1]

    def write(
        self,
        target: Path | str,
        label: NDArray[np.int8],
        classes: tuple[str, ...],
        order: NDArray[Any] | None = None,
        *,
        splits: Mapping[str, tuple[int, int]] | None = None,
        settings: Mapping[str, Any] | None = None,
        versions: Mapping[str, str] | None = None,
        seed: int | None = None,
    ) -> str:
        """Write the jets, in an order, into a jet file, and return its content digest.

        The file is that of :func:`tritag.data.jets.store.write_jets`, byte by byte. What not all sources know of their
        constituents is left out.

        Parameters
        ----------
        label : (B,) int8
            Class of each jet of all sources, an index into ``classes``.
        order : (n,) int, optional
            The jets that are written; all as they are by default.
        """
        ends = self._map("ends", "<i8")
        if order is None:
            order = np.arange(len(label))
        offsets, at = np.zeros(len(order) + 1, np.int64), 1
        for begin, end in _ends_of(ends, order):
            offsets[at : at + len(end)] = end - begin
            at += len(end)
        np.cumsum(offsets, out=offsets)
        names = [n for n in (*DATASETS, *OPTIONAL_DATASETS, *self._columns()) if all(n in p.names for p in self.parts)]
        with atomic_path(target) as temporary, h5py.File(temporary, "w", libver=LIBVER) as file:
            datasets: dict[str, Iterable[NDArray[Any]]] = {}
            for name in names:
                kind = (DATASETS | OPTIONAL_DATASETS).get(name, COLUMN_KIND)
                if name in ("offsets", "label"):
                    values = offsets if name == "offsets" else label[order].astype(kind)
                    datasets[name] = _written(file, name, values.shape, kind, [values])
                elif name in _OF_JETS:
                    rows, shape = self._map(name, kind).reshape(-1, _OF_JETS[name]), (len(order), _OF_JETS[name])
                    datasets[name] = _written(file, name, shape, kind, _jets_of(rows, order))
                else:
                    blocks = _constituents_of(self._map(name, kind), ends, order)
                    datasets[name] = _written(file, name, (int(offsets[-1]),), kind, blocks)
            splits = {name: (int(start), int(stop)) for name, (start, stop) in (splits or {}).items()}
            digest = digest_of_arrays(datasets, splits, classes)
            file.attrs.update(file_attributes(classes, splits, settings, versions, seed, digest))
        return digest

    def _columns(self) -> list[str]:
        return sorted(name for name in self._paths if name.startswith(COLUMNS))

    def _map(self, name: str, kind: str) -> NDArray[Any]:
        path = self._paths[name]
        return np.memmap(path, kind, "r") if path.stat().st_size else np.zeros(0, kind)


@contextmanager
def spool(target: Path | str) -> Iterator[Spool]:
    """A spool beside the file that is to be written; its files are gone at the end of the block.

    Raises
    ------
    TritagError
        The files could not be written (no space, no permission).
    """
    try:
        with own_folder(Path(target).parent) as folder:
            yield Spool(folder)
    except OSError as error:
        raise TritagError(
            f"cannot write {target}: {error.strerror or error}; free space or check permissions"
        ) from error


def _blocks(order: NDArray[Any]) -> Iterator[NDArray[np.int64]]:
    for start in range(0, len(order), _JETS_PER_BLOCK):
        yield order[start : start + _JETS_PER_BLOCK].astype(np.int64)


def _ends_of(ends: NDArray[np.int64], order: NDArray[Any]) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """First constituent of each jet, and the one behind its last, block by block."""
    for index in _blocks(order):
        yield np.where(index > 0, ends[index - 1], 0), ends[index]


def _jets_of(rows: NDArray[Any], order: NDArray[Any]) -> Iterator[NDArray[Any]]:
    for index in _blocks(order):
        yield rows[index]


def _constituents_of(values: NDArray[Any], ends: NDArray[np.int64], order: NDArray[Any]) -> Iterator[NDArray[Any]]:
    for begin, end in _ends_of(ends, order):
        counts = end - begin
        places = np.cumsum(counts) - counts
        yield values[np.repeat(begin - places, counts) + np.arange(counts.sum())]


def _written(
    file: h5py.File, name: str, shape: tuple[int, ...], kind: str, blocks: Iterable[NDArray[Any]]
) -> Iterator[NDArray[Any]]:
    """Write a dataset while its blocks pass by, in whole chunks: each is then written once, as in one call."""
    dataset, start = file.create_dataset(name, shape, kind, **storage_of(shape)), 0
    for block in _whole_chunks(blocks):
        dataset[start : start + len(block)] = block
        start += len(block)
        yield block


def _whole_chunks(blocks: Iterable[NDArray[Any]]) -> Iterator[NDArray[Any]]:
    """The same rows in blocks of a multiple of a chunk's, but for the last one."""
    rest: Sequence[NDArray[Any]] = ()
    for block in blocks:
        rows = np.concatenate([*rest, block])
        whole = len(rows) // ROWS_PER_CHUNK * ROWS_PER_CHUNK
        if whole:
            yield rows[:whole]
        rest = (rows[whole:].copy(),)
    if rest and len(rest[0]):
        yield rest[0]
