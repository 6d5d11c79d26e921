"""Sums, means and maxima over candidates or channels."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import numpy as np
from onnx import NodeProto

from tritag.export.importing.context import Import, attribute, refuse
from tritag.export.importing.requantize import on_rows
from tritag.export.importing.values import Value, constant
from tritag.quant.integer.tracer import Int, Tracer


def reduce(graph: Import, node: NodeProto) -> None:
    """ReduceSum, ReduceMean, ReduceMax and the global pools."""
    value = graph.settled(node, graph.one(node))
    value = graph.common_scale(node, value)
    axes, keep = _axes(graph, node, value)
    long = [a for a in axes if value.shape[a] > 1]
    kind = "max" if "Max" in node.op_type else "sum"
    result, order = value.tensor, list(value.order)
    if len(long) > 1:
        refuse(node, "one axis that it reduces")
    count = value.shape[long[0]] if long else 1
    if long:
        tensor, rows, lanes = on_rows(graph.writer, value)
        wish = node.name or node.output[0]
        if value.order[-1] == long[0]:
            result = graph.program(f"{kind}_lanes", [tensor], (rows, 1), _over_lanes(kind), wish)
        elif rows == count and value.shape[value.order[-1]] == lanes:
            result = graph.program(f"{kind}_rows", [tensor], (1, lanes), _over_rows(kind), wish)
        else:
            refuse(node, "an axis that is all of a jet's rows, or the last one in memory")
    scale = value.scale.ravel()[0]
    if "Mean" in node.op_type or "Average" in node.op_type:
        scale = scale * Fraction(1, count)
    shape = tuple(1 if a in axes else n for a, n in enumerate(value.shape))
    if not keep:
        kept = [a for a in range(len(shape)) if a not in axes]
        order = [kept.index(a) for a in order if a in kept]
        shape = tuple(shape[a] for a in kept)
        if not shape:
            shape, order = (1,), [0]
    graph.values[node.output[0]] = Value(result, shape, tuple(order), constant(shape, scale), constant(shape))


def _over_lanes(kind: str) -> Callable[[Tracer, Int], Int]:
    return lambda t, x: x.max_lanes() if kind == "max" else x.sum_lanes()


def _over_rows(kind: str) -> Callable[[Tracer, Int], Int]:
    def write(t: Tracer, x: Int) -> Int:
        return x.max_rows() if kind == "max" else x.sum_rows()

    return write


def _axes(graph: Import, node: NodeProto, value: Value) -> tuple[list[int], bool]:
    """Reduced axes without the batch axis, and whether they are kept with length 1."""
    rank = len(value.shape) + 1
    if node.op_type.startswith("Global"):
        return list(range(1, len(value.shape))), True
    given = attribute(node, "axes")
    if given is None:
        array = graph.array(node, 1)
        given = None if array is None else np.ravel(array).tolist()
    axes = [(a + rank) % rank for a in (given if given is not None else range(rank))]
    if 0 in axes:
        refuse(node, "axes without the batch axis")
    return sorted(a - 1 for a in axes), bool(attribute(node, "keepdims", 1))
