"""Codes and counts of jets for taggers: at the edges of the grid, and random ones that look like jets."""

from __future__ import annotations

import numpy as np

from tritag.data.grid import TriggerGrid
from tritag.quant.ops.jet_scalars import CODE_GRID

Jets = tuple[np.ndarray, np.ndarray]


def random_jets(rng: np.random.Generator, n: int, k: int) -> Jets:
    """Collimated, pT-sorted jets at any place of the detector; the counts are 0 to ``k``."""
    pt = -np.sort(-np.exp2(rng.uniform(0, 12, (n, k))).astype(np.int64), axis=1)
    axis = np.stack([rng.integers(-600, 601, n), rng.integers(-720, 720, n)], axis=-1)
    angles = axis[:, None] + np.rint(rng.normal(0, 60, (n, k, 2))).astype(np.int64)
    angles[..., 1] = (angles[..., 1] - TriggerGrid.PHI_MIN) % TriggerGrid.PHI_TURN + TriggerGrid.PHI_MIN
    return _padded(np.concatenate([pt[..., None], angles], axis=-1), rng.integers(0, k + 1, n))


def crafted_jets(rng: np.random.Generator, k: int) -> Jets:
    """Edge cases: empty, one constituent, saturation, one LSB beside a jet, equal pT, no direction, junk in padding."""
    grid = TriggerGrid
    base = random_jets(rng, 1, k)[0][0]
    base[:] = np.where(base == 0, 3, base)
    jets: list[np.ndarray] = []
    counts: list[int] = []

    def add(jet: np.ndarray | list[int], count: int) -> None:
        jets.append(np.broadcast_to(np.asarray(jet, dtype=np.int64), (k, 3)))
        counts.append(count)

    for content in (0, CODE_GRID.low, CODE_GRID.high):
        add([content] * 3, 0)
        add([content] * 3, k)
    for pt in (1, 2, grid.PT_MAX):
        add([pt, 0, 0], 1)
        add([pt, grid.ETA_MAX, grid.PHI_MAX], 1)
        add([pt, grid.ETA_MIN, grid.PHI_MIN], k)
        add([pt, 1, -1], k)
    # One LSB up and down in each coordinate of the first and of all constituents.
    for coordinate in range(3):
        for step in (-1, 1):
            for constituents in (slice(0, 1), slice(None)):
                beside = base.copy()
                beside[constituents, coordinate] += step
                add(np.clip(beside, [1, grid.ETA_MIN, grid.PHI_MIN], [grid.PT_MAX, grid.ETA_MAX, grid.PHI_MAX]), k)
    equal = base.copy()
    equal[:, 0] = 100
    add(equal, k)
    add(equal[::-1], k)
    # Two halves back to back: hardly any momentum is left.
    opposite = np.tile([400, 0, 0], (k, 1))
    opposite[1::2, 2] = grid.PHI_MIN
    add(opposite, k)
    for count in range(k + 1):
        add(base, count)  # what stands beyond the count must not matter
    return np.stack(jets).astype(np.int64), np.array(counts, dtype=np.int64)


def _padded(codes: np.ndarray, count: np.ndarray) -> Jets:
    codes[np.arange(codes.shape[1]) >= count[:, None]] = 0
    return codes, count.astype(np.int64)
