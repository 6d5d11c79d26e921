"""A quantizer as integers: a cut, a multiplication and a shift, a table or comparisons, proved before it is written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from tritag.errors import ExportError
from tritag.export.importing.exact import power_of_two, uniform
from tritag.export.importing.multiply_shift import MultiplyShift, Thresholds, multiply_shift, proved
from tritag.export.importing.quantizers import Quantizer
from tritag.export.importing.step_function import Lane, Tables, step_function
from tritag.export.importing.steps import Affine, slope_of
from tritag.export.importing.values import Value, constant, full_rank
from tritag.export.importing.writer import Writer
from tritag.quant.formats.fixed import FixedType, Grid
from tritag.quant.integer.tracer import Int, Tracer
from tritag.quant.ops.op import BoundProgram

# Entries of one lane's table, comparisons of one lane, and bits of a dyadic factor's shift, at most.
MAX_TABLE = 1 << 12
MAX_COMPARISONS = 64
_MAX_DYADIC = 32


@dataclass(frozen=True)
class Form:
    """How a quantizer was written, for people: kind, thresholds proved, bits of factors and shift."""

    kind: str
    thresholds: int
    factor_bits: int = 0
    shift: int = 0

    def __str__(self) -> str:
        size = f", factors of {self.factor_bits} bits, shift {self.shift}" if self.factor_bits else ""
        return f"{self.kind}{size}, right at all {self.thresholds:,} thresholds"


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
        write, form = _monotone(steps, parts, quantizer, lanes)
    else:
        write, form = _looked_up(steps, lanes), Form("table", steps.levels.size)
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
    exponent = power_of_two(abs(lane.scale / slope_of(list(lane.steps)))) if slope_of(list(lane.steps)) else None
    if len(lanes) > 1 or exponent is None or quantizer.bipolar or quantizer.rounding != "HALF_EVEN":
        return None
    low, high = lane.low - lane.zero, lane.high - lane.zero
    signed = low < 0
    width = (high + 1).bit_length() - 1 + signed
    fixed = FixedType(signed, width, width - (grid.fraction - exponent)) if width >= 1 else None
    if fixed is None or (fixed.int_min, fixed.int_max) != (low, high):
        return None

    def function(x: np.ndarray) -> np.ndarray:
        return np.clip(_half_even(x, exponent), low, high)

    return fixed if proved(t, function) else None


def _half_even(x: np.ndarray, bits: int) -> np.ndarray:
    """Integers divided by a power of two, rounded half to even."""
    if bits <= 0:
        return x << -bits
    floor = x >> bits
    rest = x - (floor << bits)
    half = 1 << (bits - 1)
    return floor + ((rest > half) | ((rest == half) & (floor % 2 == 1)))


Write = Callable[[Tracer, Int], Int]


def _monotone(t: Thresholds, lanes: list[Lane], quantizer: Quantizer, width: int) -> tuple[Write, Form]:
    last = np.array([t.last(i) for i in range(t.lanes)], np.int64)
    # One pair of bounds for all lanes where that does; a ReLU's floor may differ from lane to lane.
    one = np.full(t.lanes, t.first.min()), np.full(t.lanes, last.max())
    for floor, ceiling in (one, (t.first, last)) if not quantizer.bipolar and any(t.slope) else ():
        candidates: list[tuple[MultiplyShift, bool]] = []
        if quantizer.rounding == "HALF_EVEN" and (dyadic := _dyadic(lanes)) is not None:
            candidates.append((dyadic, True))
        if (floored := multiply_shift(t, floor, ceiling)) is not None:
            candidates.append((floored, False))
        for constants, even in sorted(candidates, key=lambda c: c[0].factor_bits):
            affine = _Shifted(constants, even, floor, ceiling)
            if proved(t, affine.levels):
                return affine.write, Form(
                    "multiplied and shifted", t.codes.size, constants.factor_bits, constants.shift
                )
    distinct = max(len(np.unique(t.active(i)[1])) for i in range(t.lanes))
    tables = _narrow_tables(t)
    if tables.levels.shape[1] <= MAX_TABLE and distinct > 4:
        return _looked_up(tables, width), Form("table", t.codes.size)
    if distinct <= MAX_COMPARISONS:
        return (lambda tracer, x: _compared(tracer, x, t)), Form("comparisons", t.codes.size)
    raise ExportError(
        f"it must have integer factors of at most 30 bits that are right at every threshold, a table of {MAX_TABLE} "
        f"entries, or {MAX_COMPARISONS} comparisons; its argument has {tables.levels.shape[1]} values that matter and "
        f"{distinct} thresholds: quantize before it"
    )


def _dyadic(lanes: list[Lane]) -> MultiplyShift | None:
    """The affine map itself, where its numbers are fractions of a power of two."""
    maps = []
    for lane in lanes:
        factor, offset = Fraction(1), Fraction(0)
        for step in lane.steps:
            if isinstance(step, tuple):
                factor, offset = factor * step[0], offset * step[0] + step[1]
        maps.append((factor / lane.scale, offset / lane.scale, lane.zero))
    bits = [power_of_two(Fraction(x.denominator)) for m in maps for x in m[:2]]
    if any(b is None for b in bits) or any(zero % 2 for *_, zero in maps):
        # A tie goes to the even level before the zero point is taken off: an odd one turns it round.
        return None
    shift = max(b for b in bits if b is not None)
    if shift > _MAX_DYADIC or shift == 0:
        return None
    numbers = [[int(x * (1 << shift)) for x in m[:2]] for m in maps]
    if max(abs(x) for pair in numbers for x in pair) >= 1 << _MAX_DYADIC:
        return None
    both = np.array(numbers, np.int64)
    return MultiplyShift(both[:, 0], both[:, 1], shift)


@dataclass(frozen=True)
class _Shifted:
    """A multiplication, a shift that rounds half to even or down, and bounds: in NumPy, and as instructions."""

    constants: MultiplyShift
    even: bool
    floor: np.ndarray
    ceiling: np.ndarray

    def levels(self, x: np.ndarray) -> np.ndarray:
        """Levels of arguments (lanes, n)."""
        c = self.constants
        total = x * c.factor[:, None] + c.offset[:, None]
        shifted = _half_even(total, c.shift) if self.even else total >> c.shift
        return np.clip(shifted, self.floor[:, None], self.ceiling[:, None])

    def write(self, t: Tracer, x: Int) -> Int:
        """Write the instructions."""
        c = self.constants
        total = x * vector(t, c.factor) if np.any(c.factor != 1) else x
        total = total + vector(t, c.offset) if np.any(c.offset) else total
        if c.shift:
            total = total.round_shift(c.shift) if self.even else total >> c.shift
        return clipped(t, total, self.floor, self.ceiling)


def vector(t: Tracer, values: np.ndarray) -> Int:
    """Constants of all lanes; a single one where they are equal."""
    same = bool(np.all(values == values[0]))
    return t.constant(int(values[0]) if same else [int(v) for v in values])


def clipped(t: Tracer, x: Int, floor: np.ndarray, ceiling: np.ndarray) -> Int:
    """Saturate each lane to its own bounds."""
    if np.all(floor == floor[0]) and np.all(ceiling == ceiling[0]):
        return x.clip(int(floor[0]), int(ceiling[0]))
    return x.maximum(vector(t, floor)).minimum(vector(t, ceiling)).clip(int(floor.min()), int(ceiling.max()))


def _narrow_tables(t: Thresholds) -> Tables:
    """Tables over the integers at which a lane changes; beside them the function is constant."""
    low, high = t.high, t.low
    for lane in range(t.lanes):
        _, codes = t.active(lane)
        if len(codes):
            ends = (int(codes[0]) - 1, int(codes[-1]))
            ends = (-ends[1], -ends[0]) if t.falling[lane] else ends
            low, high = min(low, ends[0]), max(high, ends[1])
    if low > high:
        low = high = t.low
    if high - low >= MAX_TABLE * 16:
        return Tables(low, high, np.empty((0, high - low + 1), np.int8))
    start = low - t.low
    return Tables(low, high, np.stack([t.table(i)[start : start + high - low + 1] for i in range(t.lanes)]))


def _looked_up(tables: Tables, width: int) -> Write:
    def write(t: Tracer, x: Int) -> Int:
        size = tables.high - tables.low + 1
        index = x.clip(tables.low, tables.high) - tables.low
        if len(tables.levels) > 1:
            index = index + t.constant([lane * size for lane in range(width)])
        entries = [int(v) for v in tables.levels.ravel()]
        return index.lookup(t.table("levels", entries))

    return write


def _compared(t: Tracer, x: Int, steps: Thresholds) -> Int:
    """The lowest level and one comparison for every distinct threshold."""
    per_lane = [dict(zip(*np.unique(steps.active(i)[1], return_counts=True), strict=True)) for i in range(steps.lanes)]
    sign = np.where(steps.falling, -1, 1)
    argument = x * vector(t, sign) if np.any(sign < 0) else x
    result: Int | None = None
    for number in range(max(1, *map(len, per_lane))):
        pairs = [list(p.items())[number] if number < len(p) else (steps.high + 1, 0) for p in per_lane]
        at = np.array([int(c) for c, _ in pairs], np.int64)
        height = np.array([int(h) for _, h in pairs], np.int64)
        passed = 1 - argument.less(vector(t, at))
        term = passed * vector(t, height) if np.any(height != 1) else passed
        result = term if result is None else result + term
    assert result is not None
    low, high = int(steps.first.min()), max(steps.last(i) for i in range(steps.lanes))
    return (result + vector(t, steps.first)).clip(low, high)
