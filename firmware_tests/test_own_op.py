"""An op of one's own, in a file outside the package, goes through every executor without a line changed there."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from firmware_tests.harness import Case, Library, check_equal, run_onnxruntime, run_qonnx, run_torch
from tests.helpers.jets import random_jets
from tests.helpers.programs import edge_inputs
from tests.helpers.rtl import named_inputs, op_design, reference, timing
from tests.helpers.taggers import TINY, calibrated_tagger, observe
from tritag.export.executors import OnnxRuntimeExecutor, QonnxExecutor, TorchExecutor
from tritag.export.graph import read_graph
from tritag.export.qonnx_file import export_model
from tritag.export.rtl.design.design import build
from tritag.export.rtl.tools.check import check_design
from tritag.hls_projects.project import write_project
from tritag.hls_projects.target import load_target
from tritag.quant.formats.fixed import Grid
from tritag.quant.formats.tensor import FixedTensor
from tritag.quant.integer.tracer import Tracer
from tritag.quant.ops.modules import TrainableOp
from tritag.quant.ops.op import BoundProgram, Op, TensorSpec, fractions
from tritag.quant.weights.cut import Cut

K = 4


@dataclass(frozen=True)
class LeakyRelu(Op):
    """``x`` where it is positive, ``x / 2**shift`` elsewhere, cut to the grid ``y``."""

    y: Grid
    shift: int = 3

    def bind(self, x: TensorSpec) -> BoundProgram:
        """Program: one shift, one maximum, one rounding."""
        t = Tracer("leaky_relu", x.rows)
        value = x.declare(t, "x")
        leaky = (value << self.shift).maximum(value)
        down = self.shift + x.grid.fraction - self.y.fraction
        t.output("y", leaky.round_shift(down).clip(self.y.low, self.y.high))
        return BoundProgram(t.program, fractions(x), (self.y.fraction,))


class TrainableLeakyRelu(TrainableOp):
    """The op on the grid that its cut observes."""

    def __init__(self, cut: Cut) -> None:
        super().__init__()
        self.cut = cut

    def frozen(self) -> LeakyRelu:
        """Make the op for the present range."""
        return LeakyRelu(self.cut.grid)

    def surrogate(self, x: FixedTensor) -> FixedTensor:
        """Float function, fake-quantized by the cut."""
        return self.cut(FixedTensor(torch.maximum(x.value, x.value / 8), None))


@pytest.fixture(scope="module")
def case() -> Case:
    """The op alone, on three rows of two lanes."""
    bound = LeakyRelu(Grid(-128, 127, 4)).bind(TensorSpec(Grid(-2048, 2047, 7), 3, 2))
    return Case("leaky_relu", bound, 3, tuple(edge_inputs(bound.program, 3, np.random.default_rng(0))))


def test_program_alone(case):
    expected = run_torch(case)
    real = case.inputs[0] * 2.0**-7
    np.testing.assert_array_equal(expected[0], np.rint(np.maximum(real, real / 8) * 16).clip(-128, 127))
    check_equal(case, expected, run_onnxruntime(case), "ONNX Runtime")
    check_equal(case, expected, run_qonnx(case), "QONNX")
    check_equal(case, expected, Library([case]).run(case), "C++")


def test_verilog(case):
    design = op_design(case.bound, case.rows, 2, 3, "leaky_relu")
    result = check_design(design, named_inputs(case.bound, case.inputs), reference(case.bound, case.inputs))
    assert [s["differ"] for s in result["scenarios"].values()] == [0, 0, 0]


def test_inside_a_tagger(rng, tmp_path: Path):
    tagger = calibrated_tagger(K, "int8", TINY)
    old = tagger.get_submodule("tagger.blocks.0.gelu")
    tagger.set_submodule("tagger.blocks.0.gelu", TrainableLeakyRelu(old.cut))
    observe(tagger, random_jets(rng, 200, K))
    model = export_model(tagger.eval())
    graph = read_graph(model)
    jets = random_jets(rng, 300, K)
    executors = TorchExecutor(graph, tagger, model), OnnxRuntimeExecutor(graph, model), QonnxExecutor(graph, model)
    expected, *others = (executor.run(*jets) for executor in executors)
    assert len(np.unique(expected)) > 20
    for given in others:
        np.testing.assert_array_equal(given, expected)
    write_project(graph, load_target(), tmp_path / "hls")
    header = (tmp_path / "hls" / "firmware" / "nnet_utils" / "tritag_ops.h").read_text(encoding="utf-8")
    assert "void leaky_relu" in header
    assert "leaky_relu" in build(graph, timing(54), K).text
