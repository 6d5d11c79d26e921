"""Integer forms of a step function: a multiplication and a shift, a table or comparisons, proved before written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from tritag.errors import ExportError
from tritag.quant.integer.tracer import Int, Tracer
from tritag.quant.requantize.exact import power_of_two
from tritag.quant.requantize.multiply_shift import MultiplyShift, Thresholds, multiply_shift, proved
from tritag.quant.requantize.step_function import Lane, Tables
from tritag.quant.requantize.steps import joined

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


def half_even(x: np.ndarray, bits: int) -> np.ndarray:
    """Integers divided by a power of two, rounded half to even."""
    if bits <= 0:
        return x << -bits
    floor = x >> bits
    rest = x - (floor << bits)
    half = 1 << (bits - 1)
    return floor + ((rest > half) | ((rest == half) & (floor % 2 == 1)))


Write = Callable[[Tracer, Int], Int]


def form_of(
    steps: Thresholds | Tables, lanes: Sequence[Lane], rounding: str, bipolar: bool, width: int
) -> tuple[Write, Form]:
    """The cheapest form that is right everywhere: of a function that is not monotone, its table.

    Parameters
    ----------
    steps : Thresholds or Tables
    lanes : sequence of Lane
        What the steps were made of; one entry, or one for each lane.
    rounding : str
        Mode of the quantizer, as :func:`tritag.quant.requantize.rounding.rounding_mode` gives it.
    bipolar : bool
        The quantizer has two levels, -1 and 1.
    width : int
        Lanes of the tensor.

    Returns
    -------
    A function that writes the instructions, and what they are, for people.

    Raises
    ------
    ExportError
        No form is right everywhere.
    """
    if isinstance(steps, Tables):
        return _looked_up(steps, width), Form("table", steps.levels.size)
    return _monotone(steps, lanes, rounding, bipolar, width)


def _monotone(t: Thresholds, lanes: Sequence[Lane], rounding: str, bipolar: bool, width: int) -> tuple[Write, Form]:
    last = np.array([t.last(i) for i in range(t.lanes)], np.int64)
    # One pair of bounds for all lanes where that does; a ReLU's floor may differ from lane to lane.
    one = np.full(t.lanes, t.first.min()), np.full(t.lanes, last.max())
    for floor, ceiling in (one, (t.first, last)) if not bipolar and any(t.slope) else ():
        candidates: list[tuple[MultiplyShift, bool]] = []
        if rounding == "HALF_EVEN" and (dyadic := _dyadic(lanes)) is not None:
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


def _dyadic(lanes: Sequence[Lane]) -> MultiplyShift | None:
    """The affine map itself, where its numbers are fractions of a power of two."""
    maps = []
    for lane in lanes:
        factor, offset = joined(lane.steps)
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
        shifted = half_even(total, c.shift) if self.even else total >> c.shift
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
    """Instructions that look the levels of ``width`` lanes up in a table."""

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
