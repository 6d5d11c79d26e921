"""Two activations: sums, element-wise products, products of matrices, concatenations."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction

import numpy as np
from onnx import NodeProto

from tritag.export.importing.context import Import, attribute, refuse
from tritag.export.importing.requantize import on_rows
from tritag.export.importing.values import Value, constant
from tritag.quant.integer.tracer import Int, Tracer
from tritag.quant.requantize.exact import power_of_two, uniform

# Bits of the integers of a sum whose terms have no common scale.
_SUM_BITS = 20
_LETTERS = "nchdefgijklmopqrstuvwxyz"


def total(graph: Import, node: NodeProto) -> None:
    """Add or Sub of two activations: exact where their scales have a ratio of small integers."""
    a, b = (_plain(graph, node, v) for v in graph.data(node))
    a, b = _same_order(graph, node, a, b)
    sign = -1 if node.op_type == "Sub" else 1
    first, second = _one(a.scale), _one(b.scale)
    ratio = power_of_two(second / first)
    offset = a.offset + sign * b.offset
    fractions = [graph.writer.grids[v.tensor].fraction for v in (a, b)]
    if a.shape == b.shape and sign > 0 and ratio is not None and fractions[0] - fractions[1] == ratio:
        one, other = (on_rows(graph.writer, v)[0] for v in (a, b))
        result = graph.writer.sum(one, other, node.name or node.output[0])
        graph.values[node.output[0]] = Value(result, a.shape, a.order, constant(a.shape, min(first, second)), offset)
        return
    unit, factors = _common_unit(graph, node, a, b)

    def write(t: Tracer, x: Int, y: Int) -> Int:
        return x * factors[0] + y * (sign * factors[1])

    result, shape, order = _together(graph, node, a, b, write)
    graph.values[node.output[0]] = Value(result, shape, order, constant(shape, unit), offset)


def _common_unit(graph: Import, node: NodeProto, a: Value, b: Value) -> tuple[Fraction, tuple[int, int]]:
    """A scale, and what both terms are multiplied by to be counted in it; a rounding is noted."""
    first, second = _one(a.scale), _one(b.scale)
    grids = [graph.writer.grids[v.tensor] for v in (a, b)]
    reach = [max(abs(g.low), abs(g.high), 1) for g in grids]
    ratio = first / second
    if reach[0] * ratio.numerator + reach[1] * ratio.denominator < 1 << _SUM_BITS:
        return second / ratio.denominator, (ratio.numerator, ratio.denominator)
    # The best small fraction for the ratio: the error goes with the square of its denominator.
    largest = max(1, math.floor(((1 << _SUM_BITS) - reach[0]) / (reach[0] * ratio + reach[1])))
    near = ratio.limit_denominator(largest)
    near = near if near else Fraction(1, largest)
    unit, factors = second / near.denominator, (near.numerator, near.denominator)
    error = abs(near.numerator * unit - first) * reach[0]
    graph.notes.append(
        f"{node.op_type} {node.name or node.output[0]!r}: its terms have the scales {float(first):g} and "
        f"{float(second):g}; their sum is rounded by at most {float(error):.2g}, "
        f"{float(error / max(first, second)):.2g} of the coarser scale"
    )
    return unit, factors


def multiply(graph: Import, node: NodeProto) -> None:
    """Element-wise product of two activations; one of them may have one number for all channels or candidates."""
    a, b = (graph.common_scale(node, v) for v in graph.data(node))
    a, b = _same_order(graph, node, a, b)
    result, shape, order = _together(graph, node, a, b, lambda t, x, y: x * y, _summed_fraction(graph, a, b))
    graph.values[node.output[0]] = Value(
        result, shape, order, constant(shape, _one(a.scale) * _one(b.scale)), constant(shape)
    )


def product(graph: Import, node: NodeProto) -> None:
    """Product of two matrices of activations; leading axes (heads) agree."""
    a, b = (graph.common_scale(node, v) for v in graph.data(node))
    if len(a.shape) != len(b.shape) or len(a.shape) < 2 or a.shape[:-2] != b.shape[:-2] or a.shape[-1] != b.shape[-2]:
        refuse(node, f"factors (..., n, d) and (..., d, m) with equal leading axes, got {a.shape} and {b.shape}")
    rank = len(a.shape)
    first = _LETTERS[:rank]
    second = first[: rank - 2] + first[-1] + _LETTERS[rank]
    tensors, texts = [], []
    for value, letters in ((a, first), (b, second)):
        tensors.append(graph.writer.reshaped(value.tensor, tuple(value.shape[i] for i in value.order)))
        texts.append("".join(letters[i] for i in value.order))
    summed, new = first[-1], second[-1]
    result_text = texts[0].replace(summed, "") + new
    result = graph.writer.product(
        tensors[0], tensors[1], f"{texts[0]},{texts[1]}->{result_text}", node.name or node.output[0]
    )
    logical = first[:-1] + new
    shape = (*a.shape[:-1], b.shape[-1])
    order = tuple(logical.index(x) for x in result_text)
    graph.values[node.output[0]] = Value(
        result, shape, order, constant(shape, _one(a.scale) * _one(b.scale)), constant(shape)
    )


def concat(graph: Import, node: NodeProto) -> None:
    """Channels beside channels, or candidates behind candidates, of tensors of one scale."""
    values = [graph.common_scale(node, v) for v in graph.data(node)]
    if len(values) != len(node.input):
        refuse(node, "activations alone, no constants")
    first = values[0]
    axis = attribute(node, "axis", 0)
    axis = axis - 1 if axis > 0 else axis + len(first.shape)
    if any(v.order != first.order or v.scale.ravel()[0] != first.scale.ravel()[0] for v in values):
        refuse(node, "inputs of one scale and one order in memory; put the same Quant behind them")
    tensors = [on_rows(graph.writer, v)[0] for v in values]
    if len({graph.writer.grids[t].fraction for t in tensors}) > 1:
        refuse(node, "inputs of one grid")
    shape = tuple(sum(v.shape[a] for v in values) if a == axis else n for a, n in enumerate(first.shape))
    wish = node.name or node.output[0]
    if axis == first.order[-1]:
        rows = graph.writer.shapes[tensors[0]][0]

        def write(t: Tracer, *parts: Int) -> Int:
            return t.stack([part.lane(i) for part in parts for i in range(part.node.lanes)])

        result = graph.program("concat", tensors, (rows, shape[axis]), write, wish)
    elif axis == first.order[0] and len(shape) == 2:
        result = tensors[0]
        for number, tensor in enumerate(tensors[1:]):
            result = graph.writer.concat_rows(result, tensor, wish if number == len(tensors) - 2 else f"{wish}_part")
    else:
        refuse(node, "its axis first or last in memory")
    graph.values[node.output[0]] = Value(
        result, shape, first.order, constant(shape, _one(first.scale)), constant(shape)
    )


def _one(scale: np.ndarray) -> Fraction:
    return scale.ravel()[0]


def _plain(graph: Import, node: NodeProto, value: Value) -> Value:
    value = graph.settled(node, value)
    if uniform(value.scale) is None:
        refuse(node, "one scale for all numbers of each input; put a Quant there")
    plain = Value(value.tensor, value.shape, value.order, constant(value.shape, _one(value.scale)), value.offset)
    return graph.positive(node, plain)


def _summed_fraction(graph: Import, a: Value, b: Value) -> int:
    return sum(graph.writer.grids[v.tensor].fraction for v in (a, b))


def _same_order(graph: Import, node: NodeProto, a: Value, b: Value) -> tuple[Value, Value]:
    """Both with equally many axes, in one order in memory."""
    rank = max(len(a.shape), len(b.shape))
    a, b = (v if len(v.shape) == rank else v.reshaped((*[1] * (rank - len(v.shape)), *v.shape)) for v in (a, b))
    long = [v.long for v in (a, b)]
    both = [i for i in long[0] if i in long[1]]
    if both != [i for i in long[1] if i in long[0]]:
        refuse(node, "both inputs in one order in memory")
    if any(n != m and 1 not in (n, m) for n, m in zip(a.shape, b.shape, strict=True)):
        refuse(node, f"inputs whose shapes agree, got {a.shape} and {b.shape}")
    return a, b


def _together(
    graph: Import, node: NodeProto, a: Value, b: Value, write: Callable[..., Int], fraction: int | None = None
) -> tuple[str, tuple[int, ...], tuple[int, ...]]:
    """An integer program of two tensors that broadcast: rows and lanes agree, or are 1."""
    shape = tuple(np.broadcast_shapes(a.shape, b.shape))
    wide = a if a.size >= b.size else b
    if wide.size != int(np.prod(shape)):
        refuse(node, "one input that has the shape of the result")
    last = wide.order[-1]
    tensors = []
    rows, lanes = wide.size // shape[last], shape[last]
    for value in (a, b):
        own = value.shape[last]
        tensors.append(graph.writer.reshaped(value.tensor, (value.size // own, own)))
        if graph.writer.shapes[tensors[-1]][0] not in (1, rows):
            refuse(node, "inputs of as many candidates, or of one")
    result = graph.program(
        node.op_type.lower(),
        tensors,
        (rows, lanes),
        write,
        node.name or node.output[0],
        fraction,
    )
    return result, shape, wide.order
