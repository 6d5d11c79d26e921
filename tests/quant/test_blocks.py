"""Logarithm, roots, reciprocal and angle against float64, within the stated errors."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from tests.helpers import tolerances
from tritag.quant.integer import blocks
from tritag.quant.integer.torch_executor import run
from tritag.quant.integer.tracer import Int, Tracer

INDEX_BITS = (5, 8, 10)


def evaluate(write: Callable[..., Int | tuple[Int, ...]], *arguments: np.ndarray) -> list[np.ndarray]:
    """Results of a block for arrays of integers, each declared with the interval that it fills."""
    t = Tracer("block", 1)
    values = [t.input(f"x{i}", int(x.min()), int(x.max())) for i, x in enumerate(arguments)]
    results = write(t, *values)
    for i, result in enumerate(results if isinstance(results, tuple) else (results,)):
        t.output(f"y{i}", result)
    return [y.numpy().ravel() for y in run(t.program, [torch.from_numpy(x.reshape(-1, 1, 1)) for x in arguments])]


@pytest.fixture
def positive(rng: np.random.Generator) -> np.ndarray:
    """Every integer from 1 to 2**13, and random ones up to 2**40."""
    return np.concatenate([np.arange(1, 1 << 13), np.exp2(rng.uniform(13, 40, 20000)).astype(np.int64)])


@pytest.fixture
def plane(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Every point (y, x) with coordinates up to 90, and random ones up to 2**17."""
    side = np.arange(-90, 91)
    far = (np.exp2(rng.uniform(0, 17, (2, 20000))) * rng.choice([-1, 1], (2, 20000))).astype(np.int64)
    y, x = (np.concatenate([near.ravel(), far[i]]) for i, near in enumerate(np.meshgrid(side, side)))
    return y, x


@pytest.mark.parametrize("index_bits", INDEX_BITS)
@pytest.mark.parametrize("fraction", [0, 6, 13])
def test_log2(positive, index_bits, fraction):
    (y,) = evaluate(lambda t, x: blocks.log2(t, x, fraction, index_bits), positive)
    error = np.abs(y * 2.0**-fraction - np.log2(positive))
    assert error.max() <= tolerances.log2_error(index_bits, fraction)


@pytest.mark.parametrize("index_bits", INDEX_BITS)
@pytest.mark.parametrize("fraction", [0, 6, 13])
def test_sqrt(positive, index_bits, fraction):
    (y,) = evaluate(lambda t, x: blocks.sqrt(t, x, fraction, index_bits), positive)
    root = np.sqrt(positive)
    assert (np.abs(y * 2.0**-fraction - root) <= tolerances.sqrt_error(root, index_bits, fraction)).all()


@pytest.mark.parametrize("index_bits", INDEX_BITS)
@pytest.mark.parametrize("bits", [8, 12, 16])
def test_rsqrt(positive, index_bits, bits):
    mantissa, shift = evaluate(lambda t, x: blocks.rsqrt(t, x, bits, index_bits), positive)
    error = np.abs(mantissa * 2.0 ** -(bits + shift) * np.sqrt(positive) - 1)
    assert error.max() <= tolerances.rsqrt_error(index_bits, bits)


@pytest.mark.parametrize("index_bits", INDEX_BITS)
@pytest.mark.parametrize("bits", [8, 12, 16])
def test_reciprocal(positive, index_bits, bits):
    mantissa, shift = evaluate(lambda t, x: blocks.reciprocal(t, x, bits, index_bits), positive)
    error = np.abs(mantissa * 2.0 ** -(bits + shift) * positive - 1)
    assert error.max() <= tolerances.reciprocal_error(index_bits, bits)


@pytest.mark.parametrize("index_bits", INDEX_BITS)
@pytest.mark.parametrize("fraction", [6, 12, 16])
def test_angle(plane, index_bits, fraction):
    (angle,) = evaluate(lambda t, y, x: blocks.angle(t, y, x, fraction, index_bits), *plane)
    error = np.abs(angle * 2.0**-fraction - np.arctan2(*plane))
    assert error.max() <= tolerances.angle_error(index_bits, fraction)


@pytest.mark.parametrize("bits", [6, 8, 12])
@pytest.mark.parametrize("step", [0.5, 2.0**-6, 3.0 * 2.0**-12])
def test_exponential(bits, step):
    below = np.arange(0, round(30 / step))
    (weight,) = evaluate(lambda t, x: blocks.exponential(t, x, step, bits), below)
    expected = ((1 << bits) - 1) * np.exp(-below * step)
    assert (np.abs(weight - expected) <= tolerances.exp_weights_lsb(bits)).all()
    assert (np.diff(weight) <= 0).all()
    assert not weight[-1]


