"""Random candidates that look like jets, for checks that need no physics and are to take no time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tritag.data.jets.candidate_grid import PLAIN, CandidateInputs
from tritag.data.jets.crafted import inside, random_fields
from tritag.data.jets.trigger_grid import TriggerGrid


def random_jets(
    rng: np.random.Generator, n: int, k: int, inputs: CandidateInputs = PLAIN
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Codes (n, K, 3 + F) and counts (n,) of collimated, pT-sorted jets at any place of the detector.

    Counts are 0 to K. pT, eta and phi are those of the grid ``top``, clipped to the ranges of the grid of ``inputs``.
    """
    pt = -np.sort(-np.exp2(rng.uniform(0, 12, (n, k))).astype(np.int64), axis=1)
    axis = np.stack([rng.integers(-600, 601, n), rng.integers(-720, 720, n)], axis=-1)
    angles = axis[:, None] + np.rint(rng.normal(0, 60, (n, k, 2))).astype(np.int64)
    angles[..., 1] = (angles[..., 1] - TriggerGrid.PHI_MIN) % TriggerGrid.PHI_TURN + TriggerGrid.PHI_MIN
    codes, count = np.concatenate([pt[..., None], angles], axis=-1), rng.integers(0, k + 1, n)
    codes[np.arange(k) >= count[:, None]] = 0
    codes = np.concatenate([inside(codes, inputs), random_fields(count, k, inputs)], axis=-1)
    return codes, count.astype(np.int64)
