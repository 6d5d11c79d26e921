"""Fixed-point types against exact rational arithmetic."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tritag.errors import ConfigError
from tritag.quant.formats.fixed import FixedType, Grid, accumulator_grid, int_bits, product_grid

types = st.builds(
    FixedType,
    signed=st.booleans(),
    width=st.integers(1, 40),
    integer=st.integers(-20, 50),
    rounding=st.sampled_from(["AP_TRN", "AP_RND", "AP_RND_CONV"]),
    overflow=st.sampled_from(["AP_WRAP", "AP_SAT"]),
)


def reference_code(fixed: FixedType, value: float) -> int:
    """The standard's arithmetic on fractions: round, then saturate or keep the low bits."""
    exact = Fraction(value) * Fraction(2) ** (fixed.width - fixed.integer)
    if fixed.rounding == "AP_TRN":
        code = math.floor(exact)
    elif fixed.rounding == "AP_RND":
        code = math.floor(exact + Fraction(1, 2))
    else:
        code = round(exact)
    lowest, highest = (
        (-(2 ** (fixed.width - 1)), 2 ** (fixed.width - 1) - 1) if fixed.signed else (0, 2**fixed.width - 1)
    )
    if fixed.overflow == "AP_SAT":
        return min(max(code, lowest), highest)
    code %= 2**fixed.width
    return code - 2**fixed.width if code > highest else code


@given(types, st.floats(allow_nan=False, allow_infinity=False, width=64, min_value=-1e15, max_value=1e15))
@example(FixedType(True, 8, 8, "AP_RND"), 0.49999999999999994)
@example(FixedType(True, 8, 8, "AP_RND"), -0.5)
@example(FixedType(True, 8, 8, "AP_RND_CONV"), 2.5)
@example(FixedType(True, 8, 8, "AP_RND_CONV"), -2.5)
@example(FixedType(True, 8, 8, "AP_TRN"), -1e-300)
@example(FixedType(True, 8, -4), 0.015625)
def test_to_int_of_any_value(fixed, value):
    assert fixed.to_int(value) == reference_code(fixed, value)


@given(types, st.integers(-(2**24), 2**24), st.sampled_from([0, 1, 2, 3]))
def test_to_int_at_ties_and_beside_the_ends(fixed, code, quarters):
    # Quarters of an LSB: exact codes, ties, and both sides of them.
    value = float((code + Fraction(quarters, 4)) * Fraction(2) ** -fixed.fraction)
    assert fixed.to_int(value) == reference_code(fixed, value)
    for end in (fixed.int_min, fixed.int_max):
        value = float((end + Fraction(quarters, 4) - 1) * Fraction(2) ** -fixed.fraction)
        assert fixed.to_int(value) == reference_code(fixed, value)


@given(types, st.data())
def test_codes_survive_the_way_through_values(fixed, data):
    codes = np.array(data.draw(st.lists(st.integers(fixed.int_min, fixed.int_max), max_size=20)), dtype=np.int64)
    values = fixed.from_int(codes)
    np.testing.assert_array_equal(fixed.to_int(values), codes)
    assert all(fixed.min <= v <= fixed.max for v in values)
    assert [Fraction(v) for v in values.tolist()] == [int(c) * Fraction(2) ** -fixed.fraction for c in codes]


def test_values_beyond_64_bits_saturate_or_wrap():
    huge = 3.0 * 2.0**80
    assert FixedType(True, 8, 8).to_int([huge, -huge]).tolist() == [127, -128]
    assert FixedType(True, 8, 8, overflow="AP_WRAP").to_int([huge, huge + 2.0**70]).tolist() == [0, 0]


def test_attributes_and_text():
    fixed = FixedType(True, 8, 3)
    assert (fixed.fraction, fixed.lsb, fixed.min, fixed.max) == (5, 1 / 32, -4.0, 127 / 32)
    assert str(fixed) == "ap_fixed<8,3,AP_RND_CONV,AP_SAT>"
    negative = FixedType(False, 4, -2, "AP_TRN", "AP_WRAP")
    assert (negative.fraction, negative.max) == (6, 15 / 64)
    assert str(negative) == "ap_ufixed<4,-2,AP_TRN,AP_WRAP>"
    assert FixedType(True, 4, 7).lsb == 8.0


def test_width_must_be_positive():
    with pytest.raises(ConfigError, match=r"width of a fixed-point type must be >= 1 bit, got 0"):
        FixedType(True, 0, 0)


