"""Shifts by a variable amount, and the search for the leading one, level by level so that registers fit between."""

from __future__ import annotations

from collections.abc import Sequence

from tritag.export.rtl.arithmetic import (
    add,
    bit,
    bit_range,
    choose,
    maximum,
    minimum,
    narrowed,
    round_shift,
    shared,
    shifted,
    sub,
)
from tritag.export.rtl.module import Module
from tritag.export.rtl.signals import Signal, constant
from tritag.quant.fixed import int_bits


def _raw(m: Module, a: Signal, width: int) -> Signal:
    """The low bits of ``a`` when it is wider than that."""
    if a.width <= width or a.const is not None:
        return a
    return narrowed(m, a, -1 << (width - 1), (1 << (width - 1)) - 1) if a.signed else narrowed(m, a, 0, (1 << width) - 1)


def bits_of(m: Module, a: Signal) -> list[Signal]:
    """The bits of ``a >= 0``, lowest first; those of a leading-one position each as soon as it is known."""
    known = m.known.get(("bits", id(a)))
    if known is not None:
        return known  # type: ignore[return-value]
    return [bit(m, a, i) for i in range(a.width)]


@shared
def either(m: Module, values: Sequence[Signal]) -> Signal:
    """Bitwise OR of values >= 0: it has the leading one of the largest."""
    values = [v for v in values if v.const != 0]
    if len(values) == 1:
        return values[0]
    width = max(v.width for v in values)
    stage, offset = m.place(values, m.timing.delays.levels(len(values)))
    m.cost.lut += width
    text = " | ".join(m.operand(v, stage, width) for v in values)
    return m.wire(text, 0, (1 << width) - 1, stage, offset)


@shared
def some(m: Module, a: Signal) -> Signal:
    """1 where any bit of ``a`` is set."""
    if a.const is not None:
        return constant(int(a.const != 0))
    if a.width == 1:
        return a if not a.signed else bit(m, a, 0)
    stage, offset = m.place([a], m.timing.delays.levels(a.width))
    m.cost.lut += a.width / 5
    return m.wire(f"|{m.read(a, stage)}", 0, 1, stage, offset)


@shared
def normalize(m: Module, a: Signal) -> tuple[Signal, Signal, int]:
    """``a >= 0`` shifted left until its leading one is bit ``width - 1``: ``(position of the one, value, width)``."""
    if a.const is not None:
        position = max(a.const.bit_length() - 1, 0)
        return constant(position), constant(a.const), position + 1
    levels = max(a.width - 1, 0).bit_length()
    width = 1 << levels
    x, found = a, []
    top = width
    for level in reversed(range(levels)):
        half = 1 << level
        # The leading one is among the lower ``top`` bits, and not below top - 2 * half once a level is done.
        hit = some(m, bit_range(m, x, top - half, half))
        found.append(hit)
        x = _raw(m, choose(m, hit, x, shifted(m, x, half)), width)
    found.reverse()
    position = _joined(m, found) if found else constant(0)
    m.known[("bits", id(position))] = found
    return position, x, width


@shared
def _joined(m: Module, bits: Sequence[Signal]) -> Signal:
    """Bits, lowest first, as a number."""
    if all(b.const is not None for b in bits):
        return constant(sum((b.const or 0) << i for i, b in enumerate(bits)))
    stage, offset = m.place(bits, 0.0)
    text = ", ".join(m.operand(b, stage, 1) for b in reversed(bits))
    return m.wire(f"{{{text}}}", 0, (1 << len(bits)) - 1, stage, offset)


def leading(m: Module, a: Signal, low: int, high: int) -> Signal:
    """Position of the leading one, known to lie in ``[low, high]``; 0 for 0."""
    position = normalize(m, a)[0]
    result = narrowed(m, position, low, high)
    if ("bits", id(position)) in m.known:
        m.known[("bits", id(result))] = m.known[("bits", id(position))]
    return result


def normalized(m: Module, a: Signal, bits: int, low: int, high: int) -> Signal:
    """The ``bits`` most significant bits from the leading one on."""
    _, x, width = normalize(m, a)
    return narrowed(m, shifted(m, x, bits - width), low, high)


