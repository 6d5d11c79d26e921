"""Learned widths: rounding and its gradients, pruning, exact forms, and that a penalty buys fewer bit operations."""

from __future__ import annotations

import dataclasses
import math
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
import torch

from tests.helpers.jets import random_jets
from tests.helpers.taggers import TINY
from tritag.errors import ConfigError
from tritag.export.cost import count_cost
from tritag.export.graph import CutTo, Linear, read_graph
from tritag.export.qonnx_file import export_model
from tritag.models.jets.coded_jets import CodedJets
from tritag.models.nets.registry import TaggerConfig, make_tagger
from tritag.models.training.training import TrainingConfig, train
from tritag.quant.config import QuantConfig
from tritag.quant.formats.fixed import Grid
from tritag.quant.formats.meter import meters
from tritag.quant.formats.tensor import FixedTensor
from tritag.quant.layers.tagger import QuantTagger
from tritag.quant.ops.channel_affine import TrainableChannelAffine
from tritag.quant.ops.gated_unit import TrainableGatedUnit
from tritag.quant.ops.gelu import TrainableGelu
from tritag.quant.ops.minkowski_product import TrainableMinkowskiProduct
from tritag.quant.weights.learned_bits import magnitude_bits, round_to, whole
from tritag.quant.weights.learned_cut import LearnedCut
from tritag.quant.weights.learned_weights import LearnedWeights

K = 4
TAGGER = TaggerConfig("transformer", K, dict(TINY))
LEARNED = QuantConfig(weights="learned", learned_cuts=True, bit_penalty=1.0)


def normal(seed: int, shape: tuple[int, ...] = (8, 16)) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def jets(n: int, seed: int) -> CodedJets:
    codes, count = random_jets(np.random.default_rng(seed), n, K)
    return CodedJets(torch.from_numpy(codes), torch.from_numpy(count)[:, None], torch.arange(n) % 2)


class TestRounding:
    def test_value_and_gradients(self):
        x = normal(1).requires_grad_()
        fraction = torch.tensor([[2.3], [0.0], [-1.4], [5.0], [3.5], [1.0], [7.0], [2.0]], requires_grad=True)
        q = round_to(x, fraction)
        scale = torch.exp2(torch.round(fraction.detach()))
        assert torch.equal(q, torch.round(x.detach() * scale) / scale)
        factor = normal(2)
        (q * factor).sum().backward()
        assert torch.equal(x.grad, factor)
        expected = (factor * (x.detach() - q.detach())).sum(1, keepdim=True) * math.log(2)
        torch.testing.assert_close(fraction.grad, expected)

    def test_whole(self):
        fraction = torch.tensor([1.4, 1.6, -0.7], requires_grad=True)
        whole(fraction).sum().backward()
        assert whole(fraction).tolist() == [1.0, 2.0, -1.0]
        assert fraction.grad.tolist() == [1.0, 1.0, 1.0]

    def test_magnitude(self):
        given = magnitude_bits(torch.tensor([0.0, 1.0, 0.99, -4.0, 3.99, 0.25]))
        assert given.tolist() == [-1000, 1, 0, 3, 2, -1]


