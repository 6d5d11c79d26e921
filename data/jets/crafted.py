"""Crafted candidates: the corners of the input domain, where an implementation breaks first."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tritag.data.jets.trigger_grid import TriggerGrid


def crafted_codes(n_constituents: int, seed: int = 1) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Codes (n, K, 3) and counts (n,) of jets that physics rarely makes.

    Empty jets; one constituent, soft, hard and at every edge of eta and phi; saturated and smallest pT; equal pT and
    equal directions; directions across the phi seam; single steps (+-1 LSB) around a common jet; random codes over
    the whole domain with every count from 0 to K, sorted by pT and not.
    """
    grid, k = TriggerGrid, n_constituents
    rng = np.random.default_rng(seed)
    jets: list[tuple[NDArray[np.int64], int]] = []

    def add(pt: Any, eta: Any, phi: Any, count: int) -> None:
        codes = np.zeros((k, 3), np.int64)
        codes[:count] = np.stack(np.broadcast_arrays(pt, eta, phi, np.zeros(k))[:3], axis=-1)[:count]
        jets.append((codes, count))

    edges_eta = (grid.ETA_MIN, -917, -916, -1, 0, 1, 916, 917, grid.ETA_MAX)
    edges_phi = (grid.PHI_MIN, -361, -360, -1, 0, 1, 359, 360, grid.PHI_MAX)
    add(0, 0, 0, 0)
    for pt in (1, 2, 3, 255, 256, 4095, grid.PT_MAX):
        for eta in edges_eta:
            add(pt, eta, rng.choice(edges_phi), 1)
        for phi in edges_phi:
            add(pt, rng.choice(edges_eta), phi, 1)
    for count in sorted({1, 2, 3, k // 2, k - 1, k} & set(range(1, k + 1))):
        add(grid.PT_MAX, grid.ETA_MAX, grid.PHI_MAX, count)
        add(grid.PT_MAX, grid.ETA_MIN, grid.PHI_MIN, count)
        add(1, 0, 0, count)
        add(40, 100, -200, count)
        add(np.arange(k, 0, -1), 5, grid.PHI_MAX - (np.arange(k) % 2) * (grid.PHI_TURN - 1), count)
        # back-to-back pairs: the transverse momenta cancel
        add(100, 0, np.where(np.arange(k) % 2, 0, grid.PHI_MIN), count)
    center = np.array([400, 120, 300])
    for axis in range(3):
        for step in (-1, 0, 1):
            moved = np.tile(center, (k, 1)) + rng.integers(-20, 21, (k, 3))
            moved[:, axis] += step
            add(moved[:, 0], moved[:, 1], moved[:, 2], k)
    for count in range(k + 1):
        for ordered in (True, False):
            pts = rng.integers(1, grid.PT_MAX + 1, k)
            etas = rng.integers(grid.ETA_MIN, grid.ETA_MAX + 1, k)
            phis = rng.integers(grid.PHI_MIN, grid.PHI_MAX + 1, k)
            add(-np.sort(-pts) if ordered else pts, etas, phis, count)
    codes = np.stack([c for c, _ in jets]).astype(np.int32)
    return codes, np.array([n for _, n in jets], dtype=np.int32)
