"""A quantizer as integers: a cut, a multiplication and a shift, a table or comparisons, proved before it is written."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tritag.errors import ExportError
from tritag.export.importing.quantizers import Quantizer
from tritag.export.importing.values import Value, constant, full_rank
from tritag.export.importing.writer import Writer
from tritag.quant.formats.fixed import FixedType, Grid
from tritag.quant.integer.tracer import Tracer
from tritag.quant.ops.op import BoundProgram
from tritag.quant.requantize.exact import power_of_two, uniform
from tritag.quant.requantize.forms import Form, form_of, half_even
from tritag.quant.requantize.multiply_shift import Thresholds, proved
from tritag.quant.requantize.step_function import Lane, step_function
from tritag.quant.requantize.steps import Affine, slope_of


def lanes_of(values: np.ndarray, value: Value) -> list:
    """One entry for each lane, or a single one where all are equal, of an array that broadcasts to ``value.shape``.

    Raises
    ------
    ExportError
        The numbers differ from row to row.
    """
    values = full_rank(values, value.shape)
    if values.size == 1 or (same := uniform(values)) is not None:
        return [values.ravel()[0] if values.size == 1 else same]
    ordered = values.transpose(value.order)
    lanes = value.shape[value.order[-1]]
    if any(n > 1 for n in ordered.shape[:-1]):
        raise ExportError("scales and offsets must differ along the last axis in memory alone, got others by row")
    return list(np.broadcast_to(ordered, (*[1] * (ordered.ndim - 1), lanes)).ravel())


def on_rows(writer: Writer, value: Value) -> tuple[str, int, int]:
    """The tensor as (rows, lanes), the lanes being the last axis in memory."""
    lanes = value.shape[value.order[-1]] if value.shape else 1
    rows = value.size // lanes
    return writer.reshaped(value.tensor, (rows, lanes)), rows, lanes


def turned(writer: Writer, value: Value) -> Value:
    """The same numbers with the last axis in memory first: rows become lanes, which moves them."""
    long = value.long
    order = (*(axis for axis in value.order if axis not in long), *long)
    tensor, *_ = on_rows(writer, replace(value, order=order))
    return replace(value, tensor=writer.transposed(tensor), order=(order[-1], *order[:-1]))


def requantized(writer: Writer, value: Value, quantizer: Quantizer, wish: str) -> tuple[Value, Form]:
    """Integers behind a quantizer, less their zero points.

    Raises
    ------
    ExportError
        No form of integers is right everywhere, or a scale differs from row to row.
    """
    tensor, rows, lanes = on_rows(writer, value)
    grid = writer.grids[tensor]
    parts = _lanes(value, quantizer)
    steps = step_function(parts, grid.low, grid.high, quantizer.rounding, quantizer.bipolar)
    scale = _without_batch(quantizer.scale, value)
    one = uniform(scale)
    exponent = None if one is None else power_of_two(one)
    fraction = 0 if exponent is None else -exponent
    if isinstance(steps, Thresholds):
        fixed = _cut(steps, parts, grid, quantizer)
        if fixed is not None:
            form = Form("rounded and saturated", steps.codes.size)
            result = writer.cut(tensor, fixed, wish)
            return Value(result, value.shape, value.order, scale, constant(value.shape)), form
    write, form = form_of(steps, parts, quantizer.rounding, quantizer.bipolar, lanes)
    t = Tracer("requantize", rows)
    t.output("y", write(t, t.input("x", grid.low, grid.high, lanes=lanes)))
    bound = BoundProgram(t.program, (grid.fraction,), (fraction,))
    result = writer.op(bound, [tensor], (rows, lanes), wish)
    return Value(result, value.shape, value.order, scale, constant(value.shape)), form


def _without_batch(values: np.ndarray, value: Value) -> np.ndarray:
    wide = full_rank(values, (1, *value.shape))
    pairs = zip(wide.shape[1:], value.shape, strict=False)
    if wide.ndim != len(value.shape) + 1 or wide.shape[0] != 1 or any(n not in (1, m) for n, m in pairs):
        raise ExportError(f"a quantizer's scale must broadcast to {value.shape}, got {values.shape}")
    return wide[0]


def _lanes(value: Value, quantizer: Quantizer) -> list[Lane]:
    affine = [(value.scale, value.offset), *((s.factor, s.offset) for s in value.steps if isinstance(s, Affine))]
    numbers = (quantizer.scale, quantizer.zero, quantizer.low, quantizer.high)
    columns = [lanes_of(x, value) for pair in affine for x in pair]
    columns += [lanes_of(_without_batch(x, value), value) for x in numbers]
    lanes = max(map(len, columns))
    wide = [c if len(c) == lanes else c * lanes for c in columns]
    found = []
    for lane in range(lanes):
        maps = iter([(wide[2 * i][lane], wide[2 * i + 1][lane]) for i in range(len(affine))])
        steps = [next(maps), *(next(maps) if isinstance(s, Affine) else s for s in value.steps)]
        scale, zero, low, high = (column[lane] for column in wide[-4:])
        found.append(Lane(tuple(steps), scale, int(zero), int(low), int(high)))
    return found


def _cut(t: Thresholds, lanes: list[Lane], grid: Grid, quantizer: Quantizer) -> FixedType | None:
    """The type to which rounding half to even and saturating is the step function; None where none is."""
    lane = lanes[0]
    slope = slope_of(lane.steps)
    exponent = power_of_two(abs(lane.scale / slope)) if slope else None
    if len(lanes) > 1 or exponent is None or quantizer.bipolar or quantizer.rounding != "HALF_EVEN":
        return None
    low, high = lane.low - lane.zero, lane.high - lane.zero
    signed = low < 0
    width = (high + 1).bit_length() - 1 + signed
    fixed = FixedType(signed, width, width - (grid.fraction - exponent)) if width >= 1 else None
    if fixed is None or (fixed.int_min, fixed.int_max) != (low, high):
        return None

    def function(x: np.ndarray) -> np.ndarray:
        return np.clip(half_even(x, exponent), low, high)

    return fixed if proved(t, function) else None
