"""Products with constant weights: MatMul, Gemm, and convolutions of one candidate."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from onnx import NodeProto

from tritag.errors import ExportError
from tritag.export.importing.context import Import, attribute, refuse
from tritag.export.importing.requantize import lanes_of, on_rows, turned
from tritag.export.importing.source import Constant
from tritag.export.importing.values import Value
from tritag.quant.requantize.exact import ONE, filled, power_of_two, rationals, uniform

# Bits by which a bias may be finer than the products, and bits of weights that were given without a quantizer.
_FINER_BIAS = 8
_PLAIN_BITS = 16


def matmul(graph: Import, node: NodeProto) -> None:
    """Product with constant weights on the right, (..., n_in) @ (n_in, n_out)."""
    weights = graph.constant(node.input[1])
    if weights is None or weights.array.ndim != 2:
        refuse(node, "constant weights (n_in, n_out) as its second input, or no constant at all")
    value = graph.one(node)
    _linear(graph, node, value, len(value.shape) - 1, *_codes(node, weights), graph.taken_bias(node))


def gemm(graph: Import, node: NodeProto) -> None:
    """``alpha * x @ w + beta * c``."""
    weights = graph.constant(node.input[1])
    if weights is None or weights.array.ndim != 2 or attribute(node, "transA", 0):
        refuse(node, "constant weights as its second input and transA 0")
    codes, scale = _codes(node, weights)
    if attribute(node, "transB", 0):
        codes, scale = codes.T, scale.T
    scale = scale * Fraction(attribute(node, "alpha", 1.0))
    bias = _bias(graph, node, codes.shape[1])
    bias = None if bias is None else bias * Fraction(attribute(node, "beta", 1.0))
    value = graph.one(node)
    _linear(graph, node, value, len(value.shape) - 1, codes, scale, _joined(bias, graph.taken_bias(node)))


def convolution(graph: Import, node: NodeProto) -> None:
    """A convolution whose kernel sees one candidate: a product over the channels, which are the first axis."""
    weights, value = graph.constant(node.input[1]), graph.one(node)
    if weights is None or any(n != 1 for n in weights.array.shape[2:]) or attribute(node, "group", 1) != 1:
        refuse(node, "constant weights, a kernel of size 1 and one group; other convolutions have no form here")
    if any(attribute(node, "pads", [0])) or any(s != 1 for s in attribute(node, "strides", [1])):
        refuse(node, "no padding and stride 1")
    codes, scale = _codes(node, weights)
    n_out, n_in = codes.shape[:2]
    codes, scale = codes.reshape(n_out, n_in).T, scale.reshape(n_out, n_in).T
    _linear(graph, node, value, 0, codes, scale, _bias(graph, node, n_out))


def _bias(graph: Import, node: NodeProto, n_out: int) -> np.ndarray | None:
    """Bias of a node (n_out,), of its third input; exact where it was quantized."""
    if graph.array(node, 2) is None:
        return None
    given = graph.source.constants[node.input[2]]
    flat = (rationals(given.array) if given.codes is None else rationals(given.codes) * given.scale).ravel()
    if flat.size not in (1, n_out) or given.array.shape[-1:] not in ((), (1,), (n_out,)):
        refuse(node, f"one bias for each of {n_out} outputs, got {given.array.shape}")
    return filled([flat[0]] * n_out if flat.size == 1 else list(flat), [n_out])


def _joined(a: np.ndarray | None, b: np.ndarray | None) -> np.ndarray | None:
    return b if a is None else a if b is None else a + b


def _codes(node: NodeProto, weights: Constant) -> tuple[np.ndarray, np.ndarray]:
    """Integers of weights and the scale of each (Fractions in the same shape)."""
    shape = weights.array.shape
    if weights.codes is not None and weights.scale is not None:
        return weights.codes, np.broadcast_to(weights.scale, shape)
    exact = rationals(weights.array)
    bits = max(x.denominator for x in exact.ravel().tolist()).bit_length() - 1
    largest = max(abs(x) for x in exact.ravel().tolist())
    if largest * (1 << bits) >= 1 << _PLAIN_BITS:
        refuse(node, f"quantized weights: these are floats, which take more than {_PLAIN_BITS} bits; put a Quant there")
    codes = np.array([int(x * (1 << bits)) for x in exact.ravel().tolist()], np.int64).reshape(shape)
    return codes, filled([Fraction(1, 1 << bits)] * exact.size, shape)


def _linear(
    graph: Import,
    node: NodeProto,
    value: Value,
    axis: int,
    codes: np.ndarray,
    scale: np.ndarray,
    bias: np.ndarray | None,
) -> None:
    """``value @ codes * scale + bias`` along an axis of the value."""
    writer = graph.writer
    value = _with_last(graph, node, graph.settled(node, value), axis)
    if value.shape[axis] != codes.shape[0]:
        refuse(node, f"weights for {value.shape[axis]} inputs, got {codes.shape[0]}")
    n_in, n_out = codes.shape
    tensor, _, _ = on_rows(writer, value)
    sizes, offsets = (_wide(lanes_of(x, value), n_in) for x in (value.scale, value.offset))
    unit = min(abs(x) for x in sizes if x) if any(sizes) else ONE
    ratios = [x / unit for x in sizes]
    if any(r.denominator != 1 or abs(r) > 1 << _FINER_BIAS for r in ratios):
        refuse(node, "one scale for all its inputs, or whole ratios; put a Quant there")
    columns = [uniform(scale[:, o]) for o in range(n_out)]
    if any(c is None for c in columns):
        refuse(node, "weights with one scale for each output")
    factors = [c for c in columns if c is not None]
    codes = codes * np.array([int(r) for r in ratios], np.int64)[:, None]
    total = filled([Fraction(0)] * n_out, [n_out])
    if bias is not None:
        if bias.size not in (1, n_out):
            refuse(node, f"one bias for each of {n_out} outputs, got {bias.size}")
        total = total + bias
    if any(offsets):
        # Constants of the inputs add up to a constant of each output.
        plain = [o / r if r else Fraction(0) for o, r in zip(offsets, ratios, strict=True)]
        shares = [sum((o * int(w) for o, w in zip(plain, codes[:, c], strict=True)), Fraction(0)) for c in range(n_out)]
        total = total + filled([s * f for s, f in zip(shares, factors, strict=True)], [n_out])
    units = [unit * f for f in factors]
    inside, finer = _integer_bias([b / u for b, u in zip(total, units, strict=True)])
    one = uniform(filled(factors, [n_out]))
    exponent = None if one is None else power_of_two(one)
    fraction = 0 if exponent is None else -exponent
    label = fraction + writer.grids[tensor].fraction + finer
    outside = filled([Fraction(0)] * n_out, [n_out]) if inside is not None else total
    whole = np.zeros(n_out, np.int64) if inside is None else inside
    try:
        result = writer.linear(tensor, codes, whole, (fraction, label), node.name or node.output[0])
    except ExportError as error:
        refuse(node, f"an accumulator of at most 24 bits ({error})")
    shape = tuple(n_out if a == axis else n for a, n in enumerate(value.shape))
    form = [1] * len(shape)
    form[axis] = n_out
    scales = filled([u / (1 << finer) for u in units], form)
    outs = outside.reshape(form)
    graph.values[node.output[0]] = Value(result, shape, value.order, scales, outs)
    if graph.took:
        graph.values[graph.took] = graph.values[node.output[0]]
        graph.took = ""


def _with_last(graph: Import, node: NodeProto, value: Value, axis: int) -> Value:
    """The value with ``axis`` last in memory; a mixing of candidates makes lanes of its rows."""
    if value.long[-2:-1] == [axis]:
        value = turned(graph.writer, value)
    if value.long and value.order[-1] != axis:
        refuse(node, "the axis that it sums last in memory, or last but one; transpose before it")
    return value


def _wide(entries: list, n: int) -> list:
    return entries * n if len(entries) == 1 else entries


def _integer_bias(biases: list[Fraction]) -> tuple[np.ndarray | None, int]:
    """Biases in units of the products as integers, and by how many bits they are finer; None where they are not."""
    finest = max(b.denominator for b in biases)
    if finest & (finest - 1) or finest > 1 << _FINER_BIAS:
        return None, 0
    bits = finest.bit_length() - 1
    codes = [int(b * finest) for b in biases]
    if max(map(abs, codes)) >= 1 << 23:
        return None, 0
    return np.array(codes, np.int64), bits
