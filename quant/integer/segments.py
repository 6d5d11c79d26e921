"""Functions by tables of straight pieces: one lookup of a start and a slope, one product, one rounding.

An argument's mantissa is cut in two: the upper ``index_bits`` choose the piece, the lower ones say where on it. A piece
lies half of its largest deviation above or below the chord, so that the error is the same at its ends and in its
middle. Relative errors with 10 index bits: 2**-24 (roots), 2**-22 (reciprocal), besides that of the result's LSB. A
Newton step would need two more products one behind the other, and be no better.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from tritag.quant.integer.tracer import Int, Tracer

_INDEX_BITS = 10
# Bits of the mantissa behind its leading one, and fractional bits of table entries.
_MANTISSA = 24
_FRACTION = 26


def rsqrt_fine(t: Tracer, x: Int, bits: int) -> tuple[Int, Int]:
    """1/sqrt(x) of an integer >= 1 as ``(mantissa, shift)`` = mantissa * 2**-(bits + shift).

    The mantissa lies in (2**(bits - 1), 2**bits].
    """
    octave, half = _odd(x)
    value = _on_piece(t, "rsqrt", lambda v: 1 / math.sqrt(v), x, octave, 2)
    return value.round_shift(_scale(_INDEX_BITS) - bits).clip(1, 1 << bits), half


def sqrt_fine(t: Tracer, x: Int) -> Int:
    """sqrt(x) of an integer >= 1, rounded."""
    octave, half = _odd(x)
    value = _on_piece(t, "sqrt", math.sqrt, x, octave, 2)
    return value.round_shift_by(_scale(_INDEX_BITS) - half)


def reciprocal_fine(t: Tracer, x: Int, bits: int) -> tuple[Int, Int]:
    """1/x of an integer >= 1 as ``(mantissa, shift)`` = mantissa * 2**-(bits + shift)."""
    value = _on_piece(t, "reciprocal", lambda v: 1 / v, x, None, 1)
    return value.round_shift(_scale(_INDEX_BITS) - bits).clip(1, 1 << bits), x.leading()


def inverse_of_gamma_plus_one(t: Tracer, square: Int, square_fraction: int, octaves: int, fraction: int) -> Int:
    """1/(1 + sqrt(x)) with ``fraction`` fractional bits, x in [1, 2**octaves) with ``square_fraction`` of them.

    It has no mantissa of its own: the pieces are those of all octaves, 2**8 each.
    """
    index_bits = 8
    octave = (square.leading() - square_fraction).clip(0, octaves - 1)
    value = _on_piece(
        t, f"inverse_{octaves}", lambda v: 1 / (1 + math.sqrt(v)), square, octave, octaves, index_bits=index_bits
    )
    return value.round_shift(_scale(index_bits) - fraction).clip(0, 1 << (fraction - 1))


def _scale(index_bits: int) -> int:
    """Fractional bits of a value on its piece."""
    return _FRACTION + _MANTISSA - index_bits


def _odd(x: Int) -> tuple[Int, Int]:
    """The lowest bit of an exponent, and the others."""
    exponent = x.leading()
    half = exponent >> 1
    return (exponent - (half << 1)).clip(0, 1), half


def _on_piece(
    t: Tracer,
    name: str,
    function: Callable[[float], float],
    x: Int,
    octave: Int | None,
    octaves: int,
    index_bits: int = _INDEX_BITS,
) -> Int:
    """``function`` of x's mantissa in [1, 2) times 2**octave, with ``_scale(index_bits)`` fractional bits."""
    rest_bits = _MANTISSA - index_bits
    starts, slopes = f"{name}_start", f"{name}_slope"
    if starts not in t.program.tables:
        pieces = _pieces(function, octaves, index_bits)
        t.table(starts, [start for start, _ in pieces])
        t.table(slopes, [slope for _, slope in pieces])
    mantissa = (x.normalized(_MANTISSA + 1) - (1 << _MANTISSA)).clip(0, (1 << _MANTISSA) - 1)
    piece = mantissa >> rest_bits
    rest = (mantissa - (piece << rest_bits)).clip(0, (1 << rest_bits) - 1)
    index = piece if octave is None else ((octave << index_bits) + piece).clip(0, (octaves << index_bits) - 1)
    return (index.lookup(starts) << rest_bits) + index.lookup(slopes) * rest


def _pieces(function: Callable[[float], float], octaves: int, index_bits: int) -> Sequence[tuple[int, int]]:
    """Start and rise of every piece, with ``_FRACTION`` fractional bits."""
    found = []
    for index in range(octaves << index_bits):
        octave, part = index >> index_bits, index & ((1 << index_bits) - 1)
        left, right = ((1 + (part + k) / (1 << index_bits)) * 2.0**octave for k in (0, 1))
        first, last = function(left), function(right)
        bulge = function((left + right) / 2) - (first + last) / 2
        found.append((round((first + bulge / 2) * 2.0**_FRACTION), round((last - first) * 2.0**_FRACTION)))
    return found


__all__ = ["inverse_of_gamma_plus_one", "reciprocal_fine", "rsqrt_fine", "sqrt_fine"]
