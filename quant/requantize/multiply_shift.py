"""Requantization as integers: multiply-shift constants that are right at every threshold.

What stands between an integer and its quantizer is, lane by lane, a monotone step function. It is given by its
thresholds: for each level the smallest integer that is rounded to it or above. A candidate form of integers is accepted
when it is right at every threshold and one below it; since it is monotone, too, it is right everywhere: a proof.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

# Largest shift that is tried, and most bits of a multiplier.
MAX_SHIFT = 50
MAX_FACTOR_BITS = 34


@dataclass(frozen=True)
class Thresholds:
    """A step function of integers in ``[low, high]`` for each lane.

    Attributes
    ----------
    low, high : int
        Interval of the argument.
    first : (lanes,) int64
        Level of the smallest argument (of a falling lane, the largest).
    codes : (lanes, levels) int64
        Entry ``i`` of a lane: smallest argument at which level ``first + 1 + i`` is reached, ``high + 1`` where none
        is. A falling lane is given for the negated argument: ``codes`` lie in ``[-high, -low + 1]``.
    falling : (lanes,) bool
        Whether the lane falls.
    slope : tuple of Fraction
        Levels for each unit of the argument where nothing is clipped, without sign.
    """

    low: int
    high: int
    first: np.ndarray
    codes: np.ndarray
    falling: np.ndarray
    slope: tuple[Fraction, ...]

    @property
    def lanes(self) -> int:
        """Number of lanes."""
        return len(self.first)

    def ends(self, lane: int) -> tuple[int, int]:
        """Smallest and largest argument of a lane, negated where it falls."""
        return (-self.high, -self.low) if self.falling[lane] else (self.low, self.high)

    def active(self, lane: int) -> tuple[np.ndarray, np.ndarray]:
        """Levels that are reached within the interval, and their thresholds."""
        _, high = self.ends(lane)
        codes = self.codes[lane]
        inside = codes <= high
        return (self.first[lane] + 1 + np.arange(len(codes)))[inside], codes[inside]

    def last(self, lane: int) -> int:
        """Level of the largest argument."""
        return int(self.first[lane]) + int((self.codes[lane] <= self.ends(lane)[1]).sum())

    def table(self, lane: int) -> np.ndarray:
        """Levels of all integers from ``low`` to ``high``."""
        low, high = self.ends(lane)
        levels = self.first[lane] + np.searchsorted(self.codes[lane], np.arange(low, high + 1), side="right")
        return levels[::-1] if self.falling[lane] else levels


@dataclass(frozen=True)
class MultiplyShift:
    """``(x * factor + offset) >> shift``, clipped to ``[low, high]``; one entry for each lane."""

    factor: np.ndarray
    offset: np.ndarray
    shift: int

    @property
    def factor_bits(self) -> int:
        """Bits of the largest factor, without sign."""
        return int(np.abs(self.factor).max()).bit_length()


def multiply_shift(t: Thresholds, floor: np.ndarray, ceiling: np.ndarray) -> MultiplyShift | None:
    """Constants that are right at every threshold, with the smallest shift that there is; None where there are none.

    Parameters
    ----------
    floor, ceiling : (lanes,) int64
        The result is clipped to these: levels below and above need not be told apart.
    """
    found = [_of_lane(t, lane, int(floor[lane]), int(ceiling[lane])) for lane in range(t.lanes)]
    if any(f is None for f in found):
        return None
    constants = [f for f in found if f is not None]
    shift = max(k for _, _, k in constants)
    # (2m, 2o, k + 1) is the same function as (m, o, k).
    factor = np.array([m << (shift - k) for m, _, k in constants], dtype=np.int64)
    offset = np.array([o << (shift - k) for _, o, k in constants], dtype=np.int64)
    sign = np.where(t.falling, -1, 1)
    return MultiplyShift(factor * sign, offset, shift)


def _of_lane(t: Thresholds, lane: int, floor: int, ceiling: int) -> tuple[int, int, int] | None:
    levels, codes = t.active(lane)
    low, high = t.ends(lane)
    lower_level, lower_code = list(levels), list(codes)
    upper_level, upper_code = list(levels), list(codes - 1)
    first, last = int(t.first[lane]), t.last(lane)
    if first > floor:
        lower_level.append(first)
        lower_code.append(low)
    if last < ceiling:
        upper_level.append(last + 1)
        upper_code.append(high)
    if not len(levels):
        return (0, first, 0)
    at = np.array(lower_code, dtype=np.int64), np.array(upper_code, dtype=np.int64)
    level = np.array(lower_level, dtype=np.int64), np.array(upper_level, dtype=np.int64)
    slope = t.slope[lane]
    for shift in range(MAX_SHIFT + 1):
        exact = slope * (1 << shift)
        middle = int(exact)
        for factor in sorted({middle, middle + 1, max(middle - 1, 0), middle + 2}, key=lambda m: abs(m - exact)):
            if factor.bit_length() > MAX_FACTOR_BITS:
                return None
            least = int(((level[0] << shift) - at[0] * factor).max())
            most = int(((level[1] << shift) - at[1] * factor).min()) - 1
            if least <= most:
                return factor, _fewest_bits(least, most), shift
    return None


def _fewest_bits(least: int, most: int) -> int:
    """The number in ``[least, most]`` that is the multiple of the largest power of two."""
    if least <= 0 <= most:
        return 0
    step = 1 << max(most - least, 1).bit_length()
    while step:
        value = -(-least // step) * step
        if value <= most:
            return value
        step >>= 1
    return least


def proved(t: Thresholds, function: Callable[[np.ndarray], np.ndarray]) -> bool:
    """Whether a form of integers, monotone like the step function, is right: at every threshold and one below it.

    Parameters
    ----------
    function : callable
        Takes arguments (lanes, n) int64 and gives levels of the same shape.
    """
    sign = np.where(t.falling, -1, 1)[:, None]
    low = np.where(t.falling, -t.high, t.low)[:, None]
    high = np.where(t.falling, -t.low, t.high)[:, None]
    wanted = t.first[:, None] + 1 + np.arange(t.codes.shape[1])
    given = function(np.clip(t.codes, low, high) * sign)
    before = function(np.clip(t.codes - 1, low, high) * sign)
    right = np.where(t.codes <= high, given >= wanted, given < wanted)
    return bool(np.all(right) and np.all(before < wanted) and np.all(function(low * sign) == t.first[:, None]))
