"""Ends of the intervals that the tracer proves: what an instruction makes of a single unbounded integer."""

from __future__ import annotations

from tritag.errors import ExportError

# Products and sums are held in 64-bit integers by PyTorch and ONNX Runtime.
MAX_BITS = 62


def round_half_even(value: int, bits: int) -> int:
    """``value / 2**bits`` rounded half to even, on Python integers."""
    if bits == 0:
        return value
    quotient, rest = value >> bits, value & ((1 << bits) - 1)
    half = 1 << (bits - 1)
    return quotient + int(rest > half or (rest == half and quotient & 1))


def check_shift(low: int, high: int) -> None:
    """Refuse shifts that a 64-bit integer does not have.

    Raises
    ------
    ExportError
        The bits can leave [0, 62].
    """
    if low < 0 or high > MAX_BITS:
        raise ExportError(f"a shift must lie in [0, {MAX_BITS}] bits, got [{low}, {high}]; clip it first")


def leading_one(value: int) -> int:
    """Position of the leading one of a non-negative integer; 0 for 0."""
    return max(value.bit_length() - 1, 0)
