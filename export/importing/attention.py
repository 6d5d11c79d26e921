"""What takes all numbers of a row at once, in front of a quantizer: softmax and LayerNorm, of tables and exact sums."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
from onnx import NodeProto

from tritag.export.importing.context import Import, attribute, refuse
from tritag.export.importing.requantize import on_rows
from tritag.export.importing.values import Value, constant
from tritag.quant.integer.blocks import exponential, reciprocal, rsqrt
from tritag.quant.integer.tracer import Int, Tracer

# Opset from which a softmax goes over one axis, by default the last; before, over all from its own, 1, on.
_SOFTMAX_OF_ONE_AXIS = 13
# Bits of an exponential, of the reciprocal, and of a probability before its quantizer.
_WEIGHT_BITS = 16
_MANTISSA_BITS = 18
_OUTPUT_BITS = 18
# Fractional bits of a normalised number before its quantizer.
_NORM_BITS = 16
# Bits of a reciprocal root from its table, and of the step that makes it better.
_ROOT_BITS, _STEP_BITS = 12, 20


def softmax(graph: Import, node: NodeProto) -> None:
    """Softmax; at the very end of a network it is left out, since it changes no order."""
    value = graph.one(node)
    old = graph.source.opset < _SOFTMAX_OF_ONE_AXIS
    axis = attribute(node, "axis", 1 if old else -1)
    axis = axis - 1 if axis > 0 else axis + len(value.shape)
    if node.output[0] in graph.source.outputs and not graph.source.users(node.output[0]):
        graph.values[node.output[0]] = value
        graph.notes.append(f"{node.op_type} {node.name or node.output[0]!r} at the end is left out: outputs are logits")
        return
    value = graph.common_scale(node, value)
    if old and axis != len(value.shape) - 1:
        refuse(node, f"its axis last: below opset {_SOFTMAX_OF_ONE_AXIS} it takes all axes from {axis + 1} on as one")
    if value.order[-1] != axis:
        refuse(node, "its axis last in memory")
    tensor, rows, lanes = on_rows(graph.writer, value)
    step = float(value.scale.ravel()[0])

    def write(t: Tracer, x: Int) -> Int:
        weight = exponential(t, x.max_lanes() - x, step, _WEIGHT_BITS)
        total = weight.sum_lanes()
        start, shift = reciprocal(t, total, _MANTISSA_BITS, index_bits=8)
        # One step of Newton: start * (2 - total * start), which squares the relative error of the table.
        rest = t.constant(2 << _MANTISSA_BITS).shift_left_by(shift) - total * start
        inverse = (start * rest).round_shift_by(shift + _MANTISSA_BITS)
        share = (weight * inverse).round_shift_by(shift + (_MANTISSA_BITS - _OUTPUT_BITS))
        return share.clip(0, 1 << _OUTPUT_BITS)

    result = graph.program("softmax", [tensor], (rows, lanes), write, node.name or node.output[0], _OUTPUT_BITS)
    unit = Fraction(1, 1 << _OUTPUT_BITS)
    graph.values[node.output[0]] = Value(
        result, value.shape, value.order, constant(value.shape, unit), constant(value.shape)
    )
    graph.notes.append(
        f"Softmax {node.name or node.output[0]!r}: exponentials of {_WEIGHT_BITS} bits and a reciprocal from tables; "
        "the file's float softmax may round to the neighbouring code"
    )


def layer_norm(graph: Import, node: NodeProto) -> None:
    """LayerNormalization over the last axis: exact deviations and squares, a reciprocal root from a table."""
    value = graph.common_scale(node, graph.one(node))
    rank = len(value.shape) + 1
    if attribute(node, "axis", -1) % rank != rank - 1 or value.order[-1] != len(value.shape) - 1:
        refuse(node, "its axis last, in the file and in memory")
    tensor, rows, lanes = on_rows(graph.writer, value)
    unit = value.scale.ravel()[0]
    room = Fraction(float(attribute(node, "epsilon", 1e-5))) * lanes**3 / unit**2

    def write(t: Tracer, x: Int) -> Int:
        deviation = x * lanes - x.sum_lanes()
        squares = (deviation * deviation).sum_lanes() + round(room)
        start, shift = rsqrt(t, squares, _ROOT_BITS)
        # One step of Newton: start * (3 - squares * start**2) / 2; the bracket with _STEP_BITS behind the point.
        twice = shift + shift
        rest = t.constant(3 << 2 * _ROOT_BITS).shift_left_by(twice) - squares * (start * start)
        step = rest.round_shift_by(twice + (2 * _ROOT_BITS - _STEP_BITS)).clip(0, 3 << _STEP_BITS)
        scaled = (deviation * (start * step)).round_shift(8) * round(math.sqrt(lanes) * 2**8)
        bound = math.ceil(math.sqrt(lanes)) << _NORM_BITS
        return scaled.round_shift_by(shift + (_ROOT_BITS + _STEP_BITS + 1 - _NORM_BITS)).clip(-bound, bound)

    result = graph.program("layer_norm", [tensor], (rows, lanes), write, node.name or node.output[0], _NORM_BITS)
    fine = Fraction(1, 1 << _NORM_BITS)
    graph.values[node.output[0]] = Value(
        result, value.shape, value.order, constant(value.shape, fine), constant(value.shape)
    )
    graph.notes.append(
        f"LayerNormalization {node.name or node.output[0]!r}: a reciprocal root from a table and a step of Newton; "
        "the file's float norm may round to the neighbouring code"
    )
    factor, offset = (graph.array(node, i) for i in (1, 2))
    if factor is not None or offset is not None:
        factor = np.ones(lanes) if factor is None else factor
        offset = np.zeros(lanes) if offset is None else offset
        graph.affine(node, graph.values[node.output[0]], factor, offset)
