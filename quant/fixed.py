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
    ap_fixed (truncate, wrap).
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
        """Smallest integer code."""
        return -(1 << (self.width - 1)) if self.signed else 0

    @property
    def int_max(self) -> int:
        """Largest integer code."""
        return (1 << (self.width - self.signed)) - 1

    @property
    def min(self) -> float:
        """Smallest value."""
        return self.int_min * self.lsb

    @property
    def max(self) -> float:
        """Largest value."""
        return self.int_max * self.lsb

    def to_int(self, values: Any) -> np.ndarray:
        """Integer codes (int64) of ``values``, rounded and saturated or wrapped as the type says."""
        scaled = np.asarray(values, dtype=np.float64) * 2.0**self.fraction
        if self.rounding == "AP_RND_CONV":
            codes = np.rint(scaled)
        else:
            codes = np.floor(scaled + (0.5 if self.rounding == "AP_RND" else 0.0))
        if self.overflow == "AP_SAT":
            return np.clip(codes, self.int_min, self.int_max).astype(np.int64)
        return (codes.astype(np.int64) - self.int_min) % (1 << self.width) + self.int_min

    def from_int(self, codes: Any) -> np.ndarray:
        """Values (float64) of integer ``codes``."""
        return np.asarray(codes, dtype=np.int64) * self.lsb

    def __str__(self) -> str:
        unsigned = "" if self.signed else "u"
        return f"ap_{unsigned}fixed<{self.width},{self.integer},{self.rounding},{self.overflow}>"


def int_bits(low: int, high: int) -> int:
    """Bits that hold every integer from ``low`` to ``high`` (two's complement when ``low`` is negative)."""
    if low < 0:
        return max((-low - 1).bit_length(), max(high, 0).bit_length()) + 1
    return high.bit_length()
