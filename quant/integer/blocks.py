"""Building blocks of integer programs: logarithm, square root, reciprocal and angle from one table each.

Every block normalises its argument (leading-one position and the next ``index_bits`` bits), reads one table, and
shifts back. The table entry belongs to the middle of its interval, so the relative error is at most
``2**-(index_bits + 1)`` plus half an LSB of the output.
"""

from __future__ import annotations

import math

from tritag.quant.integer.tracer import Int, Tracer

# Fractional bits of a weight's exponent that are rounded away once its terms are added.
WEIGHT_SPARE = 12
# One entry of a table of exponentials covers at most 2**-6 in the exponent.
_EXP_STEP_BITS = 6


def _mantissa_index(x: Int, index_bits: int) -> Int:
    """Index of the mantissa in a table of ``2**index_bits`` entries; 0 for the value 0."""
    return (x.normalized(index_bits + 1) - (1 << index_bits)).clip(0, (1 << index_bits) - 1)


def _middle(index: int, index_bits: int) -> float:
    """Mantissa in [1, 2) in the middle of table interval ``index``."""
    return 1.0 + (index + 0.5) / (1 << index_bits)


def log2(t: Tracer, x: Int, fraction: int, index_bits: int = 10) -> Int:
    """Base-2 logarithm of an integer >= 0 with LSB ``2**-fraction``; log2(0) is taken as log2(1) = 0."""
    name = f"log2_{index_bits}_{fraction}"
    if name not in t.program.tables:
        t.table(name, lambda i: math.log2(_middle(i, index_bits)) * 2**fraction, 1 << index_bits)
    return (x.leading() << fraction) + _mantissa_index(x, index_bits).lookup(name)


def _even_index(x: Int, index_bits: int) -> tuple[Int, Int]:
    """Index into a table over mantissas in [1, 4), and the halved even exponent."""
    exponent = x.leading()
    half = exponent >> 1
    odd = exponent - (half << 1)
    index = (odd << index_bits) + _mantissa_index(x, index_bits)
    return index.clip(0, (2 << index_bits) - 1), half


def _even_middle(index: int, index_bits: int) -> float:
    odd, rest = index >> index_bits, index & ((1 << index_bits) - 1)
    return _middle(rest, index_bits) * 2**odd


def sqrt(t: Tracer, x: Int, fraction: int, index_bits: int = 10) -> Int:
    """Square root of an integer >= 0 with LSB ``2**-fraction``; sqrt(0) = 0."""
    top = x.node.high.bit_length() // 2 + 1
    name = f"sqrt_{index_bits}_{fraction}_{top}"
    if name not in t.program.tables:
        t.table(name, lambda i: math.sqrt(_even_middle(i, index_bits)) * 2 ** (fraction + top), 2 << index_bits)
    index, half = _even_index(x, index_bits)
    root = index.lookup(name).round_shift_by(top - half)
    return x.equal(0).where(0, root)


def rsqrt(t: Tracer, x: Int, bits: int, index_bits: int = 10) -> tuple[Int, Int]:
    """Reciprocal square root of an integer >= 0 as ``(mantissa, shift)``: 1/sqrt(x) = mantissa * 2**-(bits + shift).

    The mantissa has ``bits`` bits; the value 0 is taken as 1.
    """
    name = f"rsqrt_{index_bits}_{bits}"
    if name not in t.program.tables:
        t.table(name, lambda i: 2**bits / math.sqrt(_even_middle(i, index_bits)), 2 << index_bits)
    index, half = _even_index(x, index_bits)
    return index.lookup(name), half


def reciprocal(t: Tracer, x: Int, bits: int, index_bits: int = 10) -> tuple[Int, Int]:
    """Reciprocal of an integer >= 0 as ``(mantissa, shift)``: 1/x = mantissa * 2**-(bits + shift); 1/0 = 1.

    The mantissa has ``bits`` bits.
    """
    name = f"reciprocal_{index_bits}_{bits}"
    if name not in t.program.tables:
        t.table(name, lambda i: 2**bits / _middle(i, index_bits), 1 << index_bits)
    return _mantissa_index(x, index_bits).lookup(name), x.leading()


