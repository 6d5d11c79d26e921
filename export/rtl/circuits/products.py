"""Products as placed logic: shifts and sums for a known factor, else DSPs, or LUTs when they are small."""

from __future__ import annotations

from tritag.export.rtl.circuits.arithmetic import Term, bit, bit_range, narrowed, shared, shifted, signed_digits, total
from tritag.export.rtl.circuits.multiplexers import masked
from tritag.export.rtl.text.module import Module
from tritag.export.rtl.text.signals import Signal, constant


@shared
def mul(m: Module, a: Signal, b: Signal) -> Signal:
    """``a * b``: shifts and sums for a known factor, else DSPs, or LUTs when it is small."""
    if a.const is not None:
        a, b = b, a
    if b.const is not None:
        if a.const is not None:
            return constant(a.const * b.const)
        low, high = sorted((a.low * b.const, a.high * b.const))
        result = total(m, [(a, power, minus) for power, minus in signed_digits(b.const)])
    else:
        low, high = _product_interval(a, b)
        if low == high:
            return constant(low)
        small = a.width * b.width < m.timing.dsp_bits or min(a.width, b.width) == 1
        result = _in_luts(m, a, b) if small else _in_dsps(m, a, b)
    return narrowed(m, result, low, high)


def _product_interval(a: Signal, b: Signal) -> tuple[int, int]:
    if a is b:
        top = max(a.low**2, a.high**2)
        return (0 if a.low <= 0 <= a.high else min(a.low**2, a.high**2)), top
    corners = [x * y for x in (a.low, a.high) for y in (b.low, b.high)]
    return min(corners), max(corners)


def _in_luts(m: Module, a: Signal, b: Signal) -> Signal:
    """One row of ANDs for each bit of the narrower factor, summed; the sign's row is subtracted."""
    if a.width < b.width:
        a, b = b, a
    return total(m, [(masked(m, a, bit(m, b, i)), i, b.signed and i == b.width - 1) for i in range(b.width)])


def _in_dsps(m: Module, a: Signal, b: Signal) -> Signal:
    """Tiles of 27 x 18 signed bits, each of them one DSP with a register inside."""
    if _tiles(b, 26) * _tiles(a, 17) < _tiles(a, 26) * _tiles(b, 17):
        a, b = b, a
    terms: list[Term] = []
    for part_a, shift_a in _parts(m, a, 26):
        for part_b, shift_b in _parts(m, b, 17):
            terms.append((_dsp(m, part_a, part_b), shift_a + shift_b, False))
    return total(m, terms)


def _tiles(a: Signal, bits: int) -> int:
    return max(1, -(-(a.width - a.signed) // bits))


def _parts(m: Module, a: Signal, bits: int) -> list[tuple[Signal, int]]:
    tiles = _tiles(a, bits)
    lower = [(bit_range(m, a, i * bits, bits), i * bits) for i in range(tiles - 1)]
    return [*lower, (shifted(m, a, -(tiles - 1) * bits), (tiles - 1) * bits)]


def _dsp(m: Module, a: Signal, b: Signal) -> Signal:
    low, high = _product_interval(a, b)
    delays = m.timing.delays
    stage, _ = m.place([a, b], delays.product_ns)
    wide = [f"$signed({m.operand(x, stage, x.width + (not x.signed))})" for x in (a, b)]
    return m.stored(f"{wide[0]} * {wide[1]}", low, high, stage, delays.product_out_ns)


__all__ = ["mul"]
