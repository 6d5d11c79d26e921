"""Fixed-point number formats: the value type that every executor agrees on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from tritag.errors import ConfigError

Rounding = Literal["AP_TRN", "AP_RND", "AP_RND_CONV"]
Overflow = Literal["AP_WRAP", "AP_SAT"]


@dataclass(frozen=True)
class FixedType:
    """A format ``ap_fixed<width, integer, rounding, overflow>``.

    ``integer`` **includes** the sign bit, as in ap_fixed, and may be negative or exceed ``width``; the number of
    fractional bits is ``width - integer``. The defaults are the house's (round half to even, saturate), not those of
    ap_fixed (truncate, wrap). Source: AMD's UG1399, arbitrary precision fixed-point types.

    Attributes
    ----------
    signed : bool
        Whether one of the bits is a sign (two's complement).
    width, integer : int
        Bits in all, at least 1, and bits before the binary point.
    rounding : "AP_TRN", "AP_RND" or "AP_RND_CONV"
        Down, to the nearest with ties up, or to the nearest with ties to the even code.
    overflow : "AP_WRAP" or "AP_SAT"
        What becomes of values beyond the range.

    Raises
    ------
    ConfigError
        No bit.

    Examples
    --------
    Four bits, one of them the sign, two behind the point: codes -8 to 7 in steps of a quarter.

    >>> quarter = FixedType(signed=True, width=4, integer=2)
    >>> quarter.lsb, quarter.min, quarter.max
    (0.25, -2.0, 1.75)
    >>> quarter.to_int([0.3, 0.375, -5.0]).tolist()  # rounded, a tie to the even code, saturated
    [1, 2, -8]
    >>> quarter.from_int([1, 2, -8]).tolist()
    [0.25, 0.5, -2.0]
    >>> print(quarter)
    ap_fixed<4,2,AP_RND_CONV,AP_SAT>
    """

    signed: bool
    width: int
    integer: int
    rounding: Rounding = "AP_RND_CONV"
    overflow: Overflow = "AP_SAT"

    def __post_init__(self) -> None:
        if self.width < 1:
            raise ConfigError(f"width of a fixed-point type must be >= 1 bit, got {self.width}")

    @classmethod
    def covering(cls, low: int, high: int, fraction: int) -> FixedType:
        """Narrowest type with ``fraction`` fractional bits that holds the integers ``low`` to ``high``."""
        signed = low < 0
        width = max(int_bits(low, high), 1)
        return cls(signed, width, width - fraction)

    @property
    def fraction(self) -> int:
        """Number of fractional bits (negative when the LSB is larger than 1)."""
        return self.width - self.integer

    @property
    def lsb(self) -> float:
        """Value of the least significant bit."""
        return 2.0**-self.fraction

    @property
    def int_min(self) -> int:
        """Smallest integer code that the type holds."""
        return -(1 << (self.width - 1)) if self.signed else 0

    @property
    def int_max(self) -> int:
        """Largest integer code that the type holds."""
        return (1 << (self.width - self.signed)) - 1

    @property
    def min(self) -> float:
        """Smallest value that the type holds."""
        return self.int_min * self.lsb

    @property
    def max(self) -> float:
        """Largest value that the type holds."""
        return self.int_max * self.lsb

    def to_int(self, values: Any) -> np.ndarray:
        """Integer codes (int64) of ``values``, rounded and saturated or wrapped as the type says."""
        scaled = np.asarray(values, dtype=np.float64) * 2.0**self.fraction
        if self.rounding == "AP_RND_CONV":
            codes = np.rint(scaled)
        else:
            codes = np.floor(scaled)
            if self.rounding == "AP_RND":
                # Not floor(scaled + 0.5): that sum may itself be rounded up to the next integer.
                codes += scaled - codes >= 0.5
        if self.overflow == "AP_SAT":
            return np.clip(codes, self.int_min, self.int_max).astype(np.int64)
        # fmod is exact, and keeps values beyond 64 bits in the range of int64.
        codes = np.fmod(codes, 2.0**self.width).astype(np.int64)
        return (codes - self.int_min) % (1 << self.width) + self.int_min

    def from_int(self, codes: Any) -> np.ndarray:
        """Values (float64) of integer ``codes``."""
        return np.asarray(codes, dtype=np.int64) * self.lsb

    def __str__(self) -> str:
        unsigned = "" if self.signed else "u"
        return f"ap_{unsigned}fixed<{self.width},{self.integer},{self.rounding},{self.overflow}>"


@dataclass(frozen=True)
class Grid:
    """What is known of a tensor on a power-of-two grid: its integers lie in ``[low, high]``, LSB ``2**-fraction``.

    Finer than a :class:`FixedType`: accumulator bounds follow from the actual weights, not from whole bits.

    Attributes
    ----------
    low, high : int
        Smallest and largest integer, in LSB.
    fraction : int
        Fractional bits: an integer n stands for ``n * 2**-fraction``. Negative where the LSB is larger than 1.

    Raises
    ------
    ConfigError
        By methods: a coarser LSB is asked for, or two grids have different ones.

    Examples
    --------
    The exact sum of two tensors is counted in the finer LSB:

    >>> Grid(-3, 3, fraction=0).plus(Grid(0, 5, fraction=1))
    Grid(low=-6, high=11, fraction=1)
    >>> print(Grid(-6, 11, fraction=1).type)
    ap_fixed<5,4,AP_RND_CONV,AP_SAT>
    """

    low: int
    high: int
    fraction: int

    @classmethod
    def of(cls, fixed: FixedType) -> Grid:
        """Grid of all values of a type."""
        return cls(fixed.int_min, fixed.int_max, fixed.fraction)

    @property
    def type(self) -> FixedType:
        """Narrowest type that holds every value."""
        return FixedType.covering(self.low, self.high, self.fraction)

    def rescaled(self, fraction: int) -> Grid:
        """The same values counted in a finer LSB."""
        if fraction < self.fraction:
            raise ConfigError(f"a grid can only be refined: fraction must be >= {self.fraction}, got {fraction}")
        shift = fraction - self.fraction
        return Grid(self.low << shift, self.high << shift, fraction)

    def union(self, other: Grid) -> Grid:
        """Grid that holds the values of both; both must have one LSB."""
        if self.fraction != other.fraction:
            raise ConfigError(f"grids must have one LSB, got 2**-{self.fraction} and 2**-{other.fraction}")
        return Grid(min(self.low, other.low), max(self.high, other.high), self.fraction)

    def plus(self, other: Grid) -> Grid:
        """Grid of the exact sum of two tensors, in the finer of the two LSBs."""
        fraction = max(self.fraction, other.fraction)
        a, b = self.rescaled(fraction), other.rescaled(fraction)
        return Grid(a.low + b.low, a.high + b.high, fraction)


def accumulator_grid(
    weight: np.ndarray, weight_fraction: int, bias: np.ndarray, bias_fraction: int, source: Grid
) -> Grid:
    """Exact bounds of ``source @ weight + bias`` for integer weights (n_in, n_out) and bias (n_out,)."""
    product = weight_fraction + source.fraction
    fraction = max(product, bias_fraction)
    positive, negative = weight.clip(min=0).sum(0), weight.clip(max=0).sum(0)
    # Python's integers: scales that lie far apart shift beyond 64 bits, and a bound that wraps is none.
    positive, negative, bias = (x.astype(object) for x in (positive, negative, bias))
    shifted = bias << (fraction - bias_fraction)
    low = ((positive * source.low + negative * source.high) << (fraction - product)) + shifted
    high = ((positive * source.high + negative * source.low) << (fraction - product)) + shifted
    return Grid(int(low.min()), int(high.max()), fraction)


def product_grid(a: Grid, b: Grid, terms: int) -> Grid:
    """Bounds of a sum of ``terms`` products of two grids."""
    corners = [p * q for p in (a.low, a.high) for q in (b.low, b.high)]
    return Grid(terms * min(corners), terms * max(corners), a.fraction + b.fraction)


def int_bits(low: int, high: int) -> int:
    """Bits that hold every integer from ``low`` to ``high`` (two's complement when ``low`` is negative).

    Examples
    --------
    >>> int_bits(0, 255), int_bits(-128, 127), int_bits(-1, 128)
    (8, 8, 9)
    """
    if low < 0:
        return max((-low - 1).bit_length(), max(high, 0).bit_length()) + 1
    return high.bit_length()
