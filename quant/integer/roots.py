"""Roots from one look into a table each, for the axes of frames (axes.py).

Coarser than those of :mod:`tritag.quant.integer.blocks`, and earlier: the mantissa is the entry itself, and the halved
exponent is left to whoever shifts by it.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from tritag.quant.integer.tracer import Int, Tracer

# Pieces of an octave in the tables: a relative error of 2**-12.
_INDEX_BITS = 10


def rsqrt_by_table(t: Tracer, x: Int, least: int, bits: int) -> tuple[Int, Int]:
    """1/sqrt(x) of an integer >= 0 as ``(mantissa, shift)`` = mantissa * 2**-(bits + shift).

    The shift is at least ``least``; nothing is smaller but by rounding. 0 is taken as 1.
    """
    index, half = _index(x)
    name = _table(t, f"rsqrt_{_INDEX_BITS}_{bits}", lambda middle: 2**bits / math.sqrt(middle))
    return index.lookup(name), half.clip(least, half.high)


def sqrt_by_table(t: Tracer, x: Int, bits: int) -> tuple[Int, Int]:
    """sqrt(x) of an integer >= 1 as ``(mantissa, half)`` = mantissa * 2**(half - bits)."""
    index, half = _index(x)
    name = _table(t, f"sqrt_{_INDEX_BITS}_{bits}", lambda middle: 2**bits * math.sqrt(middle))
    return index.lookup(name), half


def _table(t: Tracer, name: str, function: Callable[[float], float]) -> str:
    """A table of a function of the mantissa times 2 to the lowest bit of the exponent: [1, 4)."""
    if name not in t.program.tables:
        steps = 1 << _INDEX_BITS
        middles = [(1 + (i % steps + 0.5) / steps) * 2 ** (i // steps) for i in range(2 * steps)]
        t.table(name, [round(function(middle)) for middle in middles])
    return name


def _index(x: Int) -> tuple[Int, Int]:
    """Index into such a table, and the halved exponent."""
    exponent = x.leading()
    half = exponent >> 1
    odd = (exponent - (half << 1)).clip(0, 1)
    mantissa = (x.normalized(_INDEX_BITS + 1) - (1 << _INDEX_BITS)).clip(0, (1 << _INDEX_BITS) - 1)
    return (odd << _INDEX_BITS) + mantissa, half
