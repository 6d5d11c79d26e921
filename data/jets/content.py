"""What a jet file holds, array by array, and the digest of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

import h5py
import numpy as np

from tritag.data.jets.hdf5 import plain_dataset, read_rows
from tritag.data.jets.jets import TWO_CLASSES
from tritag.data.jets.ragged import RaggedJets

DATASETS = {"px": "<f4", "py": "<f4", "pz": "<f4", "offsets": "<i8", "label": "<i1", "jet": "<f4", "truth": "<f4"}
OPTIONAL_DATASETS = {"pdg_id": "<i4"}
COLUMNS, COLUMN_KIND = "columns/", "<f4"
FORMAT = "tritag-jets"
FORMAT_VERSION = 1
# the file layout of HDF5 1.10 (2016): smaller than the oldest one, and readable everywhere
LIBVER = ("v110", "v110")
ROWS_PER_CHUNK = 65536
_ROWS_PER_BLOCK = 1 << 20


def content_digest(jets: RaggedJets, splits: Mapping[str, tuple[int, int]]) -> str:
    """Sha256 of what the file holds (not of the file: HDF5 writes its own version into it)."""
    return digest_of_arrays({name: [values] for name, values in stored_arrays(jets).items()}, splits, jets.classes)


def file_digest(
    file: h5py.File, columns: Iterable[str], splits: Mapping[str, tuple[int, int]], classes: tuple[str, ...]
) -> str:
    """:func:`content_digest` of an open file, read a block at a time; ``columns`` are known beside the momenta."""
    names = [*DATASETS, *(name for name in OPTIONAL_DATASETS if name in file), *(COLUMNS + x for x in sorted(columns))]
    blocks = {name: _blocks(plain_dataset(file, name)) for name in names}
    return digest_of_arrays(blocks, splits, classes)


def _blocks(dataset: h5py.Dataset) -> Iterable[np.ndarray]:
    for start in range(0, len(dataset), _ROWS_PER_BLOCK):
        yield np.ascontiguousarray(read_rows(dataset, start, start + _ROWS_PER_BLOCK))


def digest_of_arrays(
    arrays: Mapping[str, Iterable[np.ndarray]], splits: Mapping[str, tuple[int, int]], classes: tuple[str, ...]
) -> str:
    """Sha256 of datasets in the order of :func:`stored_arrays`, each given block by block, of splits and of classes."""
    digest = hashlib.sha256(
        json.dumps({name: list(bounds) for name, bounds in splits.items()}, sort_keys=True).encode()
    )
    for name, blocks in arrays.items():
        if name.startswith(COLUMNS):
            digest.update(name.encode())
        for block in blocks:
            digest.update(np.ascontiguousarray(block).data)
    if classes != TWO_CLASSES:
        digest.update(json.dumps(classes).encode())
    return digest.hexdigest()


def storage_of(shape: tuple[int, ...], compression: str = "lzf") -> dict[str, Any]:
    """How a dataset of that shape is stored; HDF5 has no chunks, and so no filters, for what is empty."""
    if not all(shape):
        return {}
    chunks = (min(shape[0], ROWS_PER_CHUNK), *shape[1:])
    return {"compression": compression, "shuffle": True, "fletcher32": True, "chunks": chunks}


def file_attributes(
    classes: tuple[str, ...],
    splits: Mapping[str, tuple[int, int]],
    settings: Mapping[str, Any] | None,
    versions: Mapping[str, str] | None,
    seed: int | None,
    digest: str,
) -> dict[str, Any]:
    """Attributes of a jet file."""
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "splits": json.dumps(dict(splits), sort_keys=True),
        "classes": json.dumps(classes),
        "settings": json.dumps(dict(settings or {}), sort_keys=True),
        "versions": json.dumps(dict(versions or {}), sort_keys=True),
        "seed": -1 if seed is None else seed,
        "digest": digest,
    }


def stored_arrays(jets: RaggedJets) -> dict[str, np.ndarray]:
    """Datasets of a file of these jets by name, in the types of the file and in the order of the content digest."""
    kinds = DATASETS | {name: dtype for name, dtype in OPTIONAL_DATASETS.items() if getattr(jets, name) is not None}
    plain = {name: np.ascontiguousarray(getattr(jets, name), dtype) for name, dtype in kinds.items()}
    return plain | {
        COLUMNS + name: np.ascontiguousarray(jets.columns[name], COLUMN_KIND) for name in sorted(jets.columns)
    }
