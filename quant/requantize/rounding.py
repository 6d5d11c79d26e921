"""The rounding modes of QONNX, as conditions and as a function: which numbers are rounded to a level or above it."""

from __future__ import annotations

import math
from fractions import Fraction

from tritag.errors import ExportError
from tritag.quant.requantize.steps import Condition

HALF = Fraction(1, 2)
# Spellings of the files, by the mode that they mean.
_NAMES = {
    "ROUND": "HALF_EVEN",
    "HALF_EVEN": "HALF_EVEN",
    "ROUND_HALF_EVEN": "HALF_EVEN",
    "HALF_UP": "HALF_UP",
    "ROUND_HALF_UP": "HALF_UP",
    "HALF_DOWN": "HALF_DOWN",
    "ROUND_HALF_DOWN": "HALF_DOWN",
    "FLOOR": "FLOOR",
    "CEIL": "CEIL",
    "UP": "UP",
    "ROUND_UP": "UP",
    "DOWN": "DOWN",
    "ROUND_TO_ZERO": "DOWN",
    "TRUNC": "DOWN",
}


def rounding_mode(name: str, node: str) -> str:
    """The mode that a file's name means.

    Raises
    ------
    ExportError
        Nobody knows it.
    """
    if name.upper() not in _NAMES:
        raise ExportError(f"{node}: rounding_mode must be one of {', '.join(_NAMES)}, got {name[:40]!r}")
    return _NAMES[name.upper()]


def reaches(level: int, mode: str) -> Condition:
    """The condition under which a number is rounded to ``level`` or above it.

    Ties of HALF_UP go away from zero and of HALF_DOWN towards it, UP rounds away from zero and DOWN towards it, as in
    QONNX.
    """
    above = Fraction(level) - HALF
    if mode == "HALF_EVEN":
        return Condition(above, strict=level % 2 != 0)
    if mode == "HALF_UP":
        return Condition(above, strict=level <= 0)
    if mode == "HALF_DOWN":
        return Condition(above, strict=level > 0)
    if mode == "FLOOR" or (mode == "DOWN" and level > 0) or (mode == "UP" and level <= 0):
        return Condition(Fraction(level))
    return Condition(Fraction(level - 1), strict=True)


def rounded(value: Fraction | float, mode: str) -> int:
    """The integer that a number is rounded to."""
    if mode == "HALF_EVEN":
        return round(value)
    exact = Fraction(value)
    size, sign = abs(exact), -1 if exact < 0 else 1
    if mode == "HALF_UP":
        return sign * (math.floor(size) + (size - math.floor(size) >= HALF))
    if mode == "HALF_DOWN":
        return sign * (math.floor(size) + (size - math.floor(size) > HALF))
    if mode == "FLOOR":
        return math.floor(value)
    if mode == "CEIL":
        return math.ceil(value)
    return sign * (math.ceil(size) if mode == "UP" else math.floor(size))
