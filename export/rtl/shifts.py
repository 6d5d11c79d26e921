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
    return (
        narrowed(m, a, -1 << (width - 1), (1 << (width - 1)) - 1) if a.signed else narrowed(m, a, 0, (1 << width) - 1)
    )


def bits_of(m: Module, a: Signal) -> list[Signal]:
    """The bits of ``a >= 0``, lowest first; those of a leading-one position each as soon as it is known."""
    known = m.known.get(("bits", id(a)))
    if known is not None:
        return known[: a.width]  # type: ignore[index]
    return [bit(m, a, i) for i in range(a.width)]


@shared
def either(m: Module, values: Sequence[Signal]) -> Signal:
    """Bitwise OR of values >= 0: it has the leading one of the largest."""
    values = [v for v in values if v.const != 0]
    if len(values) == 1:
        return values[0]
    width = max(v.width for v in values)
    stage, offset = m.place(values, m.timing.delays.levels(len(values)))
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
    return m.wire(f"|{m.read(a, stage)}", 0, 1, stage, offset)


@shared
def normalize(m: Module, a: Signal) -> tuple[Signal, Signal, int]:
    """``a >= 0`` shifted left until its leading one is bit ``width - 1``: ``(position of the one, value, width)``."""
    if a.const is not None:
        position = max(a.const.bit_length() - 1, 0)
        return constant(position), constant(a.const), position + 1
    levels = max(a.width - 1, 0).bit_length()
    width = 1 << levels
    if levels == 0:
        return constant(0), a, width
    found = _first_one(m, a, -(-levels // 2))[:levels]
    position = _joined(m, found)
    m.known[("bits", id(position))] = found
    return position, _barrel(m, a, found, width, inverted=True), width


def _first_one(m: Module, a: Signal, digits: int) -> list[Signal]:
    """Bits of the leading one's position, lowest first: groups of four, then groups of groups."""
    present = [bit_range(m, a, i, 1) for i in range(1 << (2 * digits))]
    # For each group so far: its position bits, lowest first.
    inner: list[list[Signal]] = [[] for _ in present]
    for _ in range(digits):
        groups = [present[i : i + 4] for i in range(0, len(present), 4)]
        upper = [_highest_of_four(m, group) for group in groups]
        inner = [
            [*(choose_of_four(m, high, low, digit) for digit in zip(*inner[4 * i : 4 * i + 4], strict=True)), low, high]
            for i, (low, high) in enumerate(upper)
        ]
        present = [_any_of(m, group) for group in groups]
    return inner[0]


def _any_of(m: Module, flags: Sequence[Signal]) -> Signal:
    flags = [f for f in flags if f.const != 0]
    if not flags:
        return constant(0)
    if len(flags) == 1:
        return flags[0]
    stage, offset = m.place(flags, m.timing.delays.lut_ns)
    return m.wire(" | ".join(m.operand(f, stage, 1) for f in flags), 0, 1, stage, offset)


def _highest_of_four(m: Module, flags: Sequence[Signal]) -> tuple[Signal, Signal]:
    """Number of the highest flag that is set, as two bits, lowest first; 0 when none is."""
    _, one, two, three = flags
    high = _any_of(m, [two, three])
    if two.const == 0 and three.const == 0:
        return one, high
    stage, offset = m.place([one, two, three], m.timing.delays.lut_ns)
    f1, f2, f3 = (m.operand(f, stage, 1) for f in (one, two, three))
    return m.wire(f"{f3} | (~{f2} & {f1})", 0, 1, stage, offset), high


def choose_of_four(m: Module, high: Signal, low: Signal, values: Sequence[Signal]) -> Signal:
    """``values[2 * high + low]``: one LUT for each bit."""
    if high.const is not None:
        return choose(m, low, values[3], values[2]) if high.const else choose(m, low, values[1], values[0])
    if low.const is not None:
        return choose(m, high, values[2 + low.const], values[low.const])
    least, most = min(v.low for v in values), max(v.high for v in values)
    if least == most:
        return constant(least)
    width = max(int_bits(least, most), 1)
    stage, offset = m.place([high, low, *values], m.timing.delays.lut_ns)
    v = [m.operand(x, stage, width) for x in values]
    top, bottom = m.operand(high, stage, 1), m.operand(low, stage, 1)
    text = f"{top} ? ({bottom} ? {v[3]} : {v[2]}) : ({bottom} ? {v[1]} : {v[0]})"
    return m.wire(text, least, most, stage, offset)


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
    for low, high, step in _digits(amount):
        moved = [_raw(m, shifted(m, x, i * step), width) for i in range(4 if high is not None else 2)]
        if inverted:
            moved.reverse()
        x = choose(m, low, moved[1], moved[0]) if high is None else choose_of_four(m, high, low, moved)
        x = _raw(m, x, width)
    return x


def _digits(bits: Sequence[Signal]) -> list[tuple[Signal, Signal | None, int]]:
    """Pairs of bits with the weight of the lower one, highest first; a lone top bit stands by itself."""
    pairs: list[tuple[Signal, Signal | None, int]] = [
        (bits[i], bits[i + 1] if i + 1 < len(bits) else None, 1 << i) for i in range(0, len(bits), 2)
    ]
    return pairs[::-1]


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
    for low_bit, high_bit, step in _digits(bits):
        choices = [x]
        losses: list[Signal] = [constant(0)]
        for i in range(1, 4 if high_bit is not None else 2):
            losses.append(some(m, bit_range(m, x, 0, min(i * step, x.width))))
            choices.append(shifted(m, x, -i * step))
        if high_bit is None:
            sticky = _any_of(m, [sticky, choose(m, low_bit, losses[1], losses[0])])
            x = choose(m, low_bit, choices[1], choices[0])
        else:
            sticky = _any_of(m, [sticky, choose_of_four(m, high_bit, low_bit, losses)])
            x = choose_of_four(m, high_bit, low_bit, choices)
        x = _raw(m, x, width + step + 1)
    quotient = _raw(m, shifted(m, x, -1), width)
    odd = bit(m, quotient, 0)
    up = _carry(m, bit(m, x, 0), sticky, odd)
    return narrowed(m, add(m, quotient, up), low, high)


def _carry(m: Module, half: Signal, sticky: Signal, odd: Signal) -> Signal:
    if half.const == 0:
        return constant(0)
    stage, offset = m.place([half, sticky, odd], m.timing.delays.lut_ns)
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
