"""The checks can fail: arithmetic that is broken on purpose, in one place at a time, gives differing integers."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import onnx
import pytest
from onnx import ModelProto, NodeProto, numpy_helper

from firmware_tests.cases import make_case
from firmware_tests.harness import Case, Library, differences, one_node_model, run_onnxruntime, run_qonnx, run_torch
from tests.helpers.jets import crafted_jets, random_jets
from tests.helpers.taggers import TINY, calibrated_tagger
from tritag.errors import CheckFailed, ToolError
from tritag.export.executors import OnnxRuntimeExecutor, QonnxExecutor, TorchExecutor
from tritag.export.graph import read_graph
from tritag.export.qonnx_file import export_model
from tritag.hls_projects.verify import first_different_layer, require_equal, verify
from tritag.quant.integer.planner import Planner

Edit = Callable[[str], str]
REPORT = re.compile(
    r"^\w+: \d+ of \d+ integers differ, by up to \d+ LSB\n  jet \d+, row \d+, lane \d+: must be -?\d+, got"
)


def replace(old: str, new: str) -> Edit:
    """Edit of one place in a text, which must be there."""

    def edit(text: str) -> str:
        assert text.count(old) == 1, f"{old!r} must occur once, but occurs {text.count(old)} times"
        return text.replace(old, new)

    return edit


def substitute(pattern: str, new: str) -> Edit:
    """Edit of the first match of a pattern, which must be there."""

    def edit(text: str) -> str:
        changed, n = re.subn(pattern, new, text, count=1)
        assert n, f"{pattern!r} must occur"
        return changed

    return edit


def check_differs(case: Case, given: list[np.ndarray]) -> None:
    """The comparison must report differing integers."""
    report = differences(run_torch(case), given, case.bound.program.outputs)
    assert REPORT.match(report), f"{case.name}: the broken arithmetic was not seen\n{report}"


HEADER_EDITS = {
    "truncation": replace(
        "const bool up = bits != 0 && (rest > half || (rest == half && quotient[0]));", "const bool up = false;"
    ),
    "half_up": replace("(rest == half && quotient[0])", "rest == half"),
    "half_to_odd": replace("(rest == half && quotient[0])", "(rest == half && !quotient[0])"),
    "clip_below_the_top": replace(
        "const ap_int<64> lowest = low, highest = high;", "const ap_int<64> lowest = low, highest = high - 1;"
    ),
    "leading_bit_lost": replace("i < W - 1", "i < W - 2"),
}


@pytest.mark.parametrize(
    ("edit", "name"),
    [
        ("truncation", "mean_pool_n5"),
        ("truncation", "layer_norm_c3_6bit"),
        ("half_up", "mean_pool_n5"),
        ("half_to_odd", "mean_pool_n5"),
        ("clip_below_the_top", "layer_norm_c2"),
        ("leading_bit_lost", "weighted_mean_n5"),
    ],
)
def test_broken_header(edit, name):
    case = make_case(name)
    check_differs(case, Library([case], edit_header=HEADER_EDITS[edit]).run(case))


OP_EDITS = {
    "truncating_shift": substitute(r"tritag::round_shift<\d+, (\d+)>\((.*), \1\)", r"(\2 >> \1)"),
    "shift_by_one_more": substitute(r"(tritag::round_shift<\d+, \d+>\(.*, )(\d+)\)", r"\1\2 + 1)"),
    "variable_shift_by_one_less": replace(".to_int());", ".to_int() - 1);"),
    "table_read_beside": substitute(r"\[(v\d+\[\w+\])\.to_int\(\)\]", r"[\1 == 0 ? 0 : \1.to_int() - 1]"),
    "row_lost": substitute(r"row < (\d+);", r"row < \1 - 1;"),
}


@pytest.mark.parametrize(
    ("edit", "name"),
    [
        ("truncating_shift", "mean_pool_n5"),
        ("shift_by_one_more", "mean_pool_n5"),
        ("variable_shift_by_one_less", "weighted_mean_n5"),
        ("table_read_beside", "gelu_narrow"),
        ("row_lost", "mean_pool_n5"),
    ],
)
def test_broken_op(edit, name):
    case = make_case(name)
    check_differs(case, Library([case], edit_op=OP_EDITS[edit]).run(case))


@pytest.mark.parametrize("kind", ["v", "a"])
def test_variable_too_narrow_for_its_interval_does_not_compile(kind):
    """Every variable's type is asserted to hold the proven interval."""

    def narrow(text: str) -> str:
        found = max(re.finditer(rf"ap_int<(\d+)> ({kind}\d+[\[\]\d]+;)", text), key=lambda m: int(m[1]))
        return text[: found.start()] + f"ap_int<{int(found[1]) - 1}> {found[2]}" + text[found.end() :]

    case = make_case("layer_norm_c2" if kind == "v" else "jet_scalars_k1")
    with pytest.raises(ToolError, match=rf"{kind}\d+ must hold its proven interval"):
        Library([case], edit_op=narrow)


