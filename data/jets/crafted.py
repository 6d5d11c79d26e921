"""Crafted candidates: the corners of the input domain, where an implementation breaks first."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tritag.data.jets.candidate_grid import PLAIN, CandidateInputs


def crafted_codes(
    n_constituents: int, seed: int = 1, inputs: CandidateInputs = PLAIN
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Codes (n, K, 3 + F) and counts (n,) of jets that physics rarely makes.

    Empty jets; one constituent, soft, hard and at every edge of eta and phi; saturated and smallest pT; equal pT and
    equal directions; directions across the phi seam; single steps (+-1 LSB) around a common jet; random codes over
    the whole domain with every count from 0 to K, sorted by pT and not. Fields beside pT, eta and phi are at random:
    one of their ends in half of the jets, any code in the others.
    """
    (of_pt, of_eta, of_phi), k = inputs.fields[:3], n_constituents
    rng = np.random.default_rng(seed)
    jets: list[tuple[NDArray[np.int64], int]] = []

    def add(pt: Any, eta: Any, phi: Any, count: int) -> None:
        codes = np.zeros((k, 3), np.int64)
        codes[:count] = np.stack(np.broadcast_arrays(pt, eta, phi, np.zeros(k))[:3], axis=-1)[:count]
        jets.append((codes, count))

    # where |eta| saturates, and a quarter of a turn
    steep, quarter = min(916, of_eta.max - 1), (of_phi.max - of_phi.min + 1) // 4
    edges_eta = (of_eta.min, -steep - 1, -steep, -1, 0, 1, steep, steep + 1, of_eta.max)
    edges_phi = (of_phi.min, -quarter - 1, -quarter, -1, 0, 1, quarter - 1, quarter, of_phi.max)
    add(0, 0, 0, 0)
    for pt in (1, 2, 3, 255, 256, 4095, of_pt.max):
        for eta in edges_eta:
            add(pt, eta, rng.choice(edges_phi), 1)
        for phi in edges_phi:
            add(pt, rng.choice(edges_eta), phi, 1)
    for count in sorted({1, 2, 3, k // 2, k - 1, k} & set(range(1, k + 1))):
        add(of_pt.max, of_eta.max, of_phi.max, count)
        add(of_pt.max, of_eta.min, of_phi.min, count)
        add(1, 0, 0, count)
        add(40, 100, -200, count)
        add(np.arange(k, 0, -1), 5, of_phi.max - (np.arange(k) % 2) * (of_phi.max - of_phi.min), count)
        # back-to-back pairs: the transverse momenta cancel
        add(100, 0, np.where(np.arange(k) % 2, 0, of_phi.min), count)
    center = np.array([400, 120, 300])
    for axis in range(3):
        for step in (-1, 0, 1):
            moved = np.tile(center, (k, 1)) + rng.integers(-20, 21, (k, 3))
            moved[:, axis] += step
            add(moved[:, 0], moved[:, 1], moved[:, 2], k)
    for count in range(k + 1):
        for ordered in (True, False):
            pts = rng.integers(1, of_pt.max + 1, k)
            etas = rng.integers(of_eta.min, of_eta.max + 1, k)
            phis = rng.integers(of_phi.min, of_phi.max + 1, k)
            add(-np.sort(-pts) if ordered else pts, etas, phis, count)
    codes = np.stack([c for c, _ in jets]).astype(np.int32)
    counts = np.array([n for _, n in jets], dtype=np.int32)
    return np.concatenate([inside(codes, inputs), random_fields(counts, k, inputs, seed)], axis=-1), counts


def inside(codes: NDArray[Any], inputs: CandidateInputs) -> NDArray[Any]:
    """Codes of pT, eta and phi clipped to the ranges of a grid."""
    low, high = (np.array([getattr(field, end) for field in inputs.fields[:3]], np.int32) for end in ("min", "max"))
    return np.clip(codes, low, high)


def random_fields(count: NDArray[Any], k: int, inputs: CandidateInputs, seed: int = 1) -> NDArray[np.int32]:
    """Codes (n, K, F) of fields beside pT, eta and phi, as a word can hold them; zero beyond ``count`` (n,)."""
    rng = np.random.default_rng([seed, 1])
    shape, at_ends = (len(count), k), (np.arange(len(count)) % 2)[:, None] == 0
    drawn = {
        field.name: np.where(
            at_ends, rng.choice([field.min, field.max], shape), rng.integers(field.min, field.max + 1, shape)
        )
        for field in inputs.grid.fields[3:]
    }
    for field in inputs.fields[3:]:
        if field.when is not None:
            has = np.isin(drawn[field.when.field], field.when.codes)
            drawn[field.name] = np.where(has, drawn[field.name], field.otherwise)
    real = np.arange(k) < count[:, None]
    columns = [np.where(real, drawn[name], 0) for name in inputs.names]
    return np.stack(columns, axis=-1).astype(np.int32) if columns else np.zeros((*shape, 0), np.int32)
