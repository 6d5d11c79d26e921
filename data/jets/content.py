"""What a jet file holds, array by array, and the digest of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

import numpy as np

from tritag.data.jets.jets import TWO_CLASSES
from tritag.data.jets.ragged import RaggedJets

DATASETS = {"px": "<f4", "py": "<f4", "pz": "<f4", "offsets": "<i8", "label": "<i1", "jet": "<f4", "truth": "<f4"}
OPTIONAL_DATASETS = {"pdg_id": "<i4"}
COLUMNS, COLUMN_KIND = "columns/", "<f4"


def content_digest(jets: RaggedJets, splits: Mapping[str, tuple[int, int]]) -> str:
    """Sha256 of what the file holds (not of the file: HDF5 writes its own version into it)."""
    digest = hashlib.sha256(
        json.dumps({name: list(bounds) for name, bounds in splits.items()}, sort_keys=True).encode()
    )
    for name, values in stored_arrays(jets).items():
        if name.startswith(COLUMNS):
            digest.update(name.encode())
        digest.update(values.tobytes())
    if jets.classes != TWO_CLASSES:
        digest.update(json.dumps(jets.classes).encode())
    return digest.hexdigest()


def stored_arrays(jets: RaggedJets) -> dict[str, np.ndarray]:
    """Datasets of a file of these jets by name, in the types of the file and in the order of the content digest."""
    kinds = DATASETS | {name: dtype for name, dtype in OPTIONAL_DATASETS.items() if getattr(jets, name) is not None}
    plain = {name: np.ascontiguousarray(getattr(jets, name), dtype) for name, dtype in kinds.items()}
    return plain | {
        COLUMNS + name: np.ascontiguousarray(jets.columns[name], COLUMN_KIND) for name in sorted(jets.columns)
    }