def angle(t: Tracer, y: Int, x: Int, fraction: int, index_bits: int = 10) -> Int:
    """atan2(y, x) in radians with LSB ``2**-fraction``, in [-pi, pi]; atan2(0, 0) = 0.

    The octant is folded to a ratio in [0, 1], which indexes one table of ``2**index_bits + 1`` entries.
    """
    name = f"atan_{index_bits}_{fraction}"
    if name not in t.program.tables:
        t.table(name, lambda i: math.atan(i / (1 << index_bits)) * 2**fraction, (1 << index_bits) + 1)
    ax, ay = x.absolute(), y.absolute()
    small, large = ax.minimum(ay), ax.maximum(ay)
    bits = index_bits + 4
    inverse, shift = reciprocal(t, large, bits, index_bits)
    # small * inverse * 2**-(bits + shift) is the ratio; keep index_bits of it.
    ratio = (small * inverse).round_shift_by(shift + (bits - index_bits)).clip(0, 1 << index_bits)
    first = ratio.lookup(name)
    half_pi = round(math.pi / 2 * 2**fraction)
    pi = round(math.pi * 2**fraction)
    quadrant = ax.less(ay).where(half_pi - first, first)
    folded = x.less(0).where(pi - quadrant, quadrant)
    return y.less(0).where(-folded, folded)


def exponential(t: Tracer, below: Int, step: float, bits: int) -> Int:
    """``(2**bits - 1) * exp(-below * step)`` of an integer ``below`` >= 0: the weight of a logit under the largest one.

    ``step`` is the logit's LSB. One table entry covers the largest power of two times ``step`` that is at most 2**-6,
    or one LSB, and belongs to the middle of its integers; the table ends where the weight is below half a code.
    """
    top = (1 << bits) - 1
    drop = max(0, math.floor(-_EXP_STEP_BITS - math.log2(step)))
    step *= 2.0**drop
    size = math.ceil(math.log(2 * top) / step) + 1
    middle = 0.5 - 0.5 / (1 << drop)
    index = (below.clip(0, (size - 1) << drop) >> drop).clip(0, size - 1)
    return index.lookup(t.table("exp", lambda i: top * math.exp(-(i + middle) * step), size))


def exp2(t: Tracer, below: Int, fraction: int, bits: int) -> Int:
    """``(2**bits - 1) * 2**-below`` of a number ``below`` >= 0 with LSB ``2**-fraction``.

    A table of the fractional part with an entry for every code, and a shift: a relative error at all sizes, unlike
    :func:`exponential`.
    """
    top, name = (1 << bits) - 1, f"exp2_{fraction}_{bits}"
    if name not in t.program.tables:
        t.table(name, lambda i: top * 2.0 ** (-i / 2**fraction), 1 << fraction)
    below = below.clip(0, ((bits + 2) << fraction) - 1)
    whole = below >> fraction
    part = (below - (whole << fraction)).clip(0, (1 << fraction) - 1)
    return part.lookup(name).round_shift_by(whole)


def logarithm_of_weight(value: Int, value_fraction: int, factor: float, fraction: int) -> Int:
    """``value * factor`` in units of log 2, with LSB ``2**-(fraction + WEIGHT_SPARE)``: part of a weight's exponent."""
    return value * round(factor * math.log2(math.e) * 2.0 ** (fraction + WEIGHT_SPARE - value_fraction))


def log2_sum(t: Tracer, a: Int, b: Int, fraction: int, index_bits: int = 7) -> Int:
    """``log2(2**a + 2**b)``, all with LSB ``2**-fraction``: the larger one and a table of the distance.

    A table step is ``2**-index_bits``; the table ends where the smaller term is 2**-11 of the larger one.
    """
    name, size = f"log2_sum_{index_bits}_{fraction}", 11 << index_bits
    if name not in t.program.tables:
        t.table(name, lambda i: math.log2(1 + 2.0 ** (-(i + 0.5) / 2**index_bits)) * 2**fraction, size)
    index = ((a - b).absolute() >> (fraction - index_bits)).clip(0, size - 1)
    return a.maximum(b) + index.lookup(name)


def block_exponent(values: list[Int]) -> Int:
    """Leading-one position of the largest magnitude among ``values``: their common power-of-two scale."""
    largest = values[0].absolute()
    for value in values[1:]:
        largest = largest.maximum(value.absolute())
    return largest.leading()


def block_normalize(value: Int, exponent: Int, bits: int) -> Int:
    """``value`` scaled by a power of two so that the block's largest magnitude lies in [2**(bits-1), 2**bits)."""
    top = exponent.high
    scaled = (value << bits).round_shift_by(exponent + 1) if top >= 0 else value
    return scaled.clip(-(1 << bits), 1 << bits)
