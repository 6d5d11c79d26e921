"""Ternary and binary weights: levels, PARQ's map against the reference implementation, gradients."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tritag.errors import ConfigError, ExportError
from tritag.quant.config import QuantConfig
from tritag.quant.formats.straight_through import straight_through
from tritag.quant.weights.low_bit_weights import LowBitWeights, inverse_slope, proximal_map

LEVELS = torch.tensor([-0.5, 0.0, 0.5])
KINDS = [(w, m) for w in ("ternary", "binary") for m in ("ste", "parq")]


def quantizer(weights: str, method: str = "ste", power_of_two: bool = True, **more: float) -> LowBitWeights:
    return LowBitWeights(QuantConfig(weights=weights, weight_method=method, **more), power_of_two)


def normal(seed: int = 0, shape: tuple[int, ...] = (8, 16)) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


class TestInverseSlope:
    def test_ends_and_middle(self):
        values = [inverse_slope(x, 0.45, 0.55, 100.0) for x in (0.0, 0.449, 0.45, 0.5, 0.5499999, 0.55, 1.0)]
        assert values == pytest.approx([1, 1, 1, 0.5, 0, 0, 0], abs=1e-6)

    @given(st.floats(0.46, 0.54), st.floats(1, 200))
    def test_formula_of_the_paper(self, progress, steepness):
        def sigma(x: float) -> float:
            return 1 / (1 + math.exp(-x))

        f, s = (progress - 0.45) / 0.1, steepness
        expected = (sigma(-s * (f - 0.5)) - sigma(-s / 2)) / (sigma(s / 2) - sigma(-s / 2))
        assert inverse_slope(progress, 0.45, 0.55, s) == pytest.approx(expected, rel=1e-9, abs=1e-12)

    def test_falls(self):
        values = [inverse_slope(x, 0.2, 0.8, 10.0) for x in np.linspace(0, 1, 100)]
        assert values == sorted(values, reverse=True)


class TestProximalMap:
    def test_one_clips_and_zero_rounds(self):
        w = normal()
        torch.testing.assert_close(proximal_map(w, LEVELS, 1.0), w.clamp(-0.5, 0.5))
        hard = proximal_map(w, LEVELS, 0.0)
        assert torch.equal(hard, torch.round(w / 0.5).clamp(-1, 1) * 0.5)

    @pytest.mark.parametrize("rho", [0.9, 0.5, 0.01, 1e-45])
    @pytest.mark.parametrize("levels", [[-0.5, 0.0, 0.5], [-0.5, 0.5]])
    def test_formula_between_neighbours(self, rho, levels):
        q, w = torch.tensor(levels), normal(1)
        given = proximal_map(w, q, rho)
        for x, y in zip(w.flatten().tolist(), given.flatten().tolist(), strict=True):
            low = max([v for v in levels if v < x], default=levels[0])
            high = min([v for v in levels if v >= x], default=levels[-1])
            centre = (low + high) / 2
            assert y == pytest.approx(min(max(centre + (x - centre) / max(rho, 1.2e-38), low), high), rel=1e-5)

    @pytest.mark.parametrize("progress", [0.0, 0.4, 0.46, 0.49, 0.5, 0.51, 0.54, 0.55, 1.0])
    @pytest.mark.parametrize("levels", [[-0.5, 0.0, 0.5], [-0.25, 0.25]])
    def test_equals_torchao(self, progress, levels):
        parq = pytest.importorskip("torchao.prototype.parq", reason="torchao is not installed")
        total, q, w = 1000, torch.tensor(levels), normal(2)
        reference = w.clone()
        parq.ProxPARQ(450, 550, steepness=100.0).apply_(reference, None, q, round(progress * total))
        rho = inverse_slope(progress, 0.45, 0.55, 100.0)
        given = w if progress < 0.45 else proximal_map(w, q, rho)
        torch.testing.assert_close(given, reference, rtol=1e-5, atol=1e-7)


class TestLowBitWeights:
    @pytest.mark.parametrize(("weights", "method"), KINDS)
    @pytest.mark.parametrize("power_of_two", [True, False])
    def test_levels_in_evaluation(self, weights, method, power_of_two):
        w = normal(3)
        q = quantizer(weights, method, power_of_two)
        q.train()(w)
        values = q.eval()(w).unique()
        assert len(values) == {"ternary": 3, "binary": 2}[weights]
        if power_of_two:
            codes, fraction = q.codes(w)
            assert set(np.unique(codes)) == ({-1, 0, 1} if weights == "ternary" else {-1, 1})
            np.testing.assert_array_equal(codes * 2.0**-fraction, q(w).numpy())

    def test_scales(self):
        w = normal(4)
        mean = float(w.abs().mean())
        for weights, method, factor in [("ternary", "ste", 1), ("binary", "ste", 1), ("ternary", "parq", 1.1)]:
            q = quantizer(weights, method, False).eval()
            assert float(q(w).abs().max()) == pytest.approx(factor * mean, rel=1e-6)
        exact = float(quantizer("binary")(w).abs().max())
        assert math.log2(exact) % 1 == 0
        assert abs(math.log2(exact / mean)) <= 0.5

    def test_binary_is_the_sign_of_the_difference_to_the_mean(self):
        w = normal(5) + 3.0
        codes, _ = quantizer("binary").codes(w)
        np.testing.assert_array_equal(codes, np.where(w > w.mean(), 1, -1))
        np.testing.assert_array_equal(quantizer("binary", "parq").codes(w)[0], 1)

    def test_parq_moves_from_the_weight_to_the_levels(self):
        w = normal(6)
        q = quantizer("ternary", "parq").train()
        seen = []
        for step in (0, 45, 50, 55, 99):
            q.on_step(step, 100)
            seen.append(q(w))
        assert torch.equal(seen[0], w)
        assert len(seen[3].unique()) == len(seen[4].unique()) == 3
        middle = seen[2].abs() / q.scale
        assert 0 < float(((middle > 1e-3) & (middle < 0.999)).float().mean()) < 1

    def test_scale_is_looked_up_every_ten_steps_and_freezes(self):
        q = quantizer("ternary", "parq", scale_frozen_fraction=0.3).train()
        for step, size, expected in [(0, 1.0, 1.0), (5, 8.0, 1.0), (10, 8.0, 8.0), (30, 2.0, 2.0), (40, 8.0, 2.0)]:
            q.on_step(step, 100)
            q(torch.full((2, 2), size))
            assert float(q.scale) == expected, step
        q.eval()(torch.full((2, 2), 64.0))
        assert float(q.scale) == 2.0

    @pytest.mark.parametrize(("weights", "method"), KINDS)
    def test_gradient_is_that_of_the_quantized_weight(self, weights, method):
        w = normal(7).requires_grad_()
        factor = normal(8)
        (quantizer(weights, method).train()(w) * factor).sum().backward()
        assert torch.equal(w.grad, factor)

    def test_zero_weights_have_a_scale(self):
        codes, fraction = quantizer("ternary").codes(torch.zeros(3, 3))
        assert not codes.any()
        assert fraction == 12

    def test_free_scales_have_no_codes(self):
        with pytest.raises(ExportError, match="scales must be powers of two"):
            quantizer("ternary", power_of_two=False).codes(normal(9))


def test_straight_through_is_exact():
    x = torch.tensor([1e8, 1.0], requires_grad=True)
    value = torch.tensor([1e-8, 0.1])
    y = straight_through(x, value)
    assert torch.equal(y, value)
    y.sum().backward()
    assert torch.equal(x.grad, torch.ones(2))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"parq_start": 0.6}, r"PARQ must satisfy 0 <= parq_start < parq_end <= 1 .* got 0\.6, 0\.55 and 100"),
        ({"parq_steepness": 0.0}, "parq_steepness > 0"),
        ({"weight_method": "parq"}, "weight_method: parq needs ternary or binary weights, got int8"),
        ({"weights": "float"}, "weights: float and activations: bfloat16 must go together, got float, static"),
        ({"activations": "bfloat16"}, "must go together, got int8, bfloat16"),
    ],
)
def test_settings(settings, message):
    with pytest.raises(ConfigError, match=message):
        QuantConfig(**settings)
