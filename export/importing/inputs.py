"""The inputs of an imported program: what their integers mean, as told or as the quantizers behind them say."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from onnx import NodeProto

from tritag.errors import ExportError
from tritag.export.importing.context import Import
from tritag.export.importing.input_grid import InputGrid
from tritag.export.importing.quantizers import Quantizer, linear_node, quant_node
from tritag.export.importing.source import QUANT_KINDS, Source, label
from tritag.export.importing.values import Value, constant
from tritag.quant.formats.fixed import Grid
from tritag.quant.requantize.exact import power_of_two, uniform

_BEFORE_CONVOLUTION = (*QUANT_KINDS, "QuantizeLinear", "DequantizeLinear", "Clip", "Mul", "Add", "Sub", "Div")
# In what quantizers behind one input must be alike, so that one integer says what each of them makes of a number.
_ONE_GRID: dict[str, Callable[[Quantizer], np.ndarray]] = {
    "scale": lambda q: q.scale,
    "zero point": lambda q: q.zero,
    "rounding": lambda q: np.array([q.rounding, str(q.bipolar)]),
}


def declared_input(graph: Import, name: str, shape: tuple[int, ...], grid: InputGrid | None) -> Value:
    """Declare an input of the program, with the grid that was told or that its quantizer has.

    Raises
    ------
    ExportError
        No grid was told, and it has no quantizer of its own, or several that round one number to two codes.
    ConfigError
        The grid does not fit the shape.
    """
    order = tuple(range(len(shape)))
    if _reaches_convolution(graph.source, name):
        order = (*order[1:], 0)
    if grid is not None:
        grid.check(name, shape)
        low, high = grid.ends
        scale = grid.scale(shape)
    else:
        quantizer = _own_quantizer(graph.source, name)
        if quantizer is None:
            raise ExportError(
                f"input {name[:80]!r} of shape {shape} has no quantizer of its own: tell with --inputs what its "
                "integers mean (bits, signed, lsb)"
            )
        low, high = int((quantizer.low - quantizer.zero).min()), int((quantizer.high - quantizer.zero).max())
        scale = quantizer.scale
        scale = scale.reshape(scale.shape[1:]) if scale.ndim == len(shape) + 1 else scale
        scale = scale.reshape([1] * (len(shape) - scale.ndim) + list(scale.shape))
    one = uniform(scale)
    exponent = None if one is None else power_of_two(one)
    memory = tuple(shape[i] for i in order)
    physical = (int(np.prod(memory[:-1])), memory[-1])
    wish = "features" if name in ("codes", "count", "logit") else name
    tensor = graph.writer.input(wish, physical, Grid(low, high, 0 if exponent is None else -exponent))
    return Value(tensor, shape, order, scale, constant(shape))


def _reaches_convolution(source: Source, name: str) -> bool:
    """Whether the first node behind quantizers and constants' maps is a convolution."""
    for _ in range(8):
        users = source.users(name)
        if len(users) != 1 or not users[0].output:
            return False
        if users[0].op_type == "Conv":
            return True
        if users[0].op_type not in _BEFORE_CONVOLUTION:
            return False
        name = users[0].output[0]
    return False


def _own_quantizer(source: Source, name: str) -> Quantizer | None:
    """The quantizer behind an input, as far as nothing but moving of numbers stands between.

    Of several with one scale, zero point and rounding it is one with the union of their ranges: each of them is then a
    clip of its codes, and the program stays exact.

    Raises
    ------
    ExportError
        Several would round one number to codes that stand for different numbers.
    """
    found: list[tuple[NodeProto, Quantizer]] = []
    for node in source.users(name):
        constants = [source.constants.get(x) for x in node.input[1:]]
        arrays = [c.array if c else None for c in constants]
        if node.op_type in QUANT_KINDS:
            found.append((node, quant_node(node, arrays)))
        elif node.op_type == "QuantizeLinear":
            found.append((node, _linear_range(source, node, arrays)))
        elif node.op_type in ("Reshape", "Flatten", "Transpose", "Squeeze", "Unsqueeze"):
            inner = _own_quantizer(source, node.output[0])
            if inner is None or inner.scale.size > 1:
                return None
            found.append((node, inner))
        else:
            return None
    if not found:
        return None
    (first_node, first), *others = found
    for node, other in others:
        if differ := [what for what, of in _ONE_GRID.items() if not np.array_equal(of(first), of(other))]:
            raise ExportError(
                f"input {name[:80]!r} must have quantizers of one {differ[0]} behind it, got two with different ones, "
                f"{label(first_node)} and {label(node)}: tell with --inputs what its integers mean (bits, signed, lsb)"
            )
        first = first.united(other)
    return first


def _linear_range(source: Source, node: NodeProto, arrays: list[np.ndarray | None]) -> Quantizer:
    scale, zero = (*arrays, None, None)[:2]
    size = 1 if scale is None else np.asarray(scale).size
    quantizer = linear_node(node, scale, zero, (1, size))
    behind = source.users(node.output[0])
    if len(behind) == 1 and behind[0].op_type == "Clip":
        bounds = [source.constants.get(x) for x in behind[0].input[1:3]]
        if len(bounds) == 2 and all(b is not None for b in bounds):
            low, high = (int(b.array) for b in bounds if b is not None)
            quantizer = quantizer.narrowed(low, high)
    return quantizer
