"""Plain Brevitas networks with float scales, imported: the same integers in all executors and in simulated Verilog."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from tests.helpers.foreign import DeepSets, Mlp, Transformer, exported
from tests.helpers.marks import often
from tests.helpers.rtl import timing
from tritag.export.executors import Executor, OnnxRuntimeExecutor, QonnxExecutor
from tritag.export.feature_vectors import extreme_features, join_features, port_values, random_features
from tritag.export.firmware_layers import FirmwareGraph
from tritag.export.graph import read_graph
from tritag.export.importing.importer import Imported, import_model
from tritag.export.importing.original import compare_with_original
from tritag.export.rtl.design.design import build
from tritag.export.rtl.tools.check import check_design, require_right
from tritag.hls_projects.csim import CsimExecutor, compile_project
from tritag.hls_projects.emulator.executor import EmulatorExecutor
from tritag.hls_projects.emulator.library import compile_emulator
from tritag.hls_projects.package.cmssw_executor import CmsswExecutor
from tritag.hls_projects.package.cmssw_library import compile_cmssw
from tritag.hls_projects.target import load_target
from tritag.hls_projects.verify import require_equal, verify

# Network, shape of its input, cycles between two jets in Verilog, and beats of a jet.
NETWORKS = {
    "mlp": (lambda: Mlp(True), (6,), 1, 1),
    "deep_sets": (lambda: DeepSets(), (3, 3), 2, 2),
    "transformer": (lambda: Transformer(norm=True), (3, 3), 3, 3),
}


@dataclass(frozen=True)
class Foreign:
    """A network's own file, and what it is imported as."""

    name: str
    original: onnx.ModelProto
    imported: Imported
    graph: FirmwareGraph
    inputs: tuple[np.ndarray, ...]


@pytest.fixture(scope="module", params=often(NETWORKS, ("mlp", "deep_sets")))
def foreign(request: pytest.FixtureRequest) -> Foreign:
    """An imported network with 600 random and 100 extreme inputs."""
    make, shape, *_ = NETWORKS[request.param]
    with torch.random.fork_rng():
        torch.manual_seed(5)
        network: nn.Module = make()
        original = exported(network, *shape)
    imported = import_model(original)
    graph = read_graph(imported.model)
    inputs = join_features(random_features(graph, 600), extreme_features(graph, 100))
    return Foreign(request.param, original, imported, graph, inputs)


def test_all_executors_give_the_same_integers(foreign: Foreign) -> None:
    graph, model = foreign.graph, foreign.imported.model
    project = compile_project(graph, load_target())
    executors: list[Executor] = [
        OnnxRuntimeExecutor(graph, model),
        QonnxExecutor(graph, model),
        CsimExecutor(graph, project),
        CmsswExecutor(graph, compile_cmssw(graph, project)),
        EmulatorExecutor(graph, compile_emulator(graph, flags=("-O1",))),
    ]
    verdicts = verify(executors, *foreign.inputs)
    require_equal(verdicts)
    assert [v.jets for v in verdicts] == [700] * 5
    assert len(np.unique(executors[0].run(*foreign.inputs), axis=0)) > 150


def test_verilog_gives_the_same_integers(foreign: Foreign) -> None:
    *_, interval, beats = NETWORKS[foreign.name]
    graph = foreign.graph
    expected = OnnxRuntimeExecutor(graph, foreign.imported.model).run(*foreign.inputs).reshape(700, -1)
    result = check_design(build(graph, timing(interval), beats), port_values(graph, foreign.inputs), expected)
    assert [s["differ"] for s in result["scenarios"].values()] == [0, 0, 0]
    require_right(result | {"interval": interval})


def test_the_original_in_float32(foreign: Foreign) -> None:
    """Equal everywhere but behind softmax and norm, where a tie may fall to the other side in float32."""
    graph = foreign.graph
    outputs = OnnxRuntimeExecutor(graph, foreign.imported.model).run(*foreign.inputs)
    named = dict(zip(graph.inputs, foreign.inputs, strict=True))
    found = compare_with_original(foreign.original, foreign.imported, named, outputs, graph.output_lsb)
    assert [(c.runtime, c.jets, c.why_not) for c in found] == [("qonnx", 700, ""), ("onnxruntime", 700, "")]
    allowed = 0.05 * 700 if foreign.name == "transformer" else 0
    assert all(c.differ <= allowed for c in found), list(map(str, found))


def test_an_input_may_be_called_like_the_emulators_own_words() -> None:
    """``jet`` and ``double`` as inputs: only C++ calls them otherwise."""
    inputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 4]) for name in ("jet", "double")]
    constants = {"scale": 0.25, "zero": 0.0, "bits": 6.0}
    settings = {"signed": 1, "narrow": 0, "rounding_mode": "ROUND", "domain": "qonnx.custom_op.general"}
    nodes = [helper.make_node("Quant", [x.name, *constants], [f"{x.name}_q"], **settings) for x in inputs]
    nodes.append(helper.make_node("Add", ["jet_q", "double_q"], ["sum"]))
    tensors = [numpy_helper.from_array(np.float32(value), name) for name, value in constants.items()]
    graph = helper.make_graph(
        nodes, "g", inputs, [helper.make_tensor_value_info("sum", TensorProto.FLOAT, None)], tensors
    )
    imported = import_model(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)]))
    made = read_graph(imported.model)
    assert made.inputs == ["jet", "double"]
    given = random_features(made, 100)
    expected = OnnxRuntimeExecutor(made, imported.model).run(*given)
    found = EmulatorExecutor(made, compile_emulator(made, flags=("-O1",))).run(*given)
    np.testing.assert_array_equal(found, expected)
    assert len(np.unique(found)) > 20
