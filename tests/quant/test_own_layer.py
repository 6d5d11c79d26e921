"""A user's own file: a kind of layer, its quantized form and a network; nothing of the package knows them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tests.helpers.jets import crafted_jets, filled, random_jets
from tests.helpers.taggers import calibrated_tagger
from tritag.errors import ConfigError
from tritag.export.executors import OnnxRuntimeExecutor, TorchExecutor
from tritag.export.graph import read_graph
from tritag.export.qonnx_file import export_model
from tritag.models.layers.factory import FloatLayers, Layers
from tritag.models.layers.linear import Linear
from tritag.models.layers.pool import MeanPool
from tritag.models.layers.scalars import N_SCALARS, JetScalars
from tritag.models.layers.tagger import Tagger
from tritag.models.nets.registry import TaggerConfig, make_tagger, register
from tritag.quant.config import QuantConfig
from tritag.quant.formats.tensor import FixedTensor, check_float32
from tritag.quant.layers.factory import QuantLayers, quantizes
from tritag.quant.layers.tagger import QuantTagger
from tritag.quant.ops.gelu import TrainableGelu
from tritag.quant.weights.cut import Cut

K = 4


class SkipGelu(nn.Module):
    """``x + GELU(x)``: (B, N, C) -> (B, N, C)."""

    def __init__(self, n_tokens: int) -> None:
        super().__init__()
        self.n_tokens = n_tokens

    def forward(self, x: Tensor) -> Tensor:
        return x + F.gelu(x)


class QuantSkipGelu(nn.Module):
    """The sum is exact and cut after; the GELU is an op of the package."""

    def __init__(self, gelu_cut: Cut, sum_cut: Cut) -> None:
        super().__init__()
        self.gelu, self.cut = TrainableGelu(gelu_cut), sum_cut

    def forward(self, x: FixedTensor) -> FixedTensor:
        y = self.gelu(x)
        grid = x.grid.plus(y.grid) if x.grid and y.grid else None
        return self.cut(FixedTensor(x.value + y.value, grid and check_float32(grid, "x + GELU(x)")))


@quantizes(SkipGelu)
def quantized_skip_gelu(layers: QuantLayers, n_tokens: int) -> nn.Module:
    return QuantSkipGelu(layers.cut(), layers.residual_cut())


@dataclass(frozen=True)
class OwnConfig:
    channels: int = 4


@register("own-network-of-a-test", OwnConfig)
class OwnNetwork(Tagger):
    def __init__(self, layers: Layers, n_constituents: int, config: OwnConfig) -> None:
        super().__init__()
        self.scalars = layers(JetScalars, n_constituents)
        self.embed = layers(Linear, N_SCALARS, config.channels, role="input")
        self.skip = layers(SkipGelu, n_constituents)
        self.pool = layers(MeanPool, n_constituents)
        self.head = layers(Linear, config.channels, layers.n_outputs, role="output")

    def inputs(self, codes: Any, count: Any) -> Any:
        return self.scalars(codes, count)

    def score(self, inputs: Any, count: Any) -> Any:
        return self.head(self.pool(self.skip(self.embed(inputs)), count))


CONFIG = TaggerConfig("own-network-of-a-test", K, {"channels": 4})


class Unquantized(nn.Module):
    """A kind without a quantized form."""


def test_float_layers_are_the_kinds_themselves():
    tagger = make_tagger(CONFIG)
    assert type(tagger.skip) is SkipGelu
    codes, count = (torch.from_numpy(x) for x in random_jets(np.random.default_rng(0), 20, K))
    assert tagger(codes, count[:, None]).shape == (20, 1, 1)


@torch.no_grad()
def test_quantized_network_follows_the_float_one(rng):
    torch.manual_seed(1)
    network, quantized = make_tagger(CONFIG).eval(), QuantTagger(CONFIG, QuantConfig())
    quantized.load_float(network.state_dict())
    codes, count = (torch.from_numpy(x) for x in filled(random_jets(rng, 500, K)))
    quantized.train()(codes, count[:, None])
    both = torch.stack([t(codes, count[:, None]).flatten() for t in (network, quantized.eval())])
    assert torch.corrcoef(both)[0, 1] > 0.98


def test_exported_file_gives_the_same_integers(rng):
    tagger = calibrated_tagger(K, "int8", CONFIG.sizes, CONFIG.network)
    model = export_model(tagger)
    graph = read_graph(model)
    pytorch, onnx = TorchExecutor(graph, tagger, model), OnnxRuntimeExecutor(graph, model)
    for codes, count in (random_jets(rng, 200, K), crafted_jets(rng, K)):
        expected, given = pytorch.layers(codes, count), onnx.layers(codes, count)
        assert any("skip" in name for name in expected)
        for name, values in expected.items():
            np.testing.assert_array_equal(given[name], values, err_msg=name)
        np.testing.assert_array_equal(onnx.run(codes, count), pytorch.run(codes, count))


def test_kind_without_form_is_refused_with_the_kinds_that_have_one():
    assert type(FloatLayers()(Unquantized)) is Unquantized
    with pytest.raises(ConfigError, match=r"no quantized form of Unquantized; registered are .*Attention, .*SkipGelu"):
        QuantLayers(QuantConfig(), K)(Unquantized)


def test_form_of_a_class_is_not_that_of_its_subclasses():
    with pytest.raises(ConfigError, match="no quantized form of Wider"):
        QuantLayers(QuantConfig(), K)(type("Wider", (SkipGelu,), {}), K)


def test_kind_has_one_quantized_form():
    def another(layers: QuantLayers, n_tokens: int) -> nn.Module:
        return nn.Identity()

    with pytest.raises(ConfigError, match=r"one quantized form, got quantized_skip_gelu \(.*:\d+\) and another"):
        quantizes(SkipGelu)(another)
