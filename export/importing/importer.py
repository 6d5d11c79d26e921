"""A QONNX file as the tool's own exported file: every node by the family that it belongs to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from onnx import ModelProto, NodeProto

from tritag.closed import closed
from tritag.errors import ExportError
from tritag.export.importing import attention, linear, pairs, pointwise, pooling, shapes
from tritag.export.importing.context import Import
from tritag.export.importing.input_grid import InputGrid
from tritag.export.importing.inputs import declared_input
from tritag.export.importing.output import write_output
from tritag.export.importing.source import QUANT_DOMAINS, QUANT_KINDS, fold, label, read_source, readable
from tritag.export.importing.values import Value
from tritag.export.importing.writer import Writer

Handler = Callable[[Import, NodeProto], None]
# Families by the number of inputs that depend on the data: any number where one function stands alone.
_HANDLERS: dict[str, Handler] = {
    "Gemm": linear.gemm,
    "Conv": linear.convolution,
    "BatchNormalization": pointwise.batch_norm,
    "Relu": pointwise.clip,
    "Clip": pointwise.clip,
    "HardSigmoid": pointwise.hard_sigmoid,
    "LeakyRelu": pointwise.function,
    "Elu": pointwise.function,
    **dict.fromkeys(pointwise.FUNCTIONS, pointwise.function),
    "QuantizeLinear": pointwise.quantize_linear,
    "DequantizeLinear": pointwise.dequantize_linear,
    "Softmax": attention.softmax,
    "LayerNormalization": attention.layer_norm,
    **dict.fromkeys(("Reshape", "Flatten", "Squeeze", "Unsqueeze"), shapes.reshape),
    "Transpose": shapes.transpose,
    "Shape": shapes.shape_of,
    **dict.fromkeys(("Slice", "Split", "Gather"), shapes.part),
    "Concat": pairs.concat,
    **dict.fromkeys(("ReduceSum", "ReduceMean", "ReduceMax", "GlobalAveragePool", "GlobalMaxPool"), pooling.reduce),
}
_WITH_CONSTANT: dict[str, Handler] = {
    "Add": pointwise.add,
    "Sub": pointwise.add,
    "Mul": pointwise.multiply,
    "Div": pointwise.multiply,
    "MatMul": linear.matmul,
}
_OF_TWO: dict[str, Handler] = {
    "Add": pairs.total,
    "Sub": pairs.total,
    "Mul": pairs.multiply,
    "MatMul": pairs.product,
}


@dataclass(frozen=True)
class Imported:
    """An imported program.

    Attributes
    ----------
    model : ModelProto
        The file in the tool's own form.
    final : str
        Tensor of the original whose values the outputs are: its output, or what stands before a softmax at the end.
    inputs : dict
        For every input of the program the original's input, and the order of its axes in the program.
    scales : dict
        For every input what one integer stands for, as floats that broadcast to the original's shape.
    output_scale : float
        What one unit of the program's output grid stands for, beside the grid's own LSB.
    output_shape : tuple of int
        Shape of ``final`` without the batch axis.
    output_order : tuple of int
        Its axes in the order of the program's output.
    forms : dict
        How each quantizer was written, by its node.
    notes : list of str
        What differs from the file, and by how much.
    quantized : dict
        What each quantizer's output in the file has become, in the file's order.
    """

    model: ModelProto
    final: str
    inputs: dict[str, tuple[str, tuple[int, ...]]]
    scales: dict[str, np.ndarray]
    output_scale: float
    output_shape: tuple[int, ...]
    output_order: tuple[int, ...]
    forms: dict[str, str]
    notes: list[str]
    quantized: dict[str, Value] = field(default_factory=dict)


def import_model(model: ModelProto, grids: Mapping[str, InputGrid] | None = None) -> Imported:
    """Turn somebody's file into the tool's own.

    Parameters
    ----------
    grids : mapping, optional
        What the integers at each input mean; an input with a quantizer behind it needs none.

    Raises
    ------
    ExportError
        A node has no exact integer form; the message names it and the reason.
    ConfigError
        A grid does not fit its input.
    """
    with closed("the file to import", ExportError, "an ONNX file whose nodes and tensors fit each other", "check it"):
        return _imported(model, grids)


def _imported(model: ModelProto, grids: Mapping[str, InputGrid] | None) -> Imported:
    source = read_source(model)
    if len(source.outputs) != 1:
        raise ExportError(
            f"the file must have one output, got {len(source.outputs)}: {', '.join(source.outputs)[:200]}"
        )
    graph = Import(source, Writer())
    grids = grids or {}
    if unknown := [name for name in grids if name not in source.inputs]:
        raise ExportError(f"inputs must be among {', '.join(source.inputs)}, got {', '.join(unknown)[:200]}")
    scales, inputs = {}, {}
    for name, shape in source.inputs.items():
        with readable(f"input {name[:80]!r}"):
            value = declared_input(graph, name, shape, grids.get(name))
        graph.values[name] = value
        inputs[value.tensor] = name, value.order
        scales[value.tensor] = value.scale.astype(np.float64)
    for node in source.nodes:
        _node(graph, node)
    with readable(f"output {source.outputs[0][:80]!r}"):
        value, final = _final(graph)
        written = write_output(graph, value, source.outputs[0])
    return Imported(
        written.model,
        final,
        inputs,
        scales,
        written.scale,
        value.shape,
        value.order,
        graph.forms,
        graph.notes,
        {name: graph.values[name] for name in graph.quantized},
    )


def _node(graph: Import, node: NodeProto) -> None:
    if node.output[0] in graph.done:
        return
    handler: Handler | None
    if node.op_type in QUANT_KINDS and node.domain == QUANT_DOMAINS[0]:
        handler = pointwise.quant
    elif node.domain not in ("", "ai.onnx"):
        handler = None
    elif node.op_type == "ArgMax" and node.output[0] in graph.source.outputs:
        graph.values[node.output[0]] = graph.one(node)
        graph.notes.append(f"{label(node)} at the end is left out: outputs are its arguments")
        return
    else:
        constants = sum(name in graph.source.constants for name in node.input)
        two = len([x for x in node.input if x]) - constants > 1
        handler = _HANDLERS.get(node.op_type) or (_OF_TWO if two else _WITH_CONSTANT).get(node.op_type)
    if _all_constant(graph, node):
        with readable(label(node)):
            fold(graph.source, node)
        return
    if handler is None:
        raise ExportError(
            f"{label(node)} has no exact integer form here; known are {', '.join(sorted({*_HANDLERS, *_OF_TWO}))} and "
            f"{', '.join(QUANT_KINDS)}"
        )
    with readable(label(node)):
        handler(graph, node)


def _all_constant(graph: Import, node: NodeProto) -> bool:
    return all(name in graph.source.constants or not name for name in node.input)


def _final(graph: Import) -> tuple[Value, str]:
    """The value that the program answers with, and the tensor of the original that it is."""
    name = graph.source.outputs[0]
    if name not in graph.values:
        raise ExportError(
            f"output {name[:80]!r} must depend on an input through a quantizer, got a constant or integers"
        )
    value, final = graph.values[name], name
    while True:
        made = next((n for n in graph.source.model.graph.node if final in n.output), None)
        if made is None or made.op_type not in ("Softmax", "ArgMax", "Identity", "Cast"):
            return value, final
        final = made.input[0]
