"""Exact arithmetic of arrays: float32 numbers of a file as the rational numbers that they are."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np

ZERO, ONE = Fraction(0), Fraction(1)


def rationals(values: Any) -> np.ndarray:
    """Array of :class:`fractions.Fraction`, each exactly the float or integer that was given."""
    array = np.asarray(values)
    flat = [x if isinstance(x, Fraction) else Fraction(x) for x in array.ravel().tolist()]
    return filled(flat, array.shape)


def filled(flat: Sequence[Any], shape: Sequence[int]) -> np.ndarray:
    """Array of objects of that shape."""
    result = np.empty(len(flat), dtype=object)
    result[:] = flat
    return result.reshape(tuple(shape))


def uniform(values: np.ndarray) -> Fraction | None:
    """The number that all entries are; None where they differ."""
    first = values.ravel()[0]
    return first if all(x == first for x in values.ravel().tolist()) else None


def power_of_two(value: Fraction) -> int | None:
    """The exponent of a power of two; None of another number."""
    a, b = value.numerator, value.denominator
    if a <= 0 or a & (a - 1) or b & (b - 1):
        return None
    return a.bit_length() - b.bit_length()


def compact(values: np.ndarray) -> np.ndarray:
    """The same numbers with each axis along which they are equal of length 1."""
    for axis in range(values.ndim):
        if values.shape[axis] > 1:
            first = np.take(values, [0], axis=axis)
            if bool(np.all(values == first)):
                values = first
    return values