class TestWeights:
    @pytest.mark.parametrize(("granularity", "numbers"), [("tensor", 1), ("channel", 8), ("weight", 128)])
    def test_begins_as_int8(self, granularity, numbers):
        w, coder = normal(3), LearnedWeights(16, 8, granularity)
        assert coder.fraction.numel() == numbers
        before = coder.eval()(w)
        assert torch.equal(coder.train()(w), before)
        codes, fraction = coder.codes(w)
        assert 63 <= np.abs(codes).max() <= 128
        np.testing.assert_array_equal(codes * 2.0**-fraction, before.detach().numpy())
        assert float((before - w).abs().max()) <= 2.0 ** -(fraction + 1)

    def test_codes_of_mixed_widths(self):
        w, coder = normal(4), LearnedWeights(16, 8, "weight")
        coder.train()(w)
        with torch.no_grad():
            coder.fraction.sub_(torch.rand(8, 16, generator=torch.Generator().manual_seed(1)) * 9)
        value = coder.eval()(w)
        codes, fraction = coder.codes(w)
        np.testing.assert_array_equal(codes * 2.0**-fraction, value.detach().numpy())
        assert (codes == 0).any()
        assert coder.effective_bits(w) <= coder.bits(w).item()

    def test_unused_digits_are_dropped(self):
        coder = LearnedWeights(2, 2, "tensor")
        codes, fraction = coder.codes(torch.tensor([[1.0, -0.5], [0.0, 1.5]]))
        assert fraction == 1
        assert codes.tolist() == [[2, -1], [0, 3]]

    def test_bits_are_magnitude_and_fraction(self):
        coder = LearnedWeights(4, 1, "weight")
        w = torch.tensor([[1.0, 0.5, 0.3, 0.01]])
        coder.train()(w)
        with torch.no_grad():
            coder.fraction.copy_(torch.tensor([[0.0, 3.0, 2.0, 1.0]]))
        bits = coder.bits(w)
        assert float(bits) == 1 + 3 + 1 + 0  # 1, 0.100, 0.01, pruned
        bits.backward()
        assert coder.fraction.grad.tolist() == [[1.0, 1.0, 1.0, 0.0]]

    def test_never_finer_than_int8(self):
        w, coder = normal(5), LearnedWeights(16, 8, "weight")
        coder.train()(w)
        with torch.no_grad():
            coder.fraction.add_(5)
        coder.train()(w)
        assert np.abs(coder.codes(w)[0]).max() <= 128

    def test_zero_weights(self):
        coder = LearnedWeights(3, 3, "weight")
        codes, _ = coder.codes(torch.zeros(3, 3))
        assert not codes.any()
        assert float(coder.bits(torch.zeros(3, 3))) == 0


class TestCut:
    def cut(self, narrower: float = 0.0) -> LearnedCut:
        settings = QuantConfig()
        cut = LearnedCut(
            8,
            range_quantile=settings.range_quantile,
            range_momentum=settings.range_momentum,
            dynamic_fraction=settings.dynamic_fraction,
            frozen_fraction=settings.frozen_fraction,
        ).train()
        cut(FixedTensor(normal(6) * 3, None))
        with torch.no_grad():
            cut.fraction.sub_(narrower)
        return cut

    @pytest.mark.parametrize("narrower", [0.0, 0.4, 1.0, 3.0, 100.0])
    def test_evaluation_export_and_training_agree(self, narrower):
        cut = self.cut(narrower)
        for module in cut.modules():
            if hasattr(module, "on_step"):
                module.on_step(1, 1)  # the range is frozen
        x = FixedTensor(normal(7) * 50, None)
        trained, given = cut.train()(x), cut.eval()(x)
        plain = cut.constant()
        assert torch.equal(trained.value, given.value)
        assert torch.equal(plain(x).value, given.value)
        assert plain.grid == given.grid == trained.grid
        assert float(trained.bits) == given.grid.type.width
        assert given.grid.type.width == max(8 - round(narrower), 2)
        integers = given.integers()
        assert integers.min() == given.grid.low
        assert integers.max() == given.grid.high

    def test_gradients(self):
        cut = self.cut(4.0)
        x = (normal(8) * 2).requires_grad_()
        y = cut(FixedTensor(x, None))
        (y.value.square().sum() + y.bits).backward()
        assert float(cut.fraction.grad) != 0
        assert x.grad.abs().sum() > 0


