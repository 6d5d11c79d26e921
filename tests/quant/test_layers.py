"""Quantized layers and taggers: exactness, agreement with training, gradients, float weights, refusals."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.helpers import tolerances
from tests.helpers.jets import crafted_jets, filled, random_jets
from tests.helpers.taggers import MINI, TINY, calibrated_tagger, observe
from tritag.errors import ConfigError, ExportError
from tritag.models.layers.linear import Linear
from tritag.models.nets.registry import TaggerConfig, make_tagger
from tritag.quant.config import QuantConfig
from tritag.quant.formats.fixed import Grid
from tritag.quant.formats.tensor import FixedTensor
from tritag.quant.layers.factory import QuantLayers
from tritag.quant.layers.tagger import QuantTagger
from tritag.quant.weights.linear import codes

WEIGHTS = ("int8", "ternary")


def tensors(jets: tuple[np.ndarray, np.ndarray]) -> tuple[torch.Tensor, torch.Tensor]:
    """Codes (n, K, 3) and counts (n, 1)."""
    codes, count = jets
    return torch.from_numpy(codes), torch.from_numpy(count)[:, None]


def set_progress(tagger: QuantTagger, step: int, total: int) -> None:
    """Tell all observers how far the training is, as the training loop does."""
    for module in tagger.modules():
        if hasattr(module, "on_step"):
            module.on_step(step, total)


class TestLinear:
    @pytest.mark.parametrize("weights", WEIGHTS)
    @pytest.mark.parametrize("source", [Grid(-128, 127, 5), Grid(-2048, 2047, 8), Grid(0, 255, 0)])
    def test_exact_and_inside_the_accumulator(self, rng, weights, source):
        layer = QuantLayers(QuantConfig(weights=weights), 3)(Linear, 16, 8, summed=True).eval()
        integers = np.concatenate(
            [rng.integers(source.low, source.high + 1, (200, 16)), rng.choice([source.low, source.high], (200, 16))]
        )
        result = layer(FixedTensor.from_integers(torch.from_numpy(integers), source))
        weight, weight_fraction, bias, bias_fraction = layer.integers()
        grid = result.known_grid()
        shift = grid.fraction - weight_fraction - source.fraction
        expected = (integers @ weight.T << shift) + (bias << (grid.fraction - bias_fraction))
        np.testing.assert_array_equal(result.integers().detach().numpy(), expected)
        assert grid.low <= expected.min()
        assert expected.max() <= grid.high

    def test_accumulators_beyond_float32_are_refused(self):
        layer = QuantLayers(QuantConfig(), 3)(Linear, 16, 8, summed=True).eval()
        with pytest.raises(ExportError, match=r"sum of .* products and the bias: integers must fit 24 bits"):
            layer(FixedTensor(torch.zeros(1, 16), Grid(-(2**20), 2**20, 0)))

    def test_a_width_that_does_not_fit_names_layer_and_settings(self, rng):
        """All widths 16: which layer, and which settings decide."""
        widths = dict.fromkeys(("activation_bits", "residual_bits", "attention_bits", "bias_bits"), 16)
        tagger = QuantTagger(TaggerConfig("transformer", 3, {**TINY, "channels": 16}), QuantConfig(**widths))
        jets = random_jets(rng, 100, 3)
        observe(tagger, jets)
        codes_of, count = (torch.from_numpy(x) for x in jets)
        with pytest.raises(ExportError, match=r"layer blocks\.0\.query: .* lower quant\.activation_bits=16"):
            tagger.eval()(codes_of, count[:, None])

    def test_scales_must_be_powers_of_two(self):
        with pytest.raises(ExportError, match=r"scales must be powers of two .* got 0\.300000"):
            codes(torch.tensor([0.6]), torch.tensor(0.3))


@pytest.mark.parametrize("weights", WEIGHTS)
class TestTagger:
    @torch.no_grad()
    def test_evaluation_never_changes_state(self, rng, weights):
        tagger = calibrated_tagger(5, weights)
        before = {name: value.clone() for name, value in tagger.state_dict().items()}
        jets = tensors(random_jets(rng, 50, 5))
        first = tagger(*jets)
        set_progress(tagger, 0, 100)
        tagger(*tensors(crafted_jets(rng, 5)))
        assert torch.equal(tagger(*jets), first)
        for name, value in tagger.state_dict().items():
            assert torch.equal(value, before[name]), name

    @torch.no_grad()
    def test_one_jet_is_not_seen_by_another(self, rng, weights):
        tagger = calibrated_tagger(5, weights)
        codes, count = tensors(random_jets(rng, 40, 5))
        together = tagger(codes, count)
        alone = torch.cat([tagger(codes[i : i + 1], count[i : i + 1]) for i in range(40)])
        assert torch.equal(together, alone)

    @torch.no_grad()
    def test_junk_in_the_padding_does_not_matter(self, rng, weights):
        tagger = calibrated_tagger(6, weights)
        codes, count = tensors(random_jets(rng, 100, 6))
        padding = (torch.arange(6) >= count)[..., None]
        junk = torch.from_numpy(rng.integers(-2048, 16384, (100, 6, 3)))
        assert torch.equal(tagger(torch.where(padding, junk, codes), count), tagger(codes, count))

    @torch.no_grad()
    def test_training_surrogate_agrees_with_the_exact_network(self, rng, weights):
        tagger = calibrated_tagger(16, weights)
        jets = tensors(filled(random_jets(rng, 500, 16)))
        exact = tagger(*jets)
        tagger.train()
        set_progress(tagger, 1, 1)  # observers are frozen
        trained = tagger(*jets)
        difference = (trained - exact).square().mean().sqrt() / exact.std()
        assert difference <= tolerances.SURROGATE_LOGIT

    def test_gradients_reach_every_parameter(self, rng, weights):
        tagger = calibrated_tagger(6, weights).train()
        codes, count = tensors(random_jets(rng, 100, 6))
        tagger.logits(tagger.inputs(codes, count), count).square().sum().backward()
        for name, parameter in tagger.named_parameters():
            assert parameter.grad is not None, name
            assert parameter.grad.isfinite().all(), name
            assert parameter.grad.abs().sum() > 0, name

    @torch.no_grad()
    def test_scores_from_prepared_inputs(self, rng, weights):
        tagger = calibrated_tagger(5, weights)
        codes, count = tensors(random_jets(rng, 20, 5))
        prepared = tagger.inputs(codes, count)
        assert torch.equal(tagger.logits(prepared, count), tagger(codes, count).flatten())
        assert torch.equal(tagger.logits(prepared[3:7], count[3:7]), tagger(codes, count).flatten()[3:7])

    @torch.no_grad()
    def test_state_dict_holds_everything(self, rng, weights):
        tagger = calibrated_tagger(5, weights)
        other = QuantTagger(tagger.config, tagger.quant).eval()
        other.load_state_dict(tagger.state_dict())
        jets = tensors(random_jets(rng, 50, 5))
        assert torch.equal(other(*jets), tagger(*jets))


class TestLoadFloat:
    CONFIG = TaggerConfig("transformer", 5, dict(MINI))

    def test_weights_arrive(self):
        float_tagger = make_tagger(self.CONFIG)
        tagger = QuantTagger(self.CONFIG, QuantConfig())
        tagger.load_float(float_tagger.state_dict())
        own = dict(tagger.tagger.named_parameters())
        for name, parameter in float_tagger.named_parameters():
            assert torch.equal(own[name], parameter), name

    @torch.no_grad()
    def test_int8_logits_follow_the_float_ones(self, rng):
        torch.manual_seed(1)
        float_tagger = make_tagger(self.CONFIG).eval()
        tagger = QuantTagger(self.CONFIG, QuantConfig())
        tagger.load_float(float_tagger.state_dict())
        jets = tensors(filled(random_jets(rng, 500, 5)))
        tagger.train()(*jets)
        quantized, expected = tagger.eval()(*jets).flatten(), float_tagger(*jets).flatten()
        correlation = torch.corrcoef(torch.stack([quantized, expected]))[0, 1]
        assert correlation > 0.98

    def test_other_networks_are_refused(self):
        tagger = QuantTagger(self.CONFIG, QuantConfig())
        larger = make_tagger(TaggerConfig("transformer", 5, {**MINI, "blocks": 2})).state_dict()
        with pytest.raises(
            ExportError, match=r"float weights must be those of the same tagger; .* unknown \['blocks\.1\."
        ):
            tagger.load_float(larger)
        state = make_tagger(self.CONFIG).state_dict()
        del state["embed.weight"]
        with pytest.raises(ExportError, match=r"missing \['embed\.weight'\], unknown \[\]"):
            tagger.load_float(state)


class TestConfig:
    @pytest.mark.parametrize("name", ["activation_bits", "residual_bits", "attention_bits", "bias_bits"])
    @pytest.mark.parametrize("bits", [1, 17])
    def test_bits(self, name, bits):
        with pytest.raises(ConfigError, match=rf"{name} must lie in \[2, 16\], got {bits}"):
            QuantConfig(**{name: bits})

    @pytest.mark.parametrize(("dynamic", "frozen"), [(0.5, 0.4), (-0.1, 0.5), (0.2, 1.1)])
    def test_phases(self, dynamic, frozen):
        with pytest.raises(ConfigError, match=rf"observer phases must satisfy .* got {dynamic} and {frozen}"):
            QuantConfig(dynamic_fraction=dynamic, frozen_fraction=frozen)

    def test_scale_phase(self):
        with pytest.raises(ConfigError, match=r"scale_frozen_fraction must lie in \[0, 1\], got 1\.5"):
            QuantConfig(scale_frozen_fraction=1.5)

    @pytest.mark.parametrize("sizes", [MINI, TINY])
    def test_bits_reach_the_layers(self, sizes):
        quant = QuantConfig(activation_bits=6, residual_bits=10, attention_bits=5, bias_bits=7)
        block = QuantTagger(TaggerConfig("transformer", 3, dict(sizes)), quant).tagger.blocks[0]
        assert (block.query.cut.bits, block.gelu.cut.bits, block.add_mlp.cut.bits) == (6, 6, 10)
        assert (block.norm_mlp.op.bits, block.attention.weight_bits) == (6, 5)
        assert block.project.cut is None
        assert np.abs(block.project.integers()[2]).max() <= 63
