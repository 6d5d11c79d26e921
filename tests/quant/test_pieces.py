"""Tables of straight pieces against float64."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tritag.quant.integer.segments import inverse_of_gamma_plus_one, reciprocal_fine, rsqrt_fine, sqrt_fine
from tritag.quant.integer.torch_executor import run
from tritag.quant.integer.tracer import Tracer

BITS = 25


def _arguments() -> torch.Tensor:
    """Small ones, powers of two and their neighbours, random ones of all sizes."""
    rng = np.random.default_rng(0)
    powers = 1 << np.arange(1, 45, dtype=np.int64)
    wide = np.exp2(rng.uniform(0, 45, 20_000)).astype(np.int64)
    values = np.concatenate([np.arange(1, 5000), powers - 1, powers, powers + 1, wide])
    return torch.from_numpy(values)[:, None, None]


@pytest.mark.parametrize(
    ("block", "function", "error"),
    [(rsqrt_fine, lambda x: x**-0.5, 2.0**-23), (reciprocal_fine, lambda x: 1 / x, 2.0**-21)],
)
def test_mantissa_and_shift(block, function, error):
    t = Tracer("block", 1)
    mantissa, shift = block(t, t.input("x", 1, 1 << 46), BITS)
    t.output("mantissa", mantissa)
    t.output("shift", shift)
    x = _arguments()
    given, down = run(t.program, [x])
    value = given.double() * torch.exp2(-(BITS + down.double()))
    expected = function(x.double())
    assert ((value - expected).abs() / expected).max() <= error + 2.0**-BITS


def test_square_root():
    t = Tracer("block", 1)
    t.output("root", sqrt_fine(t, t.input("x", 1, 1 << 46)))
    x = _arguments()
    (given,) = run(t.program, [x])
    expected = x.double().sqrt()
    assert ((given.double() - expected).abs() - 2.0**-23 * expected).max() <= 0.5


@pytest.mark.parametrize("gamma_bits", [5, 7])
def test_inverse_of_gamma_plus_one(gamma_bits):
    octaves, fraction = 2 * gamma_bits + 2, 16 + gamma_bits + 1
    t = Tracer("block", 1)
    square = t.input("square", 1 << 32, 3 << (32 + 2 * gamma_bits))
    t.output("inverse", inverse_of_gamma_plus_one(t, square, 32, octaves, fraction))
    exponents = np.random.default_rng(0).uniform(32, 33.5 + 2 * gamma_bits, 20_000)
    x = torch.from_numpy(np.exp2(exponents).astype(np.int64))[:, None, None]
    (given,) = run(t.program, [x])
    expected = 2.0**fraction / (1 + (x.double() * 2.0**-32).sqrt())
    assert (given.double() - expected).abs().max() <= 0.6 + 2.0 ** (fraction - 23)