@pytest.mark.long  # test_instructions.py has them, in another library
def test_the_same_ops_unbroken():
    names = ("mean_pool_n5", "layer_norm_c2", "layer_norm_c3_6bit", "weighted_mean_n5", "gelu_narrow")
    cases = [make_case(name) for name in names]
    library = Library(cases)
    for case in cases:
        assert differences(run_torch(case), library.run(case), case.bound.program.outputs) == ""


def body(model: ModelProto, op: str) -> NodeProto:
    """First node of a kind in the body of a one-node model's op."""
    return next(node for node in model.functions[0].node if node.op_type == op)


def truncate(model: ModelProto) -> None:
    """Floor instead of the rounding of the result (the first one rounds the input)."""
    rounds = [node for node in model.functions[0].node if node.op_type == "Round"]
    rounds[-1].op_type = "Floor"


def shift_more(model: ModelProto) -> None:
    """Divide the result by twice the power of two."""
    division = [node for node in model.functions[0].node if node.op_type == "Div"][-1]
    constant = next(node for node in model.functions[0].node if division.input[1] in node.output)
    array = numpy_helper.to_array(constant.attribute[0].t)
    constant.attribute[0].t.CopyFrom(numpy_helper.from_array(array * 2))


def move_entry(model: ModelProto) -> None:
    """Add one LSB to one entry of the first table."""
    table = model.graph.initializer[0]
    array = numpy_helper.to_array(table).copy()
    array[0] += 1
    table.CopyFrom(numpy_helper.from_array(array, table.name))


@pytest.mark.parametrize("run", [run_onnxruntime, run_qonnx])
@pytest.mark.parametrize(
    ("spoil", "name"),
    [
        (truncate, "mean_pool_n5"),
        (shift_more, "mean_pool_n5"),
        (move_entry, "gelu"),
        (move_entry, "exp_weights_coarse"),
    ],
)
def test_broken_onnx_body(run, spoil, name):
    case = make_case(name)
    model = one_node_model(case)
    assert differences(run_torch(case), run(case, model), case.bound.program.outputs) == ""
    spoil(model)
    check_differs(case, run(case, model))


def test_broken_pytorch(monkeypatch):
    """What networks in PyTorch run is no exception: the others do not follow it."""
    case = make_case("mean_pool_n5")
    right = run_onnxruntime(case)
    monkeypatch.setattr(Planner, "rsh", Planner.shr)
    report = differences(run_torch(case), right, case.bound.program.outputs)
    assert REPORT.match(report)


K = 4


@pytest.fixture(scope="module")
def exported() -> tuple[TorchExecutor, ModelProto]:
    """A tiny tagger: the PyTorch executor and the file."""
    tagger = calibrated_tagger(K, "int8", TINY)
    model = export_model(tagger)
    return TorchExecutor(read_graph(model), tagger, model), model


