"""Codes and counts of jets for taggers: at the edges of the grid, and random ones that look like jets."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from tritag.data.jets.candidate_grid import TOP, CandidateInputs
from tritag.data.jets.crafted import crafted_codes, random_fields
from tritag.data.jets.random_jets import random_jets
from tritag.export.rtl.design.ports import field_port
from tritag.quant.ops.jet_scalars import CODE_GRID

__all__ = ["SAMPLE", "Jets", "check_padding", "crafted_jets", "filled", "random_jets", "with_fields"]

# The sample that comes with the package: 400 generated jets with splits.
SAMPLE = Path(__file__).parents[2] / "data" / "sample" / "jets400.h5"

Jets = tuple[np.ndarray, np.ndarray]


def which_fit(codes: np.ndarray, count: np.ndarray) -> Jets:
    """Those of the jets whose codes fit the bits that a candidate's word has for each field, padding included."""
    ports = [field_port(field, 0) for field in TOP.fields]
    fit = ((codes >= [port.low for port in ports]) & (codes <= [port.high for port in ports])).all(axis=(1, 2))
    return codes[fit], count[fit]


def with_fields(jets: Jets, candidates: CandidateInputs) -> Jets:
    """The jets with codes of the fields of ``candidates`` behind pT, eta and phi."""
    codes, count = jets
    return np.concatenate([codes, random_fields(count, codes.shape[1], candidates)], axis=-1), count


def filled(jets: Jets) -> Jets:
    """Those of the jets that have candidates: the score of an empty one is defined, and follows from no weight."""
    codes, count = jets
    return codes[count > 0], count[count > 0]


def crafted_jets(rng: np.random.Generator, k: int) -> Jets:
    """The corners of the domain (crafted.py), and beyond: codes off the grid's domain, junk in the padding."""
    codes, count = crafted_codes(k)
    jets, counts = [codes], [count]

    def add(jet: np.ndarray | list[int], number: int) -> None:
        jets.append(np.broadcast_to(np.asarray(jet, dtype=np.int64), (1, k, 3)))
        counts.append(np.array([number]))

    for content in (0, CODE_GRID.low, CODE_GRID.high):
        add([content] * 3, 0)
        add([content] * 3, k)
    base = random_jets(rng, 1, k)[0][0]
    base[base[:, 0] == 0] = 7, -5, 3
    for number in range(k + 1):
        add(base, number)  # what stands beyond the count must not matter
    # One LSB up and down in a coordinate of the first constituent alone.
    for coordinate in range(3):
        for step in (-1, 1):
            beside = base.copy()
            beside[0, coordinate] += step
            add(beside, k)
    equal = base.copy()
    equal[:, 0] = 100
    add(equal, k)
    add(equal[::-1], k)
    return np.concatenate(jets).astype(np.int64), np.concatenate(counts).astype(np.int64)


def check_padding(scalars: Callable[[np.ndarray, np.ndarray], np.ndarray], rng: np.random.Generator) -> None:
    """Scalars of what stands beyond the count must be zero, and must not matter for the others."""
    codes, count = random_jets(rng, 300, 7)
    padding = np.arange(7) >= count[:, None]
    junk = codes.copy()
    junk[padding] = rng.integers(CODE_GRID.low, CODE_GRID.high + 1, junk[padding].shape)
    given = scalars(junk, count)
    np.testing.assert_array_equal(given, scalars(codes, count))
    assert not given[padding].any()
