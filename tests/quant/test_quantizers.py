"""Quantizers: power-of-two scales, ternary weights, and the observers' phases."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from tritag.models.layers.linear import Linear
from tritag.quant.config import QuantConfig
from tritag.quant.formats.fixed import FixedType, Grid
from tritag.quant.formats.tensor import FixedTensor
from tritag.quant.layers.factory import QuantLayers
from tritag.quant.weights.cut import Cut
from tritag.quant.weights.quantizers import (
    AbsMeanWeightScaling,
    StaticQuantileScaling,
    power_of_two_ceil,
    power_of_two_near,
)

QUANTILE, MOMENTUM, DYNAMIC, FROZEN = 0.01, 0.9, 0.1, 0.8

positive_floats = st.floats(2.0**-100, 2.0**100, width=32)


def observer() -> StaticQuantileScaling:
    """Observer of an activation, in training mode."""
    return StaticQuantileScaling(QUANTILE, MOMENTUM, DYNAMIC, FROZEN)


def cut(bits: int = 8) -> Cut:
    """A cut with that observer."""
    return Cut(bits, range_quantile=QUANTILE, range_momentum=MOMENTUM, dynamic_fraction=DYNAMIC, frozen_fraction=FROZEN)


class TestPowersOfTwo:
    @given(positive_floats)
    def test_ceil_is_the_smallest_that_reaches(self, x):
        power = Fraction(float(power_of_two_ceil(torch.tensor(x))))
        assert power.numerator == 1 or power.denominator == 1
        assert power in (Fraction(2) ** math.frexp(x)[1], Fraction(2) ** (math.frexp(x)[1] - 1))
        assert power >= Fraction(x) > power / 2

    @given(positive_floats)
    def test_near_is_the_nearest_in_the_logarithm(self, x):
        power = float(power_of_two_near(torch.tensor(x)))
        assert math.frexp(power)[0] == 0.5
        assert abs(math.log2(x) - math.log2(power)) <= 0.5 + 1e-6

    @given(st.integers(-100, 100))
    def test_powers_stay(self, exponent):
        x = torch.tensor(2.0**exponent)
        assert power_of_two_ceil(x) == x
        assert power_of_two_near(x) == x


class TestWeights:
    def layer(self, weights: str, role: str = "hidden") -> torch.nn.Module:
        return QuantLayers(QuantConfig(weights=weights), 4)(Linear, 16, 8, role=role, summed=True).eval()

    @given(st.floats(2.0**-10, 8.0), st.integers(0, 1000))
    def test_int8_uses_its_codes(self, largest, seed):
        layer = self.layer("int8")
        value = torch.rand(8, 16, generator=torch.Generator().manual_seed(seed)) * 2 - 1
        with torch.no_grad():
            layer.weight.copy_(value / value.abs().max() * largest)
        weight, fraction, *_ = layer.integers()
        assert 63 <= np.abs(weight).max() <= 127  # a power-of-two scale wastes at most one bit
        np.testing.assert_array_equal(weight, np.rint(layer.weight.detach().double().numpy() * 2.0**fraction))

    @given(st.floats(2.0**-10, 8.0), st.integers(0, 1000))
    def test_ternary_has_at_most_three_values(self, width, seed):
        layer = self.layer("ternary")
        with torch.no_grad():
            layer.weight.copy_(torch.randn(8, 16, generator=torch.Generator().manual_seed(seed)) * width)
        weight, fraction, *_ = layer.integers()
        assert set(np.unique(weight)) <= {-1, 0, 1}
        assert len(layer.quant_weight().value.unique()) <= 3
        mean = float(layer.weight.detach().abs().mean())
        assert abs(math.log2(mean) + fraction) <= 0.5 + 1e-6
        scaled = layer.weight.detach().double().numpy() * 2.0**fraction
        np.testing.assert_array_equal(weight, np.rint(scaled).clip(-1, 1))

    def test_share_of_zeros_of_a_normal_tensor(self):
        """Zero is what lies below half the scale, 38 % of a normal tensor; at half the scale it would be 20 %."""
        layer = self.layer("ternary")
        with torch.no_grad():
            layer.weight.copy_(torch.randn(8, 16, generator=torch.Generator().manual_seed(1)))
        assert float((layer.integers()[0] == 0).mean()) == pytest.approx(0.38, abs=0.05)

    @pytest.mark.parametrize("role", ["input", "output"])
    def test_first_and_last_layer_are_int8(self, role):
        assert len(np.unique(self.layer("ternary", role).integers()[0])) > 3

    def test_biases_have_their_own_scale(self):
        layer = self.layer("ternary")
        with torch.no_grad():
            layer.weight.fill_(1.0)
            layer.bias.copy_(torch.linspace(-0.01, 0.01, 8))
        _, weight_fraction, bias, bias_fraction = layer.integers()
        assert (weight_fraction, bias_fraction) == (0, 13)
        assert np.abs(bias).max() == round(0.01 * 2**13)

    def test_all_zero_weights_have_a_scale(self):
        for weights in ("int8", "ternary"):
            layer = self.layer(weights)
            with torch.no_grad():
                layer.weight.zero_()
                layer.bias.zero_()
            weight, fraction, bias, bias_fraction = layer.integers()
            assert not weight.any()
            assert not bias.any()
            assert max(fraction, bias_fraction) < 40

    def test_ternary_scale_freezes(self):
        scaling = AbsMeanWeightScaling(0.3)
        scaling.train()
        for step, mean, expected in [(0, 1.0, 1.0), (2, 4.0, 4.0), (3, 0.25, 0.25), (4, 16.0, 0.25), (10, 2.0, 0.25)]:
            scaling.on_step(step, 10)
            assert scaling(torch.full((3, 3), mean), torch.tensor(1.0)) == expected
        scaling.on_step(0, 10)
        assert scaling.eval()(torch.full((3, 3), 8.0), torch.tensor(1.0)) == 0.25

    def test_ternary_scale_travels_with_the_weights(self):
        first, second = self.layer("ternary"), self.layer("ternary")
        with torch.no_grad():
            first.weight.mul_(8)
        first.integers()
        second.load_state_dict(first.state_dict())
        assert [str(x) for x in second.integers()] == [str(x) for x in first.integers()]


class TestObserver:
    def batch(self, largest: float) -> Tensor:
        return torch.linspace(-largest, largest, 1001)

    def test_phases(self):
        scaling, threshold = observer().train(), torch.tensor(128.0)
        scaling.on_step(0, 100)
        for largest in (3.0, 5.0, 2.0):  # dynamic: the batch alone
            scaling(self.batch(largest), threshold)
            assert float(scaling.range) == pytest.approx(largest * (1 - 2 * QUANTILE), rel=2e-3)
        scaling.on_step(10, 100)
        before = float(scaling.range)
        scaling(self.batch(40.0), threshold)  # momentum: a tenth of the way
        now = 40.0 * (1 - 2 * QUANTILE)
        assert float(scaling.range) == pytest.approx(MOMENTUM * before + (1 - MOMENTUM) * now, rel=2e-3)
        scaling.on_step(80, 100)
        before = float(scaling.range)
        scaling(self.batch(1000.0), threshold)  # frozen
        assert float(scaling.range) == before
        assert int(scaling.observed) == 4

    def test_first_batch_sets_the_range_in_any_phase_but_the_last(self):
        scaling = observer().train()
        scaling.on_step(50, 100)
        scaling(self.batch(7.0), torch.tensor(128.0))
        assert float(scaling.range) == pytest.approx(7.0 * (1 - 2 * QUANTILE), rel=2e-3)

    def test_evaluation_never_changes_the_range(self):
        scaling = observer().eval()
        scaling(self.batch(100.0), torch.tensor(128.0))
        assert (float(scaling.range), int(scaling.observed)) == (1.0, 0)

    def test_all_zero_batch_has_a_scale(self):
        scaling = observer().train()
        assert 0 < float(scaling(torch.zeros(10), torch.tensor(128.0))) < 1e-4

    @pytest.mark.parametrize("size", [1, 2, 5, 16384, 40000])
    def test_quantile_of_any_number_of_values(self, size):
        scaling = observer().train()
        values = torch.arange(1.0, size + 1)
        scaling(values[torch.randperm(size)], torch.tensor(128.0))
        assert float(scaling.range) == pytest.approx(size * (1 - 2 * QUANTILE), abs=max(3, 0.02 * size))


class TestCut:
    @given(st.sampled_from([2, 4, 8, 12, 16]), st.floats(2.0**-8, 2.0**8), st.integers(0, 1000))
    def test_rounds_half_to_even_and_saturates_to_its_grid(self, bits, largest, seed):
        step = cut(bits).eval()
        for module in step.modules():
            if isinstance(module, StaticQuantileScaling):
                module.range.fill_(largest)
        grid = step.grid
        assert (grid.low, grid.high) == (-(1 << (bits - 1)), (1 << (bits - 1)) - 1)
        # Ties, ends and random values.
        codes = torch.randint(2 * grid.low, 2 * grid.high, (200,), generator=torch.Generator().manual_seed(seed))
        value = torch.cat([codes * 0.5, torch.rand(50) * 4 * grid.low]) * 2.0**-grid.fraction
        result = step(FixedTensor(value, None))
        expected = FixedType(True, bits, bits - grid.fraction).to_int(value.double().numpy())
        np.testing.assert_array_equal(result.integers().numpy(), expected)

    def test_range_decides_the_grid(self):
        step = cut(8).train()
        step(FixedTensor(torch.linspace(-3, 3, 1001), None))
        assert step.grid == Grid(-128, 127, 5)  # 127 / 32 = 3.97 >= 2.94
        step(FixedTensor(torch.linspace(-0.3, 0.3, 1001), None))
        assert step.grid == Grid(-128, 127, 8)

    def test_training_and_evaluation_give_the_same_values(self):
        step, x = cut(8), FixedTensor(torch.randn(1000), None)
        trained = step.train()(x)
        assert torch.equal(step.eval()(x).value, trained.value)

    def test_gradient_passes_inside_and_stops_outside(self):
        step = cut(8).eval()  # range 1
        x = torch.tensor([0.3, -0.7, 5.0, -5.0], requires_grad=True)
        step(FixedTensor(x, None)).value.sum().backward()
        assert x.grad is not None
        assert x.grad.isfinite().all()
        assert x.grad[:2].tolist() == [1.0, 1.0]
        assert x.grad[2:].tolist() == [0.0, 0.0]


class TestTrainingWithoutBrevitas:
    """In training layers and cuts compute what their Brevitas quantizers stand for: the same values and gradients."""

    @pytest.mark.parametrize("weights", ["int8", "ternary"])
    def test_weights_and_bias(self, weights):
        layer = QuantLayers(QuantConfig(weights=weights), 16)(Linear, 16, 5).train()
        for ours, theirs, parameter in (
            (layer.weight_value(), layer.quant_weight().value, layer.weight),
            (layer.bias_value(), layer.quant_bias().value, layer.bias),
        ):
            assert torch.equal(ours, theirs)
            factor = torch.randn_like(parameter)
            gradients = [torch.autograd.grad((value * factor).sum(), parameter)[0] for value in (ours, theirs)]
            assert torch.equal(*gradients)

    def test_cut(self):
        step, x = cut(8).train(), torch.randn(4000, requires_grad=True)
        ours, theirs = step(FixedTensor(x, None)).value, step.quantizer(x)
        assert torch.equal(ours, theirs)
        gradients = [torch.autograd.grad(value.square().sum(), x)[0] for value in (ours, theirs)]
        assert torch.equal(*gradients)
        assert (gradients[0] == 0).any()

    @given(positive_floats, st.sampled_from([2, 8, 16]))
    def test_fraction_is_that_of_the_scale(self, largest, bits):
        scaling = observer()
        scaling.range.fill_(largest)
        assert float(scaling.scale(torch.tensor(2.0 ** (bits - 1)))) == 2.0 ** -scaling.fraction(1 << (bits - 1))