def test_int_bits_is_the_narrowest_width():
    def holds(width: int, low: int, high: int) -> bool:
        if low < 0:
            return width > 0 and -(2 ** (width - 1)) <= low and high < 2 ** (width - 1)
        return high < 2**width

    for low in range(-9, 10):
        for high in range(low, 10):
            bits = int_bits(low, high)
            assert holds(bits, low, high)
            assert bits == 0 or not holds(bits - 1, low, high)


@given(st.integers(-(2**40), 2**40), st.integers(0, 2**40), st.integers(-60, 60))
def test_covering_holds_every_integer(low, span, fraction):
    fixed = FixedType.covering(low, low + span, fraction)
    assert fixed.int_min <= low
    assert low + span <= fixed.int_max
    assert fixed.fraction == fraction
    if fixed.width > 1:
        narrower = FixedType(fixed.signed, fixed.width - 1, fixed.integer - 1)
        assert narrower.int_min > low or narrower.int_max < low + span


class TestGrid:
    def test_of_a_type_and_back(self):
        for fixed in (FixedType(True, 8, 3), FixedType(False, 5, 9), FixedType(True, 1, 0)):
            grid = Grid.of(fixed)
            assert (grid.low, grid.high, grid.fraction) == (fixed.int_min, fixed.int_max, fixed.fraction)
            assert grid.type == fixed

    @given(st.integers(-100, 100), st.integers(0, 100), st.integers(-5, 5), st.integers(0, 8))
    def test_rescaling_keeps_the_values(self, low, span, fraction, finer):
        grid = Grid(low, low + span, fraction)
        fine = grid.rescaled(fraction + finer)
        assert fine.low * Fraction(2) ** -fine.fraction == low * Fraction(2) ** -fraction
        assert fine.high * Fraction(2) ** -fine.fraction == grid.high * Fraction(2) ** -fraction

    def test_rescaling_to_a_coarser_lsb_is_refused(self):
        with pytest.raises(ConfigError, match=r"a grid can only be refined: fraction must be >= 3, got 2"):
            Grid(0, 1, 3).rescaled(2)

    def test_sum_is_bounded_by_the_bounds_of_its_terms(self):
        a, b = Grid(-3, 5, 1), Grid(-7, 2, 3)
        total = a.plus(b)
        sums = [Fraction(x, 2) + Fraction(y, 8) for x in range(a.low, a.high + 1) for y in range(b.low, b.high + 1)]
        assert total == Grid(int(min(sums) * 8), int(max(sums) * 8), 3)
        assert total == b.plus(a)

    def test_union_holds_both(self):
        assert Grid(-3, 5, 2).union(Grid(1, 9, 2)) == Grid(-3, 9, 2)
        with pytest.raises(ConfigError, match=r"grids must have one LSB, got 2\*\*-2 and 2\*\*-3"):
            Grid(0, 1, 2).union(Grid(0, 1, 3))


@pytest.mark.parametrize("fractions", [(0, 0, 0), (2, 5, 1), (3, -2, 4), (1, 7, -3)])
@pytest.mark.parametrize("source", [(-2, 1), (0, 3), (1, 2), (-3, -1)])
def test_accumulator_bounds_are_attained_and_never_exceeded(rng, fractions, source):
    weight_fraction, bias_fraction, source_fraction = fractions
    weight, bias = rng.integers(-3, 4, (3, 4)), rng.integers(-5, 6, 4)
    grid = accumulator_grid(weight, weight_fraction, bias, bias_fraction, Grid(*source, source_fraction))
    values = np.arange(source[0], source[1] + 1)
    inputs = np.stack(np.meshgrid(values, values, values), axis=-1).reshape(-1, 3)
    product_scale = Fraction(2) ** -(weight_fraction + source_fraction)
    results = [
        int(product) * product_scale + int(b) * Fraction(2) ** -bias_fraction
        for row in inputs @ weight
        for product, b in zip(row, bias, strict=True)
    ]
    lsb = Fraction(2) ** -grid.fraction
    assert min(results) == grid.low * lsb
    assert max(results) == grid.high * lsb
    assert all((r / lsb).denominator == 1 for r in results)


@pytest.mark.parametrize("a", [(-2, 1), (0, 3), (1, 2), (-3, -1)])
@pytest.mark.parametrize("b", [(-1, 2), (0, 1), (-2, -2)])
def test_product_bounds_are_attained_and_never_exceeded(a, b):
    grid = product_grid(Grid(*a, 2), Grid(*b, 3), terms=2)
    products = [x * y for x in range(a[0], a[1] + 1) for y in range(b[0], b[1] + 1)]
    sums = [p + q for p in products for q in products]
    assert grid == Grid(min(sums), max(sums), 5)