def initializer(model: ModelProto, name: str) -> onnx.TensorProto:
    """Constant by name."""
    return next(x for x in model.graph.initializer if x.name == name)


def add_to(model: ModelProto, name: str, index: int | tuple[int, ...], step: float) -> None:
    """Change one number of a constant."""
    tensor = initializer(model, name)
    array = numpy_helper.to_array(tensor).copy()
    array[index] += step
    tensor.CopyFrom(numpy_helper.from_array(array, name))


@pytest.mark.parametrize("executor", [OnnxRuntimeExecutor, QonnxExecutor])
class TestBrokenFile:
    """One number in the exported file changes: the bit check fails, and names the layer."""

    @pytest.fixture
    def jets(self, rng) -> tuple[np.ndarray, np.ndarray]:
        (a, n), (b, m) = random_jets(rng, 200, K), crafted_jets(rng, K)
        return np.concatenate([a, b]), np.concatenate([n, m])

    def check(self, exported, executor, jets, layer: str, spoil: Callable[[ModelProto], None]) -> None:
        reference, model = exported
        broken = ModelProto()
        broken.CopyFrom(model)
        spoil(broken)
        other = executor(reference.graph, broken)
        assert first_different_layer(reference, executor(reference.graph, model), *jets) is None
        assert first_different_layer(reference, other, *jets) == layer

    def test_weight(self, exported, executor, jets):
        weight = next(x for x in exported[0].graph.layers if x.name == "embed_add")
        step = 2.0**-weight.weight_fraction
        # PyTorch shows a linear layer together with its cut.
        self.check(exported, executor, jets, "embed_cut", lambda m: add_to(m, "embed_weight", (0, 0), step))

    def test_bias(self, exported, executor, jets):
        bias = next(x for x in exported[0].graph.layers if x.name == "head_add")
        step = 2.0**-bias.bias_fraction
        self.check(exported, executor, jets, "head_add", lambda m: add_to(m, "head_bias", 0, step))

    @pytest.mark.parametrize(
        ("layer", "source", "table"),
        [("blocks_0_gelu", "blocks_0_expand_cut", "gelu"), ("pool_mean_pool", "count", "inverse_count")],
    )
    def test_table_entry(self, exported, executor, jets, layer, source, table):
        reference, _ = exported
        codes, count = jets
        if source == "count":
            index = K - 1
        else:
            read = OnnxRuntimeExecutor(reference.graph, exported[1]).layers(codes, count)[source]
            low = reference.graph.grids[source].low
            index = int(np.bincount((read - low).ravel()).argmax())  # the entry that is read most
        # A pooled mean must move by half an LSB to be seen.
        step = 1 if source != "count" else 40
        self.check(exported, executor, jets, layer, lambda m: add_to(m, f"{layer}_{table}", index, step))

    def test_scale(self, exported, executor, jets):
        def double(model: ModelProto) -> None:
            cut = next(node for node in model.graph.node if node.name == "blocks_0_value_cut")
            scale = numpy_helper.to_array(initializer(model, cut.input[1]))
            model.graph.initializer.append(numpy_helper.from_array(scale * 2, "twice"))
            cut.input[1] = "twice"

        self.check(exported, executor, jets, "blocks_0_value_cut", double)

    def test_verdict(self, exported, executor, jets):
        reference, model = exported
        broken = ModelProto()
        broken.CopyFrom(model)
        add_to(broken, "head_bias", 0, 0.25)
        require_equal(verify([reference, executor(reference.graph, model)], *jets))
        verdicts = verify([reference, executor(reference.graph, broken)], *jets)
        # The score of an empty jet does not come from the head.
        n, wrong = len(jets[1]), int((jets[1] > 0).sum())
        assert verdicts[1].differ == wrong
        with pytest.raises(CheckFailed, match=rf"{executor.name}: {wrong} of {n} jets differ, by up to \d+ LSB"):
            require_equal(verdicts)
