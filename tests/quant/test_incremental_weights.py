"""Ternary weights fixed one after the other."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.quant.test_low_bit_weights import normal
from tritag.errors import ConfigError
from tritag.quant.config import QuantConfig
from tritag.quant.weights.incremental_weights import IncrementalTernary, fixed_share


def quantizer(**more: float) -> IncrementalTernary:
    return IncrementalTernary(QuantConfig(weights="ternary", weight_method="incremental", **more), (8, 16))


def test_share_rises_to_one():
    shares = [fixed_share(x, 0.7) for x in np.linspace(0, 1, 50)]
    assert shares == sorted(shares)
    assert (shares[0], fixed_share(0.35, 0.7), shares[-1]) == (0.0, 0.75, 1.0)


def test_the_closest_are_fixed_first_and_stay():
    w, q = normal(1), quantizer().train()
    q.on_step(0, 1000)
    q(w)
    assert not q.fixed.any()
    q.on_step(100, 1000)
    values = q(w)
    assert int(q.fixed.sum()) == round(fixed_share(0.1, 0.7) * w.numel())
    distance = (w.clamp(-q.scale, q.scale) - torch.round(w / q.scale).clamp(-1, 1) * q.scale).abs()
    assert distance[q.fixed].max() <= distance[~q.fixed].min()
    fixed, before = q.fixed.clone(), values[q.fixed]
    q.on_step(200, 1000)
    assert torch.equal(q(-w)[fixed], before)
    torch.testing.assert_close(q(w)[~q.fixed], w.clamp(-q.scale, q.scale)[~q.fixed])


def test_only_every_tenth_step_fixes():
    q = quantizer().train()
    q.on_step(301, 1000)
    q(normal(2))
    assert not q.fixed.any()


def test_gradients_of_free_weights_alone():
    w, q, factor = normal(3).requires_grad_(), quantizer().train(), normal(4)
    q.on_step(300, 1000)
    (q(w) * factor).sum().backward()
    assert torch.equal(w.grad, torch.where(q.fixed, 0.0, factor))


@pytest.mark.parametrize("step", [0, 300, 1000])
def test_levels_in_evaluation(step):
    w, q = normal(5), quantizer().train()
    q.on_step(step, 1000)
    q(w)
    values = q.eval()(w)
    assert len(values.unique()) == 3
    codes, fraction = q.codes(w)
    np.testing.assert_array_equal(codes * 2.0**-fraction, values.numpy())


def test_reloads():
    w, q, other = normal(6), quantizer().train(), quantizer()
    q.on_step(300, 1000)
    q(w)
    other.load_state_dict(q.state_dict())
    np.testing.assert_array_equal(other.codes(-w)[0], q.codes(-w)[0])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"weights": "binary"}, "weight_method: incremental needs ternary weights, got binary"),
        ({"incremental_end": 0.0}, r"0 < incremental_end <= 1 and incremental_scale > 0, got 0\.0 and 2\.0"),
    ],
)
def test_settings(settings, message):
    with pytest.raises(ConfigError, match=message):
        QuantConfig(**({"weights": "ternary", "weight_method": "incremental"} | settings))
