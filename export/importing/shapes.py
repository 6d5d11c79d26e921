"""Nodes that move numbers and change none: reshapes, transpositions, parts of the last axis, shapes as constants."""

from __future__ import annotations

import numpy as np
from onnx import NodeProto

from tritag.export.importing.context import Import, attribute, refuse
from tritag.export.importing.requantize import on_rows, turned
from tritag.export.importing.source import Constant
from tritag.export.importing.values import Value
from tritag.quant.integer.tracer import Int, Tracer


def reshape(graph: Import, node: NodeProto) -> None:
    """Reshape, Flatten, Squeeze, Unsqueeze."""
    value = graph.one(node)
    graph.values[node.output[0]] = _as_shape(graph, node, value, _target(graph, node, value))


def _target(graph: Import, node: NodeProto, value: Value) -> tuple[int, ...]:
    """The shape that a node asks for, without the batch axis."""
    rank = len(value.shape) + 1
    if node.op_type == "Flatten":
        if attribute(node, "axis", 1) != 1:
            refuse(node, "axis 1")
        return (value.size,)
    if node.op_type == "Reshape":
        target = graph.array(node, 1)
        wanted = [] if target is None else [int(n) for n in np.ravel(target)]
        if 0 in wanted[1:]:
            wanted = [(1, *value.shape)[i] if n == 0 and i < rank else n for i, n in enumerate(wanted)]
        rest = wanted[1:]
        if -1 in rest:
            known = int(np.prod([n for n in rest if n != -1]))
            rest = [value.size // known if n == -1 and known else n for n in rest]
        if not wanted or wanted[0] not in (-1, 0, 1) or int(np.prod(rest)) != value.size:
            refuse(node, f"a shape that keeps the batch axis first and {value.size} numbers behind it, got {wanted}")
        return tuple(rest)
    given = attribute(node, "axes")
    array = graph.array(node, 1) if given is None else np.array(given)
    if node.op_type == "Squeeze":
        axes = (
            [i for i, n in enumerate((0, *value.shape)) if n == 1]
            if array is None
            else [(a + rank) % rank for a in array]
        )
        if 0 in axes or any(value.shape[a - 1] != 1 for a in axes):
            refuse(node, "axes of length 1 without the batch axis")
        left = tuple(n for i, n in enumerate(value.shape) if i + 1 not in axes)
        return left or (1,)
    assert array is not None
    result = [0, *value.shape]
    total = rank + len(array)
    for axis in sorted((int(a) + total) % total for a in array):
        if axis == 0:
            refuse(node, "axes behind the batch axis")
        result.insert(axis, 1)
    return tuple(result[1:])


def _as_shape(graph: Import, node: NodeProto, value: Value, shape: tuple[int, ...]) -> Value:
    if shape == value.shape:
        return value
    long = value.long
    old, new = ([n for n in s if n > 1] for s in (value.shape, shape))
    if long == sorted(long):
        return value.reshaped(shape)
    if old == new:
        # Axes of length 1 come and go: the others keep their order in memory.
        places = [i for i, n in enumerate(shape) if n > 1]
        names = [i for i, n in enumerate(value.shape) if n > 1]
        moved = value.reshaped(shape)
        order = [places[names.index(i)] for i in long]
        rest = [i for i in range(len(shape)) if i not in order]
        return Value(moved.tensor, shape, (*rest, *order), moved.scale, moved.offset, moved.steps)
    if long[:-1] == sorted(long[:-1]) and long[-1] < long[0]:
        # Channels first, as of a convolution: the last axis in memory is the first in the file.
        return turned(graph.writer, value).reshaped(shape)
    return refuse(node, "numbers in the order in which they lie, or channels first; transpose back before it")


def transpose(graph: Import, node: NodeProto) -> None:
    """Transpose: the integers stay where they are."""
    value = graph.one(node)
    axes = list(attribute(node, "perm", list(range(len(value.shape), -1, -1))))
    if len(axes) != len(value.shape) + 1 or axes[0] != 0:
        refuse(node, "the batch axis first")
    graph.values[node.output[0]] = value.transposed(tuple(a - 1 for a in axes[1:]))


def shape_of(graph: Import, node: NodeProto) -> None:
    """Shape: a constant whose batch axis is 1."""
    value = graph.one(node)
    graph.source.constants[node.output[0]] = Constant(np.array([1, *value.shape], dtype=np.int64))


def part(graph: Import, node: NodeProto) -> None:
    """Slice, Split and Gather along the last axis in memory."""
    value = graph.settled(node, graph.one(node))
    rank = len(value.shape) + 1
    parts: list[list[int]] = []
    keep = True
    if node.op_type == "Slice":
        starts, ends, axes, steps = (
            _numbers(graph, node, i, n) for i, n in enumerate(("starts", "ends", "axes", "steps"), 1)
        )
        if starts is None or ends is None or len(starts) != 1:
            refuse(node, "one axis")
        axis = (axes[0] if axes else 0) % rank
        parts = [list(range(value.shape[axis - 1]))[starts[0] : ends[0] : steps[0] if steps else 1]]
    elif node.op_type == "Gather":
        indices = graph.array(node, 1)
        assert indices is not None
        axis, keep = attribute(node, "axis", 0) % rank, indices.ndim > 0
        parts = [[int(i) % value.shape[axis - 1] for i in np.ravel(indices)]]
    else:
        axis = attribute(node, "axis", 0) % rank
        size, sizes = value.shape[axis - 1], _numbers(graph, node, 1, "split")
        sizes = sizes or [-(-size // len(node.output))] * len(node.output)
        ends = np.cumsum(sizes).tolist()
        parts = [list(range(max(e - s, 0), min(e, size))) for s, e in zip(sizes, ends, strict=True)]
    if axis == 0 or any(not p for p in parts):
        refuse(node, "parts of an axis behind the batch axis")
    for output, chosen in zip(node.output, parts, strict=True):
        graph.values[output] = _chosen(graph, node, value, axis - 1, chosen, keep, output)


def _numbers(graph: Import, node: NodeProto, index: int, name: str) -> list[int] | None:
    given = attribute(node, name)
    array = graph.array(node, index) if given is None else given
    return None if array is None else [int(n) for n in np.ravel(array)]


def _chosen(
    graph: Import, node: NodeProto, value: Value, axis: int, chosen: list[int], keep: bool, output: str
) -> Value:
    tensor, rows, lanes = on_rows(graph.writer, value)
    if value.order[-1] == axis:

        def write(t: Tracer, x: Int) -> Int:
            picked = [x.lane(i) for i in chosen]
            return picked[0] if len(picked) == 1 else t.stack(picked)

        result = graph.program("lanes", [tensor], (rows, len(chosen)), write, output)
    elif value.order[0] == axis and len(value.shape) == 2 and len(chosen) == 1:

        def write(t: Tracer, x: Int) -> Int:
            return t.row_index().equal(chosen[0]).where(x, 0).sum_rows()

        result = graph.program("row", [tensor], (1, lanes), write, output)
    else:
        refuse(node, "an axis that is last in memory, or one candidate")
    scale, offset = (np.take(x, chosen, axis=axis) if x.shape[axis] > 1 else x for x in (value.scale, value.offset))
    shape = tuple(len(chosen) if a == axis else n for a, n in enumerate(value.shape))
    picked = Value(result, shape, value.order, scale, offset)
    if keep or len(shape) == 1:
        return picked
    order = tuple(a - (a > axis) for a in picked.order if a != axis)
    shape = tuple(n for a, n in enumerate(shape) if a != axis)
    return Value(result, shape, order, np.squeeze(scale, axis=axis), np.squeeze(offset, axis=axis))