class TestTagger:
    def test_settings(self):
        with pytest.raises(ConfigError, match="bit_penalty must be >= 0 and finite, got -1"):
            QuantConfig(bit_penalty=-1)
        with pytest.raises(ConfigError, match="learned widths need activations: static, got asymmetric"):
            QuantConfig(weights="learned", activations="asymmetric")

    def test_no_penalty_no_meters(self):
        tagger = QuantTagger(TAGGER, QuantConfig(weights="learned", learned_cuts=True)).train()
        tagger(jets(20, 1).codes, jets(20, 1).count)
        assert tagger.penalty() is None
        assert all(meter.reading is None for meter in meters(tagger))

    def test_readings_are_the_cost_of_the_exported_graph(self):
        tagger = QuantTagger(TAGGER, dataclasses.replace(LEARNED, bit_granularity="tensor")).train()
        batch = jets(200, 2)
        tagger(batch.codes, batch.count)
        total = float(tagger.penalty()) * 1e6
        stages = count_cost(read_graph(export_model(tagger)))["stages"]
        attention = sum(float(m.reading) for m in meters(tagger.tagger.blocks[0].attention))
        assert attention == stages["attention"]["effective_bit_operations"]
        block = tagger.tagger.blocks[0]
        norms = sum(float(m.reading) for part in (block.norm_attention, block.norm_mlp) for m in meters(part))
        assert norms == stages["layer_norm"]["effective_bit_operations"]
        linear = stages["linear"]["effective_bit_operations"]
        # The penalty does not see trailing zeros.
        assert linear <= total - attention - norms <= 1.6 * linear

    def test_gradients_reach_every_parameter(self):
        tagger = QuantTagger(TAGGER, LEARNED).train()
        batch = jets(100, 3)
        loss = tagger.logits(tagger.inputs(batch.codes, batch.count), batch.count).square().sum()
        (loss + tagger.penalty()).backward()
        for name, parameter in tagger.named_parameters():
            assert parameter.grad is not None, name
            assert parameter.grad.abs().sum() > 0, name

    @pytest.mark.long  # two trainings more
    def test_a_stronger_penalty_leaves_fewer_bit_operations(self):
        costs = [count_cost(graph_after(penalty))["stages"] for penalty in PENALTIES]
        linear = [stages["linear"]["effective_bit_operations"] for stages in costs]
        assert linear[0] > 1.3 * linear[1] > 1.3 * 1.3 * linear[2]
        attention = [stages["attention"]["effective_bit_operations"] for stages in costs]
        assert attention[0] > attention[2]

    def test_widths_differ_and_weights_are_pruned(self):
        graph = graph_after(PENALTIES[1])
        assert any((layer.weight == 0).mean() > 0.2 for layer in graph.layers if isinstance(layer, Linear))
        assert len({layer.type.width for layer in graph.layers if isinstance(layer, CutTo)}) > 2


# From the last on nothing is left to save, and the count goes up and down.
PENALTIES = (0.0, 10.0, 100.0)


@cache
def graph_after(penalty: float):
    """Exported graph of a tagger after a short training."""
    quant = dataclasses.replace(LEARNED, bit_penalty=penalty)
    torch.manual_seed(0)
    tagger = QuantTagger(TAGGER, quant)
    tagger.load_float(make_tagger(TAGGER).state_dict())
    config = TrainingConfig(iterations=150, batch_size=32, learning_rate=0.2, validate_every=150)
    with TemporaryDirectory() as folder:
        train(tagger, jets(64, 4), jets(64, 5), config, Path(folder), progress=False)
    return read_graph(export_model(tagger))


def test_grid_of_a_learned_cut_before_training():
    assert LearnedCut(8).grid == Grid(-128, 127, 6)


def test_every_op_with_a_learned_cut_tells_its_width():
    """Else the penalty would not reach it."""
    x = FixedTensor(normal(1, (8, 3, 8)), Grid(-128, 127, 5))
    for op, inputs in (
        (TrainableGelu(learned_cut()), (x,)),
        (TrainableGatedUnit(learned_cut()), (x, x)),
        (TrainableMinkowskiProduct(3, learned_cut()), (x, x)),
        (TrainableChannelAffine(learned_cut()), (x, torch.ones(8), torch.zeros(8))),
    ):
        op.train()(*inputs).width().backward()
        assert op.cut.fraction.grad == 1


def learned_cut() -> LearnedCut:
    return LearnedCut(8, range_quantile=1e-3, range_momentum=0.99, dynamic_fraction=0.05, frozen_fraction=0.8)
