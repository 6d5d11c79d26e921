"""One user's file: a kind of layer, its quantized form, the op in it and a network, through every executor.

Nothing of the package knows any of it; a user would have this file, without the tests at its end, beside the data.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.helpers.jets import Jets, crafted_jets, random_jets, which_fit
from tests.helpers.rtl import timing
from tests.helpers.taggers import calibrated_tagger
from tritag.export.executors import Executor, OnnxRuntimeExecutor, QonnxExecutor, TorchExecutor
from tritag.export.graph import read_graph
from tritag.export.qonnx_file import export_model
from tritag.export.rtl.design.design import build
from tritag.export.rtl.tools.check import check_design
from tritag.hls_projects.csim import CsimExecutor, compile_project
from tritag.hls_projects.target import load_target
from tritag.models.layers.factory import Layers
from tritag.models.layers.linear import Linear
from tritag.models.layers.pool import MeanPool
from tritag.models.layers.scalars import N_SCALARS, JetScalars
from tritag.models.layers.tagger import Tagger
from tritag.models.nets.registry import TaggerConfig, make_tagger, register
from tritag.quant.formats.fixed import Grid
from tritag.quant.formats.tensor import FixedTensor
from tritag.quant.integer.tracer import Tracer
from tritag.quant.layers.factory import QuantLayers, quantizes
from tritag.quant.ops.modules import TrainableOp
from tritag.quant.ops.op import BoundProgram, Op, TensorSpec, fractions
from tritag.quant.weights.cut import Cut

K, CHANNELS = 4, 6


class Tent(nn.Module):
    """``max(0, 1 - |x|)``: a value counts when it is near zero."""

    def forward(self, x: Tensor) -> Tensor:
        return (1 - x.abs()).clamp(min=0)


@dataclass(frozen=True)
class TentOp(Op):
    y: Grid

    def bind(self, x: TensorSpec) -> BoundProgram:
        t = Tracer("tent", x.rows)
        height = ((1 << x.grid.fraction) - x.declare(t, "x").absolute()).maximum(0)
        t.output("y", height.round_shift(x.grid.fraction - self.y.fraction).clip(self.y.low, self.y.high))
        return BoundProgram(t.program, fractions(x), (self.y.fraction,))


class QuantTent(TrainableOp):
    def __init__(self, cut: Cut) -> None:
        super().__init__()
        self.cut = cut

    def frozen(self) -> TentOp:
        return TentOp(self.cut.grid)

    def surrogate(self, x: FixedTensor) -> FixedTensor:
        return self.cut(FixedTensor((1 - x.value.abs()).clamp(min=0), None))


@quantizes(Tent)
def quantized_tent(layers: QuantLayers) -> nn.Module:
    return QuantTent(layers.cut())


@dataclass(frozen=True)
class TentConfig:
    channels: int = CHANNELS


@register("tents-of-a-test", TentConfig)
class Tents(Tagger):
    def __init__(self, layers: Layers, n_constituents: int, config: TentConfig) -> None:
        super().__init__()
        self.scalars = layers(JetScalars, n_constituents)
        self.embed = layers(Linear, N_SCALARS, config.channels, role="input")
        self.tent = layers(Tent)
        self.pool = layers(MeanPool, n_constituents)
        self.head = layers(Linear, config.channels, layers.n_outputs, role="output")

    def inputs(self, codes: Any, count: Any) -> Any:
        return self.scalars(codes, count)

    def score(self, inputs: Any, count: Any) -> Any:
        return self.head(self.pool(self.tent(self.embed(inputs)), count))


@pytest.fixture(scope="module")
def exported() -> tuple[Any, Any, Any]:
    """The calibrated tagger, its file and its graph."""
    tagger = calibrated_tagger(K, "ternary", {"channels": CHANNELS}, "tents-of-a-test")
    model = export_model(tagger)
    return tagger, model, read_graph(model)


@pytest.fixture(scope="module")
def jets() -> Jets:
    rng = np.random.default_rng(6)
    return tuple(np.concatenate(both) for both in zip(random_jets(rng, 400, K), crafted_jets(rng, K), strict=True))  # type: ignore[return-value]


def test_float_network_uses_the_class_itself():
    network = make_tagger(TaggerConfig("tents-of-a-test", K))
    assert type(network.tent) is Tent
    codes, count = (torch.from_numpy(x) for x in random_jets(np.random.default_rng(0), 8, K))
    assert network(codes, count[:, None]).shape == (8, 1, 1)


def test_every_executor_gives_the_same_integers(exported, jets):
    tagger, model, graph = exported
    executors: list[Executor] = [TorchExecutor(graph, tagger, model), OnnxRuntimeExecutor(graph, model)]
    executors += [QonnxExecutor(graph, model), CsimExecutor(graph, compile_project(graph, load_target()))]
    expected = executors[0].run(*jets)
    assert len(np.unique(expected)) > 100
    for executor in executors[1:]:
        np.testing.assert_array_equal(executor.run(*jets), expected, err_msg=executor.name)


def test_simulated_verilog_gives_the_same_integers(exported, jets):
    tagger, model, graph = exported
    codes, count = which_fit(*jets)
    expected = TorchExecutor(graph, tagger, model).run(codes, count).reshape(len(count), -1)
    inputs = {"codes": codes, "count": count[:, None, None]}
    result = check_design(build(graph, timing(8), 2), inputs, expected)
    assert [scenario["differ"] for scenario in result["scenarios"].values()] == [0, 0, 0]
    assert result["latency_cycles"] == result["scheduled_latency_cycles"]
