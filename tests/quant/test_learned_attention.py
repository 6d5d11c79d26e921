"""The learned width of an attention's weights: rounding as in the exact form, gradients, and what the penalty buys."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch

from tests.quant.test_learned_bits import LEARNED, TAGGER, jets, normal
from tritag.errors import ConfigError
from tritag.export.cost import count_cost
from tritag.export.graph import Product, read_graph
from tritag.export.qonnx_file import export_model
from tritag.quant.config import QuantConfig
from tritag.quant.formats.fixed import Grid
from tritag.quant.formats.meter import meters
from tritag.quant.formats.tensor import FixedTensor
from tritag.quant.layers.tagger import QuantTagger
from tritag.quant.ops.attention import Attention
from tritag.quant.weights.learned_attention import LearnedAttentionBits
from tritag.quant.weights.learned_weights import LearnedWeights

ATTENTION = dataclasses.replace(LEARNED, learned_attention=True)


def attention_inputs(n: int, channels: int) -> tuple[FixedTensor, ...]:
    """Queries, keys, values of 8 bits and counts of 400 jets."""
    rng = np.random.default_rng(3)
    grids = (Grid(-128, 127, 5), Grid(-128, 127, 4), Grid(-128, 127, 6))
    codes = (torch.from_numpy(rng.integers(-128, 128, (400, n, channels))) for _ in grids)
    q, k, v = (FixedTensor.from_integers(code, grid) for code, grid in zip(codes, grids, strict=True))
    return q, k, v, FixedTensor.from_integers(torch.from_numpy(rng.integers(1, n + 1, (400, 1))), Grid(0, n, 0))


def test_training_sees_the_weights_and_the_width_their_rounding():
    learned, w = LearnedAttentionBits(4), torch.rand(50, generator=torch.Generator().manual_seed(1)).requires_grad_()
    seen, factor = learned(w), normal(2, (50,))
    assert torch.equal(seen, w)
    (seen * factor).sum().backward()
    assert torch.equal(w.grad, factor)
    rounded = torch.round(w.detach() * 15) / 15
    torch.testing.assert_close(learned.width.grad, (factor * (w.detach() - rounded)).sum() * math.log(2))


@pytest.mark.parametrize(("width", "bits"), [(9.0, 8), (5.4, 5), (0.1, 2)])
def test_width_stays_between_two_and_the_setting(width, bits):
    learned = LearnedAttentionBits(8)
    with torch.no_grad():
        learned.width.fill_(width)
    learned(torch.ones(1))
    assert learned.bits() == bits
    assert learned.learned().item() == bits


def test_training_is_float_attention_and_the_integers_those_of_a_set_width():
    op, q, k, v, count = Attention(6, 8, 2, 5, learned=True), *attention_inputs(6, 8)
    trained, plain = (each.train()(q, k, v, count).integers() for each in (op, Attention(6, 8, 2, 5)))
    assert (trained - plain).abs().max() <= 1  # sums in another order
    with torch.no_grad():
        op.learned.width.fill_(3.2)
    assert torch.equal(op.eval()(q, k, v, count).value, Attention(6, 8, 2, 3).eval()(q, k, v, count).value)


def test_padding_and_count_zero_in_training():
    op = Attention(5, 8, 2, learned=True).train()
    q, k, v, count = attention_inputs(5, 8)
    real = (torch.arange(5) < count.value)[..., None]
    junk = FixedTensor(torch.where(real, k.value, -k.value), k.grid), FixedTensor(v.value * real, v.grid)
    assert torch.equal(op(q, k, v, count).value, op(q, *junk, count).value)
    none = FixedTensor(torch.zeros_like(count.value), count.grid)
    assert torch.equal(op(q, k, v, none).value, v.value[:, :1].expand_as(v.value))


def test_the_penalty_counts_the_learned_width_of_the_exported_graph():
    tagger = QuantTagger(TAGGER, ATTENTION).train()
    block = tagger.tagger.blocks[0]
    with torch.no_grad():
        block.attention.learned.width.fill_(3.2)
    batch = jets(100, 2)
    tagger(batch.codes, batch.count)
    (tagger.penalty() * 1e6).backward()
    reading = sum(m.reading.item() for m in meters(block.attention))
    assert float(block.attention.learned.width.grad) > 0
    graph = read_graph(export_model(tagger.eval()))
    assert reading == count_cost(graph)["stages"]["attention"]["effective_bit_operations"]
    widths = {graph.grids[s].type.width for layer in graph.layers if isinstance(layer, Product) for s in layer.sources}
    assert 3 in widths


def test_setting_without_static_activations_is_refused():
    with pytest.raises(ConfigError, match="learned widths need activations: static"):
        QuantConfig(activations="asymmetric", learned_attention=True)
    with pytest.raises(ConfigError, match="learned_attention: true"):
        QuantConfig(bit_penalty=1.0)


def test_the_penalty_shrinks_weights_by_their_size():
    w = torch.tensor([[1.0, 0.5, 0.3, 0.01]], requires_grad=True)
    coder = LearnedWeights(4, 1, "weight", by_size=True)
    coder.train()(w)
    with torch.no_grad():
        coder.fraction.copy_(torch.tensor([[0.0, 3.0, 2.0, 1.0]]))
    bits = coder.bits(w)
    bits.backward()
    assert bits.item() == 1 + 3 + 1 + 0  # as without the gradient; the last one is pruned
    torch.testing.assert_close(w.grad, torch.tensor([[1.0, 2.0, 1 / 0.3, 0.0]]) / math.log(2))
