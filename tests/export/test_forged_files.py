"""Files whose intervals or shapes lie, in agreement with themselves: every reader derives them again and refuses."""

from __future__ import annotations

import dataclasses

import numpy as np
import onnx
import pytest

from tests.helpers.forgery import forge_file, forged, one_op_file, with_node
from tests.helpers.programs import INSTRUCTIONS, instruction_program
from tritag.errors import ExportError
from tritag.export.executors import OnnxRuntimeExecutor
from tritag.export.graph import Op, read_graph
from tritag.quant.integer import instructions
from tritag.quant.integer.program import Program
from tritag.quant.integer.proof import _Prover
from tritag.quant.integer.tracer import Tracer

ROWS = 3
# Places of one kind of instruction that are forged; the first of them have the plainest operands.
PLACES = 3


def told_on(program: Program, index: int, high: int) -> Program:
    """The program whose instruction ``index`` ends at ``high``, and whatever follows is derived from that lie."""

    class Liar(Tracer):
        def emit(self, op, args, params, low, top, lanes=None, per_row=None):  # type: ignore[no-untyped-def]
            lie = high if len(self.program.nodes) == index else top
            return super().emit(op, args, params, min(low, lie), lie, lanes, per_row)

    ends = [(program.nodes[p.node].low, program.nodes[p.node].high) for p in program.inputs]
    prover = _Prover(program, ROWS, ends)
    prover.tracer = Liar(program.name, ROWS)
    for name, entries in program.tables.items():
        prover.tracer.table(name, entries)
    for place in range(len(program.nodes)):
        prover.values.append(prover.emit(place))
    return dataclasses.replace(program, nodes=prover.tracer.program.nodes)


def test_every_instruction_is_forged():
    assert list(INSTRUCTIONS) == list(instructions.INSTRUCTIONS)


@pytest.mark.parametrize("op", INSTRUCTIONS)
def test_a_forged_interval_is_refused(op):
    """Each kind of instruction: the interval alone, and the interval with all that follows from it."""
    program = instruction_program(op, ROWS)
    read_graph(one_op_file(program, ROWS))
    places = [i for i, node in enumerate(program.nodes) if node.op == op][:PLACES]
    refused = 0
    for index in places:
        lies = list(forged(program, index))
        for change, lie in lies:
            with pytest.raises(ExportError, match=rf"^graph lint: .*\b{program.outputs[0].name}\b") as caught:
                read_graph(one_op_file(lie, ROWS, truth=program))
            assert "must take" in str(caught.value) or f"instruction {index} ({op})" in str(caught.value), change
            refused += 1
    assert refused >= 2 * len(places) > 0


@pytest.mark.parametrize("op", [op for op in INSTRUCTIONS if op != "input"])
def test_a_lie_is_refused_with_all_that_follows_from_it(op):
    program = instruction_program(op, ROWS)
    index = next(i for i, node in enumerate(program.nodes) if node.op == op and node.high > node.low)
    node = program.nodes[index]
    try:
        lie = told_on(program, index, (node.low + node.high) // 2)
    except ExportError:  # what follows has no proof any more, so that there is no such file
        lie = with_node(program, index, dataclasses.replace(node, high=(node.low + node.high) // 2))
    with pytest.raises(ExportError, match=rf"instruction {index} \({op}\) must be \[{node.low}, {node.high}\] in"):
        read_graph(one_op_file(lie, ROWS, truth=program))


@pytest.mark.parametrize("change", [{"lanes": 7}, {"per_row": False}, {"params": (5,)}])
def test_lanes_rows_and_settings_are_derived_too(change):
    program = instruction_program("sumr", ROWS)
    index = next(i for i, node in enumerate(program.nodes) if node.op == ("sumr" if "params" in change else "sub"))
    lie = with_node(program, index, dataclasses.replace(program.nodes[index], **change))
    with pytest.raises(ExportError, match=rf"instruction {index} \(\w+\) must be \["):
        read_graph(one_op_file(lie, ROWS, truth=program))


def test_a_tagger_whose_program_lies_is_refused_before_it_scores(exported_int8):
    """The file answers ONNX Runtime as before, because the lie changes no operator: only the reader can tell."""
    graph, model = exported_int8.graph, exported_int8.model
    codes, count = np.full((5, 4, 3), 400), np.full(5, 4)
    answers = OnnxRuntimeExecutor(graph, model).run(codes, count)
    ops = {x.bound.op_type: x for x in graph.layers if isinstance(x, Op)}
    for op_type, layer in list(ops.items())[:3]:
        program = layer.bound.program
        index = next(i for i, n in enumerate(program.nodes) if n.op not in ("input", "const") and n.high > n.low + 1)
        lie = with_node(program, index, dataclasses.replace(program.nodes[index], high=program.nodes[index].high - 1))
        forgery = forge_file(model, op_type, lie)
        onnx.checker.check_model(forgery)
        np.testing.assert_array_equal(OnnxRuntimeExecutor(graph, forgery).run(codes, count), answers)
        with pytest.raises(ExportError, match=rf"graph lint: tensor \w+: its program {program.name} must carry"):
            read_graph(forgery)


def test_forged_shapes_are_refused(exported_int8, model):
    """Shapes decide about terms of sums and rows of programs: they follow from the inputs."""
    layers = {type(layer).__name__: layer.name for layer in exported_int8.graph.layers}
    assert len(layers) >= 5
    for name in layers.values():
        values = [x for x in (*model.graph.value_info, *model.graph.output) if x.name == name]
        dim = values[0].type.tensor_type.shape.dim[-1]
        dim.dim_value += 1
        with pytest.raises(ExportError, match=rf"tensor {name} of shape \(.*\), which follows from the inputs, got"):
            read_graph(model)
        dim.dim_value -= 1
    read_graph(model)


@pytest.mark.parametrize("name", ["../../x", "a b", "x;y", "tab\nle", "", "9lives", "ä", "x" * 300])
def test_names_of_a_file_are_identifiers(name, model):
    program = dataclasses.replace(instruction_program("lookup", ROWS))
    entries = dict(program.tables)
    tables = {name if k == "cubes" else k: v for k, v in entries.items()}
    for lie in (
        dataclasses.replace(program, name=name),
        dataclasses.replace(program, tables=tables),
        dataclasses.replace(program, outputs=[dataclasses.replace(p, name=name) for p in program.outputs[:1]]),
    ):
        with pytest.raises(ExportError, match=r"must be named by letters, digits and _"):
            Program.from_json(lie.to_json())
    for node in model.graph.node:
        node.input[:] = [name if x == "embed_cut" else x for x in node.input]
        node.output[:] = [name if x == "embed_cut" else x for x in node.output]
    with pytest.raises(ExportError, match=r"graph lint: a tensor must be named by letters, digits and _"):
        read_graph(model)


def test_weights_whose_sums_leave_64_bits_are_refused(model):
    for tensor in model.graph.initializer:
        if tensor.name == "embed_weight":
            values = onnx.numpy_helper.to_array(tensor) * np.float32(2.0**90)
            tensor.CopyFrom(onnx.numpy_helper.from_array(values, tensor.name))
    for node in model.graph.node:
        if node.name == "embed_weight_quant":
            model.graph.initializer.append(onnx.numpy_helper.from_array(np.float32(90), "many_bits"))
            node.input[3] = "many_bits"
    with pytest.raises(ExportError, match=r"MatMul 'embed_matmul' must have or be constants of at most 24 bits"):
        read_graph(model)
