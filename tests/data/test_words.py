"""Grids as data and words of candidates: declarations that cannot be, and bits that come back as they went in."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tritag.configs import build, config_names
from tritag.data.jets.candidate_grid import TOP, CandidateGrid, load_grid, with_numbers
from tritag.data.jets.words import pack_words, unpack_words
from tritag.errors import ConfigError, DataError

PUPPI = load_grid("cms-puppi")
FIELDS = tuple(field.name for field in PUPPI.fields[3:])


def test_top_is_the_grid_of_the_trigger() -> None:
    pt, eta, phi = TOP.fields
    assert (pt.lsb, pt.min, pt.max, pt.position) == (0.25, 0, 16383, 0)
    assert (eta.lsb, eta.min, eta.max, eta.position) == (math.pi / 720, -2048, 2047, 14)
    assert (phi.lsb, phi.min, phi.max, phi.position) == (math.pi / 720, -720, 719, 26)
    assert PUPPI.fields[:3] == TOP.fields


@pytest.mark.parametrize("name", config_names("grids"))
def test_grids_are_valid_and_survive_being_written(name: str) -> None:
    grid = load_grid(name)
    assert build(CandidateGrid, dataclasses.asdict(grid)) == grid


@st.composite
def puppi_codes(draw: Any) -> tuple[np.ndarray, np.ndarray]:
    """Codes of all fields of jets with up to four candidates, as a detector may give them."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n_jets, width = draw(st.integers(1, 3)), draw(st.integers(1, 4))
    ends = draw(st.booleans())
    column: dict[str, np.ndarray] = {}
    for field in PUPPI.fields:
        shape, low = (n_jets, width), max(field.min, 1) if field.name == "pt" else field.min
        drawn = rng.choice([low, field.max], shape) if ends else rng.integers(low, field.max + 1, shape)
        if field.when is not None:
            drawn = np.where(np.isin(column[field.when.field], field.when.codes), drawn, field.otherwise)
        column[field.name] = drawn
    codes = np.stack([column[field.name] for field in PUPPI.fields], axis=-1)
    count = rng.integers(0, width + 1, n_jets)
    codes[np.arange(width) >= count[:, None]] = 0
    return codes, count


@settings(max_examples=60, deadline=None)
@given(puppi_codes())
def test_codes_come_back_from_words(jets: tuple[np.ndarray, np.ndarray]) -> None:
    codes, count = jets
    words = pack_words(codes, count, PUPPI, FIELDS)
    assert words.dtype == np.uint64
    assert not np.any(words >> np.uint64(61))
    again, number = unpack_words(words, PUPPI, FIELDS)
    np.testing.assert_array_equal(again, codes)
    np.testing.assert_array_equal(number, count)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=6))
def test_any_bits_are_taken_and_read_field_by_field(bits: list[int]) -> None:
    notes: list[str] = []
    codes, count = unpack_words(np.array([bits], np.uint64), PUPPI, ("id", "z0", "weight"), notes)
    last = max((i + 1 for i, word in enumerate(bits) if word & 0x3FFF), default=0)
    assert count.tolist() == [last]
    outside = 0
    for word, (pt, eta, phi, kind, z0, weight) in zip(bits[:last], codes[0].tolist(), strict=False):
        # every field shifted to the top of the word and back, with Python's integers
        assert (pt, kind) == (word & 0x3FFF, word >> 37 & 7)
        assert [eta, phi] == [signed(word >> 14, 12), signed(word >> 26, 11)]
        assert (z0, weight) == ((signed(word >> 40, 10), 256) if kind > 1 else (0, word >> 40 & 0x1FF))
        outside += not -720 <= phi <= 719
    assert len(notes) == (outside > 0)
    assert not outside or f"{outside} of {last} codes of phi outside -720..719" in notes[0]


def signed(word: int, bits: int) -> int:
    low = word & (2**bits - 1)
    return low - 2**bits if low >> (bits - 1) else low


def test_codes_that_do_not_fit_are_said() -> None:
    one = np.array([1])
    with pytest.raises(DataError, match=r"1 of 1 codes of phi outside -720\.\.719; are they on another grid"):
        pack_words([[[1, 0, 720]]], one, PUPPI)
    with pytest.raises(DataError, match=r"z0 must be 0 where id is none of \[2, 3, 4, 5, 6, 7\], got 1 candidates"):
        pack_words([[[1, 0, 0, 1, 5]]], one, PUPPI, ("id", "z0"))
    with pytest.raises(ConfigError, match="field z0 needs id beside it"):
        pack_words([[[1, 0, 0, 5]]], one, PUPPI, ("z0",))
    with pytest.raises(DataError, match=r"codes must be integers \(jets, candidates, 4\)"):
        pack_words([[[1, 0, 0]]], one, PUPPI, ("id",))
    with pytest.raises(DataError, match=r"count must lie in 0\.\.1, got 2\.\.2"):
        pack_words([[[1, 0, 0]]], [2], PUPPI)
    with pytest.raises(DataError, match="words must be unsigned integers"):
        unpack_words([[1]], PUPPI)
    with pytest.raises(ConfigError, match="unknown field of the grid 'dz'"):
        PUPPI.taken(["dz"])


def grid_with(**changes: Any) -> CandidateGrid:
    """The grid top with one more field, ``x``."""
    field = {"name": "x", "bits": 4, "position": 37, "step": "1/16", **changes}
    return build(CandidateGrid, with_numbers({"fields": [*(dataclasses.asdict(f) for f in TOP.fields), field]}))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"position": 36}, "fields phi and x must not share bits of the word"),
        ({"position": 61}, r"field x must lie inside the 64 bits of the word, got bits 61\.\.64"),
        ({"step": 0.3}, "step must be a power of two"),
        ({"step": 1}, r"with all codes inside 8, got 1, with which they reach 16"),
        ({"step": "one"}, "step must be a number, 1/64 or pi/720, got 'one'"),
        ({"when": {"field": "y", "codes": [1]}}, "when must name a field before it, got 'y'"),
        ({"bits": 0}, r"bits must lie in \[1, 16\], got 0"),
        ({"otherwise": 16}, r"low <= otherwise <= high must lie in \[0, 15\]"),
        ({"lsb": 0}, "lsb must be > 0"),
        ({**dataclasses.asdict(TOP.fields[2]), "position": 40}, "pt, eta, phi first and each name once"),
        ({"kinds": [1, 1]}, "different numbers"),
        ({"colour": 1}, "unknown key"),
        ({"unit": "*/"}, "its unit a short text like"),
        ({"name": "a b"}, "a field's name must be a word"),
    ],
)
def test_declarations_that_cannot_be_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        grid_with(**changes)
