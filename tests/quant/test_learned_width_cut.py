"""Cuts that train their width: exact in every form, and a range that grows does not widen them."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from tests.quant.test_learned_bits import LEARNED, TAGGER, jets, normal
from tritag.errors import ConfigError
from tritag.export.graph import CutTo, read_graph
from tritag.export.qonnx_file import export_model
from tritag.models.nets.registry import load_tagger_config
from tritag.quant.config import QuantConfig
from tritag.quant.formats.fixed import Grid
from tritag.quant.formats.tensor import FixedTensor
from tritag.quant.layers.tagger import QuantTagger
from tritag.quant.recipe import check_used
from tritag.quant.weights.learned_cut import LearnedCut, LearnedWidthCut

WIDTH = dataclasses.replace(LEARNED, cut_parameter="width")


def observed(kind: type[LearnedCut], narrower: float, scale: float = 3.0) -> LearnedCut:
    """A cut in training that has seen values of this scale, with a frozen range, narrowed by some bits."""
    settings = QuantConfig()
    names = ("range_quantile", "range_momentum", "dynamic_fraction", "frozen_fraction")
    cut = kind(8, **{name: getattr(settings, name) for name in names}).train()
    cut(FixedTensor(normal(6) * scale, None))
    with torch.no_grad():
        (cut.width if isinstance(cut, LearnedWidthCut) else cut.fraction).sub_(narrower)
    return cut


@pytest.mark.parametrize("narrower", [0.0, 0.4, 0.5, 1.5, 3.0, 100.0])
def test_evaluation_export_and_training_agree(narrower):
    cut = observed(LearnedWidthCut, narrower)
    cut.scaling.on_step(1, 1)
    x = FixedTensor(normal(7) * 50, None)
    trained, given, plain = cut.train()(x), cut.eval()(x), cut.constant()
    assert torch.equal(trained.value, given.value)
    assert torch.equal(plain(x).value, given.value)
    assert plain.grid == given.grid == trained.grid
    assert float(trained.bits.detach()) == given.grid.type.width == max(round(8 - narrower), 2)


def test_a_growing_range_keeps_the_width():
    widths = {kind: [] for kind in (LearnedCut, LearnedWidthCut)}
    for kind, found in widths.items():
        cut = observed(kind, 3.0)
        for scale in (3.0, 48.0):
            cut(FixedTensor(normal(6) * scale, None))  # the training's beginning: each batch sets the range
            found.append(cut.grid.type.width)
    assert widths == {LearnedCut: [5, 8], LearnedWidthCut: [5, 5]}


def test_gradients():
    cut, x = observed(LearnedWidthCut, 4.0), (normal(8) * 2).requires_grad_()
    y = cut(FixedTensor(x, None))
    (y.value.square().sum() + y.bits).backward()
    assert float(cut.width.grad) != 0
    assert x.grad.abs().sum() > 0


def test_a_tagger_exports_the_trained_widths():
    tagger = QuantTagger(TAGGER, WIDTH).train()
    batch = jets(50, 2)
    cuts = [m for m in tagger.modules() if isinstance(m, LearnedWidthCut)]
    with torch.no_grad():
        for i, cut in enumerate(cuts):
            cut.width.sub_(i % 3)
    tagger(batch.codes, batch.count)
    assert sorted({round(c.bits - c.width.item()) for c in cuts}) == [0, 1, 2]
    graph = read_graph(export_model(tagger.eval()))
    widths = {layer.type.width for layer in graph.layers if isinstance(layer, CutTo)}
    assert widths <= {round(c.width.item()) for c in cuts}
    assert len(widths) > 2


def test_untrained_grid():
    assert LearnedWidthCut(8).grid == Grid(-128, 127, 6)


def test_setting_without_learned_cuts_is_refused():
    with pytest.raises(ConfigError, match="cut_parameter has no effect with learned_cuts: False"):
        check_used(load_tagger_config("transformer-2k", 4), QuantConfig(cut_parameter="width"), ["cut_parameter"])