@shared
def shift_left(m: Module, a: Signal, amount: Signal, low: int, high: int) -> Signal:
    """``a * 2**amount``, known to lie in ``[low, high]``."""
    if amount.const is not None:
        return narrowed(m, shifted(m, a, amount.const), low, high)
    return narrowed(m, _barrel(m, a, bits_of(m, amount), max(int_bits(low, high), 1)), low, high)


def _barrel(m: Module, a: Signal, amount: Sequence[Signal], width: int, inverted: bool = False) -> Signal:
    """``a`` shifted left by a number of which the bits are given (or their complements); ``width`` low bits."""
    x = a
    for level in reversed(range(len(amount))):
        moved = _raw(m, shifted(m, x, 1 << level), width)
        x = choose(m, amount[level], x, moved) if inverted else choose(m, amount[level], moved, x)
        x = _raw(m, x, width)
    return x


@shared
def round_shift_by(m: Module, a: Signal, amount: Signal, low: int, high: int) -> Signal:
    """``a / 2**amount`` rounded half to even, known to lie in ``[low, high]``."""
    if amount.const is not None:
        return round_shift(m, a, amount.const)
    if low == high:
        return constant(low)
    width = max(int_bits(low, high), 1)
    x, sticky = shifted(m, a, 1), constant(0)
    bits = bits_of(m, amount)
    for level in reversed(range(len(bits))):
        step = 1 << level
        lost = some(m, bit_range(m, x, 0, min(step, x.width)))
        sticky = _or_where(m, sticky, bits[level], lost)
        x = _raw(m, choose(m, bits[level], shifted(m, x, -step), x), width + step + 1)
    quotient = _raw(m, shifted(m, x, -1), width)
    odd = bit(m, quotient, 0)
    up = _carry(m, bit(m, x, 0), sticky, odd)
    return narrowed(m, add(m, quotient, up), low, high)


def _or_where(m: Module, a: Signal, condition: Signal, b: Signal) -> Signal:
    if b.const == 0 or condition.const == 0:
        return a
    stage, offset = m.place([a, condition, b], m.timing.delays.lut_ns)
    m.cost.lut += 1
    text = f"({m.operand(condition, stage, 1)} & {m.operand(b, stage, 1)}) | {m.operand(a, stage, 1)}"
    return m.wire(text, 0, 1, stage, offset)


def _carry(m: Module, half: Signal, sticky: Signal, odd: Signal) -> Signal:
    if half.const == 0:
        return constant(0)
    stage, offset = m.place([half, sticky, odd], m.timing.delays.lut_ns)
    m.cost.lut += 1
    text = f"{m.operand(half, stage, 1)} & ({m.operand(sticky, stage, 1)} | {m.operand(odd, stage, 1)})"
    return m.wire(text, 0, 1, stage, offset)


@shared
def align(m: Module, a: Signal, exponent: Signal, bits: int, bounded: bool) -> Signal:
    """``a * 2**(bits - 1 - exponent)`` rounded half to even, ``a`` saturated to ``+-2**(exponent + 1)`` before.

    ``bounded``: it is known that ``|a| < 2**(exponent + 1)``.
    """
    if exponent.const is not None:
        e = exponent.const
        x = a if bounded else maximum(m, minimum(m, a, constant(2 << e)), constant(-2 << e))
        surplus = e - (bits - 1)
        return narrowed_to_bits(m, round_shift(m, x, surplus) if surplus > 0 else shifted(m, x, -surplus), bits)
    if not bounded:
        limit = shift_left(m, constant(2), exponent, 2 << exponent.low, 2 << exponent.high)
        a = maximum(m, minimum(m, a, limit), sub(m, constant(0), limit))
    amount = bits_of(m, exponent)
    frame = 1 << len(amount)
    x = _barrel(m, a, amount, frame + 2, inverted=True)
    result = round_shift(m, x, frame - bits) if frame > bits else shifted(m, x, bits - frame)
    return narrowed_to_bits(m, result, bits)


def narrowed_to_bits(m: Module, a: Signal, bits: int) -> Signal:
    """A value that is known to lie in ``+-2**bits``."""
    low, high = max(a.low, -(1 << bits)), min(a.high, 1 << bits)
    return narrowed(m, a, low, high) if low <= high else a
