"""Linear layers with free scales and zero points: ops against rational numbers, the layer against its float form."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.quant.test_layer_ops import QUICK, Drawn, grids, tensors
from tritag.errors import ConfigError, ExportError
from tritag.models.layers.linear import Linear
from tritag.quant.config import QuantConfig
from tritag.quant.formats.fixed import Grid
from tritag.quant.formats.tensor import FixedTensor
from tritag.quant.layers.asymmetric_linear import AsymmetricLinear
from tritag.quant.layers.factory import QuantLayers
from tritag.quant.ops.free_scale import FromSums, ToCodes
from tritag.quant.weights.linear import QuantLinear

ASYMMETRIC = QuantConfig(activations="asymmetric-exact")
scales = st.floats(2.0**-10, 4.0, width=32)


@given(tensors(3, 2), scales, st.integers(-128, 127), st.integers(2, 8))
@QUICK
def test_codes_are_those_of_rational_numbers(x: Drawn, scale: float, zero: int, bits: int):
    low, high = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    got = ToCodes(scale, zero, low, high)(x.tensor)
    lsb = Fraction(2) ** -x.grid.fraction
    for integer, code in zip(x.integers.ravel().tolist(), got.integers().ravel().tolist(), strict=True):
        assert code == min(max(round(integer * lsb / Fraction(scale) + zero), low), high) - zero


@given(tensors(2, 2, 14), grids(), st.tuples(scales, scales), st.tuples(*[st.floats(-9, 9, width=32)] * 2))
@QUICK
def test_sums_are_those_of_rational_numbers(x: Drawn, y: Grid, factors: tuple[float, float], offsets: tuple[float]):
    whole = Grid(x.grid.low, x.grid.high, 0)
    got = FromSums(y, factors, offsets)(FixedTensor.from_integers(torch.from_numpy(x.integers), whole)).integers()
    scale, lsb = Fraction(factors[0]) * Fraction(factors[1]), Fraction(2) ** -y.fraction
    for lane, offset in enumerate(offsets):
        for integer, level in zip(x.integers[..., lane].ravel(), got[..., lane].ravel().tolist(), strict=True):
            assert level == min(max(round((int(integer) * scale + Fraction(offset)) / lsb), y.low), y.high)


def test_offsets_must_fit_the_lanes():
    x = FixedTensor.from_integers(torch.zeros(1, 1, 3), Grid(-9, 9, 0))
    with pytest.raises(ExportError, match="one offset for each of 3 lanes, got 2"):
        FromSums(Grid(-9, 9, 0), (0.1, 0.1), (0.0, 0.0))(x)


@pytest.mark.parametrize("summed", [False, True])
def test_layer_is_its_float_form_within_its_roundings(rng, summed):
    torch.manual_seed(3)
    layers = QuantLayers(QuantConfig(activations="asymmetric-exact", range_quantile=0.0), 4)
    layer, plain = layers(Linear, 6, 5, summed=summed), Linear(6, 5)
    assert isinstance(layer, AsymmetricLinear)
    layer.load_state_dict(plain.state_dict(), strict=False)
    # Values of one sign: the zero point is at the end of the codes.
    x = FixedTensor.from_integers(torch.from_numpy(rng.integers(40, 512, (200, 4, 6))), Grid(-512, 511, 7))
    surrogate = layer.train()(x).value
    exact = layer.eval()(x)
    lsb = 2.0 ** -exact.known_grid().fraction
    assert (exact.value - surrogate).abs().max() <= lsb  # ties of float32
    scale, zero = layer.input.scale_and_zero()
    assert zero == -128
    weight = plain.weight.detach()
    # Half a step of each input and of each weight, their product, and the cut.
    step = float(weight.amax() - weight.amin()) / 255
    bound = 0.5 * (float(weight.abs().sum(1).max()) * scale + 6 * step * (float(x.value.max()) + 0.5 * scale)) + lsb
    assert (exact.value - plain(x.value)).abs().max() < bound


def test_roles_and_names():
    layers = QuantLayers(ASYMMETRIC, 4)
    for role in ("input", "output"):
        assert isinstance(layers(Linear, 2, 2, role=role), QuantLinear)
    names = [name for name, _ in layers(Linear, 2, 2).named_parameters()]
    assert names == [name for name, _ in Linear(2, 2).named_parameters()]
    assert layers.cut().bits == 10


def test_constant_form_gives_the_same_integers(rng):
    layer = QuantLayers(ASYMMETRIC, 4)(Linear, 3, 2)
    x = FixedTensor.from_integers(torch.from_numpy(rng.integers(-512, 512, (50, 4, 3))), Grid(-512, 511, 7))
    layer.train()(x)
    layer.eval()
    assert torch.equal(layer(x).integers(), layer.constant().eval()(x).integers())
    assert np.abs(layer.weight_integers()).max() <= 255


def test_a_layer_without_weights_gives_its_bias():
    layer = QuantLayers(ASYMMETRIC, 4)(Linear, 2, 2)
    with torch.no_grad():
        layer.weight.zero_()
        layer.bias.copy_(torch.tensor([0.5, -0.25]))
    x = FixedTensor.from_integers(torch.zeros(1, 4, 2), Grid(-512, 511, 7))
    layer.train()(x)
    assert torch.allclose(layer.eval()(x).value, layer.bias.detach().expand(1, 4, 2), atol=1e-2)


def test_other_weights_are_refused():
    with pytest.raises(ConfigError, match="activations: asymmetric-exact needs int8 weights, got ternary"):
        QuantConfig(activations="asymmetric-exact", weights="ternary")
