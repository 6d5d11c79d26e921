"""What stands between an accumulator and its quantizer, channel by channel: affine maps, clips, functions.

A step can be inverted exactly: a condition on its result becomes one on its argument, in rational numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np


@dataclass(frozen=True)
class Condition:
    """``value >= bound``, or another relation: ``sign`` -1 turns it to ``<=``, ``strict`` to ``>`` and ``<``."""

    bound: Fraction
    sign: int = 1
    strict: bool = False

    def holds(self, value: Fraction) -> bool:
        """Whether a number satisfies it."""
        distance = (value - self.bound) * self.sign
        return distance > 0 if self.strict else distance >= 0


@dataclass(frozen=True)
class Affine:
    """``factor * x + offset``; arrays of rational numbers that broadcast to the tensor's shape."""

    factor: np.ndarray
    offset: np.ndarray


@dataclass(frozen=True)
class Clip:
    """``x`` saturated to ``[low, high]``; None is no bound. ReLU is ``Clip(0, None)``."""

    low: Fraction | None
    high: Fraction | None


@dataclass(frozen=True)
class Function:
    """A function of one number in float64; ``rising`` where it is monotone."""

    name: str
    function: Callable[[float], float]
    rising: bool


Step = Affine | Clip | Function


def before_affine(condition: Condition, factor: Fraction, offset: Fraction) -> Condition | bool:
    """The condition on ``x`` where it was one on ``factor * x + offset``."""
    if factor == 0:
        return condition.holds(offset)
    sign = condition.sign if factor > 0 else -condition.sign
    return replace(condition, bound=(condition.bound - offset) / factor, sign=sign)


def before_clip(condition: Condition, clip: Clip) -> Condition | bool:
    """The condition on ``x`` where it was one on ``x`` clipped."""
    low_holds = clip.low is not None and condition.holds(clip.low)
    high_holds = clip.high is not None and condition.holds(clip.high)
    if condition.sign > 0:
        if low_holds:
            return True
        if clip.high is not None and not high_holds:
            return False
    else:
        if high_holds:
            return True
        if clip.low is not None and not low_holds:
            return False
    return condition


def joined(steps: Iterable[object]) -> tuple[Fraction, Fraction]:
    """Factor and offset of a lane's affine maps, one after the other; other steps are left out."""
    factor, offset = Fraction(1), Fraction(0)
    for step in steps:
        if isinstance(step, tuple):
            factor, offset = factor * step[0], offset * step[0] + step[1]
    return factor, offset


def slope_of(steps: Iterable[object]) -> Fraction:
    """Product of the factors of a lane's affine maps."""
    return joined(steps)[0]


def first_code(condition: Condition) -> int:
    """Smallest integer that satisfies a condition ``>=`` or ``>``; largest of ``<=`` or ``<``."""
    bound = condition.bound
    if condition.sign > 0:
        return math.floor(bound) + 1 if condition.strict else math.ceil(bound)
    return math.ceil(bound) - 1 if condition.strict else math.floor(bound)


def evaluate(steps: list, code: int) -> Fraction | float:
    """Value of a lane for an integer: rational, or float64 from the first function on."""
    value: Fraction | float = Fraction(code)
    for step in steps:
        if isinstance(step, tuple):
            factor, offset = step
            value = factor * value + offset if isinstance(value, Fraction) else float(factor) * value + float(offset)
        elif isinstance(step, Clip):
            if step.low is not None and value < step.low:
                value = step.low if isinstance(value, Fraction) else float(step.low)
            if step.high is not None and value > step.high:
                value = step.high if isinstance(value, Fraction) else float(step.high)
        else:
            value = step.function(float(value))
    return value
