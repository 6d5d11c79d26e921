"""The output of an imported program: on a power-of-two grid, or as the integers of a last quantizer."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from onnx import ModelProto

from tritag.errors import ExportError
from tritag.export.importing.context import Import
from tritag.export.importing.requantize import lanes_of, on_rows
from tritag.export.importing.values import Value
from tritag.quant.integer.tracer import Int, Tracer
from tritag.quant.requantize.exact import power_of_two, uniform
from tritag.quant.requantize.forms import vector
from tritag.quant.requantize.steps import Affine, Clip

# Bits of an output that gets a grid of its own, and of the factors that put it there.
_OUTPUT_BITS = 20
_FACTOR_BITS = 24


@dataclass(frozen=True)
class Output:
    """The finished file, and what one unit of its output grid stands for beside the grid's own LSB."""

    model: ModelProto
    scale: float


def write_output(graph: Import, value: Value, name: str) -> Output:
    """Write the output and finish the file.

    Raises
    ------
    ExportError
        What stands at the end is not a number of integers.
    """
    tensor, rows, lanes = on_rows(graph.writer, value)
    grid = graph.writer.grids[tensor]
    scale, one = 1.0, uniform(value.scale)
    plain = one is not None and not any(value.offset.ravel().tolist()) and not value.steps
    if not plain:
        tensor = _on_own_grid(graph, value, name)
    else:
        assert one is not None
        exponent = power_of_two(one)
        if exponent is None or one < 0:
            scale = float(one * Fraction(2) ** grid.fraction)
            graph.notes.append(f"one unit of the output stands for {float(one):.9g}, the scale of its quantizer")
        elif grid.fraction != -exponent or tensor in graph.writer.inputs:
            tensor = graph.program("output", [tensor], (rows, lanes), lambda t, x: x + 0, name, -exponent)
    if tensor in graph.writer.inputs:
        raise ExportError("the file must compute something: its output is an input")
    size = int(np.prod(graph.writer.shapes[tensor]))
    names = ["logit"] if size == 1 else [f"output{i}" for i in range(size)]
    return Output(graph.writer.finish(tensor, names, scale), scale)


def _on_own_grid(graph: Import, value: Value, name: str) -> str:
    """The last layer's accumulators on one power-of-two grid: rounded once, at most half an LSB and a little."""
    tensor, rows, lanes = on_rows(graph.writer, value)
    grid = graph.writer.grids[tensor]
    if any(not isinstance(s, Affine | Clip) for s in value.steps):
        raise ExportError("a function at the end of the network must have a quantizer behind it")
    if any(isinstance(s, Affine) for s in value.steps):
        raise ExportError("what follows a ReLU or a clip at the end of the network must have a quantizer behind it")
    factor, offset = lanes_of(value.scale, value), lanes_of(value.offset, value)
    width = max(len(factor), len(offset))
    factor, offset = (x * (width // len(x)) for x in (factor, offset))
    finest = min(abs(f) for f in factor if f) if any(factor) else Fraction(1)
    reach = max(abs(f * end + o) for f, o in zip(factor, offset, strict=True) for end in (grid.low, grid.high))
    fraction = -math.floor(math.log2(finest))
    while reach * Fraction(2) ** fraction >= 1 << (_OUTPUT_BITS + 2):
        fraction -= 1
    unit = Fraction(1) / Fraction(2) ** fraction
    shift = max(0, min(_FACTOR_BITS - math.ceil(math.log2(max(map(abs, factor)) / unit)) if any(factor) else 0, 36))
    factors = np.array([round(f / unit * (1 << shift)) for f in factor], np.int64)
    offsets = np.array([round(o / unit * (1 << shift)) for o in offset], np.int64)
    error = max(
        abs(Fraction(int(m), 1 << shift) - f / unit) * max(abs(grid.low), abs(grid.high))
        for m, f in zip(factors, factor, strict=True)
    )

    def write(t: Tracer, x: Int) -> Int:
        total = (x * vector(t, factors) + vector(t, offsets)).round_shift(shift)
        for step in value.steps:
            assert isinstance(step, Clip)
            low = total.low if step.low is None else max(total.low, round(step.low / unit))
            high = total.high if step.high is None else min(total.high, round(step.high / unit))
            total = total.clip(low, high)
        return total

    graph.notes.append(
        f"the output has no quantizer: it is rounded to a grid of its own, LSB 2**{-fraction}, by at most "
        f"{float(Fraction(1, 2) + error):.3g} LSB"
    )
    return graph.program("output", [tensor], (rows, lanes), write, name, fraction)
