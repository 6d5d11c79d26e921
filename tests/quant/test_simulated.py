"""Simulated recipes with free scales: the papers' formulas, the layers they touch, and that none can be exported."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from tests.helpers.jets import random_jets
from tests.helpers.taggers import TINY
from tritag.errors import ExportError
from tritag.models.nets.registry import TaggerConfig, make_tagger
from tritag.quant.config import QuantConfig
from tritag.quant.simulated.quantizers import DynamicInput, PerTokenInput
from tritag.quant.simulated.tagger import SimulatedTagger, why_not_exact
from tritag.quant.weights.asymmetric import StaticInput, asymmetric

TRANSFORMER = TaggerConfig("transformer", 5, dict(TINY))
SIZES = {"blocks": 1, "channels": 16, "heads": 2, "mlp_factor": 1, "frames_hidden": 4}
LLOCA = {
    frames: TaggerConfig("lloca", 5, {**SIZES, "frames": frames, "frames_net": "pairs"})
    for frames in ("local", "global")
}
RECIPES = {
    "asymmetric": QuantConfig(activations="asymmetric"),
    "asymmetric-dynamic": QuantConfig(activations="asymmetric-dynamic"),
    "per-token": QuantConfig(activations="per-token", weights="ternary"),
    "bfloat16": QuantConfig(activations="bfloat16", weights="float"),
}


def tensors(n: int = 60) -> tuple[torch.Tensor, torch.Tensor]:
    codes, count = random_jets(np.random.default_rng(2), n, 5)
    return torch.from_numpy(codes), torch.from_numpy(count)[:, None]


def test_asymmetric_formula():
    x = torch.tensor([-1.0, -0.3, 0.0, 0.7, 1.55, 9.0])
    low, high = torch.tensor(-1.0), torch.tensor(1.55)
    scale, zero = 0.01, -28
    expected = ((x / scale).round() + zero).clamp(-128, 127)
    torch.testing.assert_close(asymmetric(x, low, high), (expected - zero) * scale, rtol=1e-5, atol=1e-6)


def test_a_range_without_zero_is_destroyed_as_in_the_paper():
    """The clamp of the zero point: 3 and 3.1 become one value."""
    x = torch.tensor([3.0, 3.1])
    assert len(asymmetric(x, x.min(), x.max()).unique()) == 1


def test_static_ranges_are_quantiles_then_averages_then_frozen():
    q = StaticInput(QuantConfig(activations="asymmetric", range_quantile=0.25, dynamic_fraction=0.1)).train()
    x = torch.linspace(0, 4, 101)
    q.on_step(0, 100)
    q(x)
    torch.testing.assert_close(q.range, torch.tensor([1.0, 3.0]))
    q.on_step(50, 100)
    q(x + 10)
    torch.testing.assert_close(q.range, torch.tensor([1.1, 3.1]))
    for state in (True, False):
        q.train(state).on_step(90 if state else 0, 100)
        q(x - 50)
        torch.testing.assert_close(q.range, torch.tensor([1.1, 3.1]))


def test_dynamic_ranges_belong_to_one_jet():
    x = torch.randn(7, 5, 4)
    together = DynamicInput(0)(x)
    assert torch.equal(together, torch.cat([DynamicInput(0)(x[i : i + 1]) for i in range(7)]))
    assert torch.equal(DynamicInput(1)(x.movedim(1, 0)).movedim(0, 1), DynamicInput(0)(x))


def test_per_token_scale():
    x = torch.randn(3, 5, 4)
    y = PerTokenInput((-1,))(x)
    codes = y / x.abs().amax(-1, True) * 127
    torch.testing.assert_close(codes, codes.round(), rtol=0, atol=1e-4)
    assert torch.equal(PerTokenInput((-1,))(x[:, :1]), y[:, :1])


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("config", [TRANSFORMER, *LLOCA.values()], ids=["transformer", "local", "global"])
class TestTaggers:
    def test_start_from_the_float_weights_and_stay_close(self, recipe, config):
        torch.manual_seed(1)
        float_tagger = make_tagger(config).eval()
        tagger = SimulatedTagger(config, RECIPES[recipe])
        tagger.load_float(float_tagger.state_dict())
        codes, count = tensors()
        with torch.no_grad():
            expected = float_tagger(codes, count).flatten()
            tagger.train()(codes, count)
            given = tagger.eval()(codes, count).flatten()
        assert not torch.equal(given, expected)
        assert float(torch.corrcoef(torch.stack([given, expected]))[0, 1]) > (0.3 if recipe == "per-token" else 0.9)

    def test_gradients_reach_every_parameter(self, recipe, config):
        tagger = SimulatedTagger(config, RECIPES[recipe]).train()
        codes, count = tensors()
        tagger.logits(tagger.inputs(codes, count), count).square().sum().backward()
        for name, parameter in tagger.named_parameters():
            assert parameter.grad is not None, name
            assert parameter.grad.isfinite().all(), name


def test_which_layers_are_quantized():
    tagger = SimulatedTagger(LLOCA["local"], QuantConfig(activations="asymmetric", weights="ternary")).tagger
    levels = {
        name: len(module.weight.unique())
        for name, module in tagger.named_modules()
        if isinstance(module, nn.Linear) and hasattr(module, "parametrizations")
    }
    assert {name.split(".")[0] for name in levels} == {"blocks", "frames_net"}
    for name, number in levels.items():
        assert number <= 3 if name.startswith("blocks") else 3 < number <= 256, name


def test_selected_layers_alone():
    quant = QuantConfig(activations="per-token", weights="binary", low_bit_layers=("blocks.*.query", "head"))
    tagger = SimulatedTagger(TRANSFORMER, quant).tagger
    touched = [name for name, module in tagger.named_modules() if hasattr(module, "parametrizations")]
    assert touched == ["blocks.0.query", "head"]
    assert len(tagger.blocks[0].query.weight.unique()) == 2


def test_other_networks_are_refused():
    larger = make_tagger(TaggerConfig("transformer", 5, {**TINY, "blocks": 2})).state_dict()
    with pytest.raises(ExportError, match="float weights must be those of the same tagger"):
        SimulatedTagger(TRANSFORMER, RECIPES["asymmetric"]).load_float(larger)


@pytest.mark.parametrize("recipe", RECIPES)
def test_refusals_name_the_reason_and_the_way_out(recipe):
    message = why_not_exact(RECIPES[recipe])
    assert recipe in message
    assert "--precision int8" in message