@pytest.mark.parametrize("bits", [8, 12, 16])
@pytest.mark.parametrize("fraction", [4, 10])
def test_exp2(bits, fraction):
    below = np.arange(0, (bits + 6) << fraction)
    (weight,) = evaluate(lambda t, x: blocks.exp2(t, x, fraction, bits), below)
    error = np.abs(weight - ((1 << bits) - 1) * 2.0 ** (-below / 2**fraction))
    assert error.max() <= 1.0
    assert (np.diff(weight) <= 0).all()
    assert weight[0] == (1 << bits) - 1
    assert not weight[-1]


@pytest.mark.parametrize("index_bits", [4, 7])
def test_log2_sum(index_bits, rng):
    fraction = 12
    a, b = rng.integers(-(20 << fraction), 20 << fraction, (2, 20000))
    b[::2] = a[::2] + rng.integers(-3 << fraction, 3 << fraction, len(a[::2]))
    (y,) = evaluate(lambda t, a, b: blocks.log2_sum(t, a, b, fraction, index_bits), a, b)
    error = np.abs(y * 2.0**-fraction - np.logaddexp2(a * 2.0**-fraction, b * 2.0**-fraction))
    assert error.max() <= max(2.0 ** -(index_bits + 2) + 2.0 ** -(fraction + 1), 2.0**-10)
    (swapped,) = evaluate(lambda t, a, b: blocks.log2_sum(t, a, b, fraction, index_bits), b, a)
    np.testing.assert_array_equal(y, swapped)


def test_angle_is_symmetric(plane):
    y, x = plane
    (angle,) = evaluate(lambda t, y, x: blocks.angle(t, y, x, 12), y, x)
    (mirrored,) = evaluate(lambda t, y, x: blocks.angle(t, y, x, 12), -y, x)
    on_axis = y == 0
    np.testing.assert_array_equal(mirrored[~on_axis], -angle[~on_axis])
    assert set(angle[on_axis & (x < 0)].tolist()) == {round(np.pi * 4096)}
    assert not angle[on_axis & (x >= 0)].any()


def test_zero():
    zero = np.array([0, 1])  # the interval must not be a point
    assert evaluate(lambda t, x: blocks.log2(t, x, 8), zero)[0].tolist() == [0, 0]
    assert evaluate(lambda t, x: blocks.sqrt(t, x, 8), zero)[0].tolist() == [0, 256]
    for block in (blocks.rsqrt, blocks.reciprocal):  # 1 / 0 is taken as 1 / 1
        mantissa, shift = evaluate(lambda t, x, block=block: block(t, x, 8), zero)
        assert mantissa.tolist() == [256, 256]
        assert shift.tolist() == [0, 0]
    assert evaluate(lambda t, y, x: blocks.angle(t, y, x, 8), zero, zero)[0].tolist() == [0, 201]


def test_blocks_share_their_tables():
    t = Tracer("op", 1)
    x = t.input("x", 0, 100)
    for block in (blocks.log2, blocks.sqrt, blocks.rsqrt, blocks.reciprocal):
        block(t, x, 8)
        tables = set(t.program.tables)
        block(t, x + 0, 8)
        assert set(t.program.tables) == tables
    blocks.angle(t, x, x, 8)
    tables = set(t.program.tables)
    blocks.angle(t, x, x + 0, 8)
    assert set(t.program.tables) == tables


@pytest.mark.parametrize("bits", [4, 10])
def test_block_normalize(bits, rng):
    values = np.concatenate([rng.integers(-20, 21, (4000, 3)), rng.integers(-5000, 5001, (4000, 3)), np.zeros((1, 3))])
    columns = values.astype(np.int64).T

    def write(t: Tracer, *block: Int) -> tuple[Int, ...]:
        exponent = blocks.block_exponent(list(block))
        return (exponent, *(blocks.block_normalize(v, exponent, bits) for v in block))

    exponent, *scaled = evaluate(write, *columns)
    largest = np.abs(columns).max(0)
    np.testing.assert_array_equal(exponent, np.floor(np.log2(np.maximum(largest, 1))))
    np.testing.assert_array_equal(scaled, np.rint(columns * 2.0 ** (bits - 1 - exponent)))
    assert (np.abs(scaled).max(0)[largest > 0] >= 1 << (bits - 1)).all()
    assert np.abs(scaled).max() <= 1 << bits
