"""The step function of a quantizer and what stands before it: thresholds where it is monotone, else a table."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from tritag.errors import ExportError
from tritag.quant.requantize.multiply_shift import Thresholds
from tritag.quant.requantize.rounding import reaches, rounded
from tritag.quant.requantize.steps import (
    Clip,
    Condition,
    Function,
    before_affine,
    before_clip,
    evaluate,
    first_code,
    joined,
    slope_of,
)

# Integers for which a function that is not made of affine maps and clips is evaluated one by one.
_MAX_SPAN = 1 << 16
# Distance from a whole number that floats may get wrong: thresholds lie below 2**31, with an error below 2**-20.
_UNSURE = 1e-4


@dataclass(frozen=True)
class Lane:
    """Everything between an integer and a level of one lane: steps, then the quantizer's numbers."""

    steps: tuple[tuple[Fraction, Fraction] | Clip | Function, ...]
    scale: Fraction
    zero: int
    low: int
    high: int


@dataclass(frozen=True)
class Tables:
    """Levels of a step function that is not monotone: (lanes, integers from ``low`` to ``high``)."""

    low: int
    high: int
    levels: np.ndarray


def step_function(lanes: list[Lane], low: int, high: int, rounding: str, bipolar: bool) -> Thresholds | Tables:
    """The step function of all lanes on the integers in ``[low, high]``; levels are less the zero point.

    Raises
    ------
    ExportError
        A table of more than 65 536 integers would be needed.
    """
    if any(isinstance(step, Function) for lane in lanes for step in lane.steps):
        if high - low >= _MAX_SPAN:
            raise ExportError(f"its argument must have at most {_MAX_SPAN} values, got {high - low + 1}; quantize it")
        known: dict[Lane, np.ndarray] = {}
        for lane in lanes:
            if lane not in known:
                known[lane] = _table(lane, low, high, rounding, bipolar)
        return _of_tables(np.stack([known[lane] for lane in lanes]), low, high)
    first = np.empty(len(lanes), np.int64)
    falling = np.zeros(len(lanes), bool)
    codes: list[list[int]] = []
    slopes = []
    for number, lane in enumerate(lanes):
        slope = slope_of(lane.steps) / lane.scale
        falling[number] = slope < 0
        start, end = (-high, -low) if slope < 0 else (low, high)
        at = None if bipolar or rounding != "HALF_EVEN" else _affine_thresholds(lane, start, end)
        if at is None:
            at = [_threshold(c, lane, start, end) for c in _conditions(lane, rounding, bipolar)]
        levels = _levels(lane, bipolar)
        count = sum(code <= start for code in at)
        first[number] = levels[count] if count < len(levels) else levels[-1]
        codes.append(at[count:])
        slopes.append(abs(slope) * (2 if bipolar else 1))
    longest = max(map(len, codes))
    ends = np.where(falling, -low, high) + 1
    padded = np.array([c + [int(end)] * (longest - len(c)) for c, end in zip(codes, ends, strict=True)], np.int64)
    return Thresholds(low, high, first, padded.reshape(len(lanes), longest), falling, tuple(slopes))


def _levels(lane: Lane, bipolar: bool) -> list[int]:
    return [-1, 0, 1] if bipolar else [q - lane.zero for q in range(lane.low, lane.high + 1)]


def _conditions(lane: Lane, rounding: str, bipolar: bool) -> list[Condition]:
    """Conditions on the number before the quantizer for all levels but the lowest."""
    if bipolar:
        # Two levels, -1 and 1: the one between them is passed at once.
        return [Condition(Fraction(0))] * 2
    found = []
    for q in range(lane.low + 1, lane.high + 1):
        c = reaches(q, rounding)
        found.append(Condition((c.bound - lane.zero) * lane.scale, c.sign, c.strict))
    return found


def _threshold(condition: Condition, lane: Lane, start: int, end: int) -> int:
    """Smallest argument, negated in a falling lane, from which the condition holds, in ``[start, end + 1]``."""
    now: Condition | bool = condition
    for step in reversed(lane.steps):
        if isinstance(now, bool):
            break
        if isinstance(step, tuple):
            now = before_affine(now, *step)
        elif isinstance(step, Clip):
            now = before_clip(now, step)
    if isinstance(now, bool):
        return start if now else end + 1
    code = first_code(now) * now.sign
    return min(max(code, start), end + 1)


def _affine_thresholds(lane: Lane, start: int, end: int) -> list[int] | None:
    """The same for all levels of a quantizer that rounds half to even, behind affine maps alone; None behind others."""
    if not all(isinstance(step, tuple) for step in lane.steps):
        return None
    factor, offset = joined(lane.steps)
    slope, offset = abs(factor) / lane.scale, offset / lane.scale + lane.zero
    if not slope:
        return None
    # slope * x + offset >= q - 1/2, or > for odd q, as (2 q - 1) rise >= x unit + rest in whole numbers.
    rise, unit = offset.denominator * slope.denominator, 2 * offset.denominator * slope.numerator
    rest = 2 * offset.numerator * slope.denominator
    levels = np.arange(lane.low + 1, lane.high + 1)
    near = ((2 * lane.low + 1) * rise - rest) / unit + (levels - lane.low - 1) * (2 * rise / unit)
    found = np.ceil(np.clip(near, start, end + 1)).astype(np.int64)
    # Floats decide where no whole number is near; elsewhere whole numbers do.
    unsure = (np.abs(near - np.rint(near)) < _UNSURE) & (near > start - 1) & (near < end + 2)
    for i in np.flatnonzero(unsure).tolist():
        q = lane.low + 1 + i
        n = (2 * q - 1) * rise - rest
        found[i] = min(max(n // unit + 1 if q % 2 else -(-n // unit), start), end + 1)
    return found.tolist()


def _table(lane: Lane, low: int, high: int, rounding: str, bipolar: bool) -> np.ndarray:
    levels = []
    for code in range(low, high + 1):
        value = evaluate(list(lane.steps), code)
        if bipolar:
            levels.append(1 if value >= 0 else -1)
            continue
        scaled = value / (lane.scale if isinstance(value, Fraction) else float(lane.scale)) + lane.zero
        limited = min(max(scaled, lane.low), lane.high)
        levels.append(rounded(limited, rounding) - lane.zero)
    return np.array(levels, np.int64)


def _of_tables(levels: np.ndarray, low: int, high: int) -> Thresholds | Tables:
    """Thresholds of tables that rise; tables as they are where one does not."""
    if np.any(np.diff(levels, axis=1) < 0):
        return Tables(low, high, levels)
    first, last = levels[:, 0], levels[:, -1]
    longest = int((last - first).max())
    codes = np.full((len(levels), longest), high + 1, np.int64)
    for lane, row in enumerate(levels):
        wanted = np.arange(row[0] + 1, row[-1] + 1)
        codes[lane, : len(wanted)] = low + np.searchsorted(row, wanted, side="left")
    return Thresholds(low, high, first, codes, np.zeros(len(levels), bool), tuple(Fraction(0) for _ in levels))
