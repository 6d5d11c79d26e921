"""Layers that people expect, all in one tiny tagger: the same integers in every executor and in simulated Verilog."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from torch import nn

from tests.helpers.jets import Jets, crafted_jets, random_jets, which_fit
from tests.helpers.rtl import timing
from tests.helpers.taggers import calibrated_tagger
from tritag.export.executors import Executor, OnnxRuntimeExecutor, QonnxExecutor, TorchExecutor
from tritag.export.graph import FirmwareGraph, Op, Transpose, read_graph
from tritag.export.qonnx_file import export_model
from tritag.export.rtl.design.design import build
from tritag.export.rtl.tools.check import check_design
from tritag.hls_projects.csim import CsimExecutor, compile_project
from tritag.hls_projects.emulator.executor import EmulatorExecutor
from tritag.hls_projects.emulator.library import compile_emulator
from tritag.hls_projects.target import load_target
from tritag.models.layers.activations import Clip, Relu, Softmax, Tanh
from tritag.models.layers.attention import LinearAttention
from tritag.models.layers.broadcast import Add, ChannelAttention, EdgeSum, Multiply
from tritag.models.layers.factory import Layers
from tritag.models.layers.linear import Linear
from tritag.models.layers.mixing import Conv1x1, Flatten, LinearNorm, TokenLinear
from tritag.models.layers.mixing import Transpose as Turned
from tritag.models.layers.pool import MaskTokens, MaxPool, SumPool
from tritag.models.layers.scalars import N_SCALARS, JetScalars
from tritag.models.layers.tagger import Tagger
from tritag.models.nets.registry import NoSizes, register

K, C, KEYS = 4, 4, 2
OPS = {
    *("add", "clamp", "edge_sum", "exp_weights", "mask_tokens", "max_pool", "multiply", "relu", "softmax", "sum_pool"),
    *("table", "weighted_mean"),
}


class Edges(nn.Module):
    """Sums over edges, a sum pool that is added to every candidate, and the largest of them."""

    def __init__(self, layers: Layers) -> None:
        super().__init__()
        self.x, self.y = layers(Linear, C, C), layers(Linear, C, C)
        self.edges, self.pool, self.add = layers(EdgeSum, K), layers(SumPool, K), layers(Add)
        self.conv, self.relu, self.largest = layers(Conv1x1, C, C), layers(Relu), layers(MaxPool, K)

    def forward(self, h: Any, count: Any) -> Any:
        h = self.edges(self.x(h), self.y(h), count)
        return self.largest(self.relu(self.conv(self.add(h, self.pool(h, count)))), count)


class Mixer(nn.Module):
    """Candidates mixed by a linear layer along them, clipped, with channel attention, flattened."""

    def __init__(self, layers: Layers) -> None:
        super().__init__()
        self.mask, self.norm = layers(MaskTokens, K), layers(LinearNorm, C, C, K)
        self.mix, self.clip = layers(TokenLinear, K, K), layers(Clip, -0.4, 0.9)
        self.gate = ChannelAttention(layers, K, C, 2)
        self.flat, self.dense, self.tanh = layers(Flatten), layers(Linear, K * C, C), layers(Tanh)

    def forward(self, h: Any, count: Any) -> Any:
        h = self.clip(self.mix(self.mask(self.norm(h, count), count)))
        return self.tanh(self.dense(self.flat(self.gate(h, count))))


class Linformer(nn.Module):
    """Attention over fewer rows than candidates, a softmax over the channels, and their product."""

    def __init__(self, layers: Layers) -> None:
        super().__init__()
        self.query, self.key, self.value = (layers(Linear, C, C) for _ in range(3))
        self.keys, self.values = layers(TokenLinear, K, KEYS), layers(TokenLinear, K, KEYS)
        self.attention, self.softmax = layers(LinearAttention, K, KEYS, C, 2), layers(Softmax)
        self.multiply, self.turn, self.mix = layers(Multiply), layers(Turned), layers(Linear, K, 1)

    def forward(self, h: Any) -> Any:
        h = self.attention(self.query(h), self.keys(self.key(h)), self.values(self.value(h)))
        return self.turn(self.mix(self.turn(self.multiply(self.softmax(h), h))))


@register("layers-of-a-test", NoSizes)
class Everything(Tagger):
    def __init__(self, layers: Layers, n_constituents: int) -> None:
        super().__init__()
        self.scalars = layers(JetScalars, n_constituents)
        self.embed = layers(Linear, N_SCALARS, C, role="input")
        self.edges, self.mixer, self.linformer = Edges(layers), Mixer(layers), Linformer(layers)
        self.first, self.second = layers(Add), layers(Add)
        self.head = layers(Linear, C, layers.n_outputs, role="output")

    def inputs(self, codes: Any, count: Any) -> Any:
        return self.scalars(codes, count)

    def score(self, inputs: Any, count: Any) -> Any:
        h = self.embed(inputs)
        return self.head(self.second(self.first(self.edges(h, count), self.mixer(h, count)), self.linformer(h)))


@dataclass(frozen=True)
class Chain:
    tagger: Any
    model: Any
    graph: FirmwareGraph
    jets: Jets

    def executor(self, name: str) -> Executor:
        match name:
            case "pytorch":
                return TorchExecutor(self.graph, self.tagger, self.model)
            case "onnxruntime":
                return OnnxRuntimeExecutor(self.graph, self.model)
            case "qonnx":
                return QonnxExecutor(self.graph, self.model)
            case "csim":
                return CsimExecutor(self.graph, compile_project(self.graph, load_target()))
        return EmulatorExecutor(self.graph, compile_emulator(self.graph))


@pytest.fixture(scope="module")
def chain() -> Chain:
    tagger = calibrated_tagger(K, "int8", {}, "layers-of-a-test")
    model = export_model(tagger)
    rng = np.random.default_rng(8)
    jets = [np.concatenate(both) for both in zip(random_jets(rng, 600, K), crafted_jets(rng, K), strict=True)]
    return Chain(tagger, model, read_graph(model), (jets[0], jets[1]))


@pytest.fixture(scope="module")
def expected(chain: Chain) -> np.ndarray:
    return chain.executor("pytorch").run(*chain.jets)


def test_every_layer_is_there(chain, expected):
    assert {x.bound.program.name for x in chain.graph.layers if isinstance(x, Op)} >= OPS
    assert sum(isinstance(x, Transpose) for x in chain.graph.layers) == 8
    assert len(np.unique(expected)) > 100


@pytest.mark.parametrize("name", ["onnxruntime", "qonnx", "csim", "emulator"])
def test_every_executor_gives_the_same_integers(chain, expected, name):
    np.testing.assert_array_equal(chain.executor(name).run(*chain.jets), expected)


def test_simulated_verilog_gives_the_same_integers(chain):
    codes, count = which_fit(*chain.jets)
    expected = chain.executor("pytorch").run(codes, count)
    inputs = {"codes": codes, "count": count[:, None, None]}
    result = check_design(build(chain.graph, timing(4), 2), inputs, expected.reshape(len(count), -1))
    assert [scenario["differ"] for scenario in result["scenarios"].values()] == [0, 0, 0]
    assert result["latency_cycles"] == result["scheduled_latency_cycles"]
