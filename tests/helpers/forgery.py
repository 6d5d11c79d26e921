"""Exported files that lie: one interval is another, and body, digest and metadata are rebuilt by the tool's own writer.

Whatever such a file says of itself agrees with itself; only who derives the intervals again can tell.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator

from onnx import ModelProto, TensorProto, helper

from tritag.export.functions import op_function
from tritag.export.qonnx_file import METADATA_INPUTS, METADATA_OUTPUTS, METADATA_PROGRAMS, program_entry
from tritag.quant.integer.program import Node, Program
from tritag.quant.ops.op import ONNX_DOMAIN, BoundProgram


def forged(program: Program, index: int) -> Iterator[tuple[str, Program]]:
    """Programs that lie about the interval, lanes or rows of one instruction alone, each with what was changed."""
    node = program.nodes[index]
    lies: dict[str, dict[str, int | bool]] = {
        "low + 1": {"low": node.low + 1},
        "high - 1": {"high": node.high - 1},
        "low - 1": {"low": node.low - 1},
        "high + 1": {"high": node.high + 1},
        "half": {"low": node.low // 2, "high": node.high // 2},
    }
    for name, lie in lies.items():
        changed = dataclasses.replace(node, **lie)  # type: ignore[arg-type]
        if changed.low <= changed.high and changed != node:
            yield name, with_node(program, index, changed)


def with_node(program: Program, index: int, node: Node) -> Program:
    """The program with another instruction at ``index``."""
    return dataclasses.replace(program, nodes=[*program.nodes[:index], node, *program.nodes[index + 1 :]])


def one_op_file(program: Program, rows: int, truth: Program | None = None) -> ModelProto:
    """File of one op without fractions, as the exporter writes it; inputs have the domains of ``truth``."""
    truth = truth or program
    bound = BoundProgram(program, (0,) * len(program.inputs), (0,) * len(program.outputs))
    nodes = [truth.nodes[port.node] for port in truth.inputs]
    shapes = {p.name: (rows if n.per_row else 1, n.lanes) for p, n in zip(truth.inputs, nodes, strict=True)}
    output, end = truth.outputs[0].name, truth.nodes[truth.outputs[0].node]
    n_outputs = (rows if end.per_row else 1) * end.lanes
    op = helper.make_node(
        bound.op_type, [*shapes, *program.tables], [p.name for p in program.outputs], name="op", domain=ONNX_DOMAIN
    )
    inputs = [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["batch", *s]) for n, s in shapes.items()]
    outputs = [helper.make_tensor_value_info(output, TensorProto.FLOAT, None)]
    tables = [
        helper.make_tensor(name, TensorProto.INT64, [len(entries)], entries) for name, entries in program.tables.items()
    ]
    model = helper.make_model(helper.make_graph([op], "op", inputs, outputs, tables), functions=[op_function(bound)])
    helper.set_model_props(
        model,
        {
            METADATA_PROGRAMS: json.dumps({bound.op_type: program_entry(bound)}),
            METADATA_INPUTS: json.dumps({p.name: [n.low, n.high, 0] for p, n in zip(truth.inputs, nodes, strict=True)}),
            METADATA_OUTPUTS: json.dumps([f"out{i}" for i in range(n_outputs)]),
        },
    )
    return model


def forge_file(model: ModelProto, op_type: str, program: Program) -> ModelProto:
    """A tagger's file in which the program of ``op_type`` is another one, everywhere that the file speaks of it."""
    copy = ModelProto()
    copy.CopyFrom(model)
    entry = next(p for p in copy.metadata_props if p.key == METADATA_PROGRAMS)
    programs = json.loads(entry.value)
    old = programs.pop(op_type)
    bound = BoundProgram(program, tuple(old["in_fractions"]), tuple(old["out_fractions"]))
    entry.value = json.dumps({**programs, bound.op_type: program_entry(bound)})
    body = next(f for f in copy.functions if (f.domain, f.name) == (ONNX_DOMAIN, op_type))
    body.CopyFrom(op_function(bound))
    for node in copy.graph.node:
        if (node.domain, node.op_type) == (ONNX_DOMAIN, op_type):
            node.op_type = bound.op_type
    return copy
