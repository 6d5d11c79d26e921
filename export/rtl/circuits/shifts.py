"""Shifts by a variable amount, and the search for the leading one, level by level so that registers fit between."""

from __future__ import annotations

from collections.abc import Sequence

from tritag.export.rtl.circuits.arithmetic import (
    add,
    bit,
    bit_range,
    extended,
    narrowed,
    remember_floor,
    round_shift,
    shared,
    shifted,
    sub,
)
from tritag.export.rtl.circuits.multiplexers import choose, maximum, minimum
from tritag.export.rtl.text.module import Module
from tritag.export.rtl.text.signals import Signal, constant, literal
from tritag.quant.formats.fixed import int_bits


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
def normalize(m: Module, a: Signal) -> tuple[Signal, Signal, int]:
    """``a >= 0`` shifted left until its leading one is bit ``width - 1``: ``(position of the one, value, width)``."""
    if a.const is not None:
        position = max(a.const.bit_length() - 1, 0)
        return constant(position), constant(a.const), position + 1
    # Bits below the lowest place that the leading one can take are not searched.
    least = max(a.low.bit_length() - 1, 0)
    upper = shifted(m, a, -least)
    levels = max(a.width - least - 1, 0).bit_length()
    width = (1 << levels) + least
    if levels == 0:
        return constant(least), a, width
    found = _first_one(m, upper, -(-levels // 2))[:levels]
    position = _joined(m, found)
    m.known["bits", id(position)] = found
    value = _barrel(m, a, found, width, inverted=True)
    return (add(m, position, constant(least)) if least else position), value, width


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
        m.known[("bits", id(result))] = m.known["bits", id(position)]
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
    x, steps = shifted(m, a, 1), bits_of(m, amount)
    span = amount.high - amount.low
    if -(-span.bit_length() // 2) < -(-len(steps) // 2):  # most of the amount is known
        x, steps = shifted(m, x, -amount.low), bits_of(m, sub(m, amount, constant(amount.low)))
    for low_bit, high_bit, step in _digits(steps):
        moved = [shifted(m, x, -i * step) for i in range(4 if high_bit is not None else 2)]
        x = choose(m, low_bit, moved[1], moved[0]) if high_bit is None else choose_of_four(m, high_bit, low_bit, moved)
        x = _raw(m, x, width + step + 1)
    quotient, half = _raw(m, shifted(m, x, -1), width + 1), bit(m, x, 0)
    sticky = _lost(m, a, amount)
    stage, offset = m.place([quotient, half, sticky], m.timing.delays.adder(width))
    floor = m.operand(quotient, stage, width)
    up = f"({m.operand(half, stage, 1)} & ({m.operand(sticky, stage, 1)} | {m.operand(bit(m, quotient, 0), stage, 1)}))"
    result = m.wire(f"{floor} + {extended(up, width)}", low, high, stage, offset)
    remember_floor(m, result, _raw_interval(m, quotient, low, high))
    return result


def _raw_interval(m: Module, quotient: Signal, low: int, high: int) -> Signal:
    """The floor of something that is rounded into ``[low, high]``."""
    return narrowed(m, quotient, max(quotient.low, low - 1), min(quotient.high, high))


@shared
def _lost(m: Module, a: Signal, amount: Signal) -> Signal:
    """1 where a bit is set below the highest one that ``a / 2**amount`` drops."""
    size = min(amount.high - 1, a.width)
    if size <= 0 or a.const == 0:
        return constant(0)
    mask = _below(m, amount, size)
    stage, offset = m.place([a, mask], m.timing.delays.levels(2 * size))
    return m.wire(f"|({m.operand(mask, stage, size)} & {m.operand(a, stage, size)})", 0, 1, stage, offset)


@shared
def _below(m: Module, amount: Signal, size: int) -> Signal:
    """Ones in the bits below ``amount - 1``: a LUT for each bit."""
    stage, offset = m.place([amount], m.timing.delays.lut_ns)
    name = m.operand(amount, stage, amount.width)
    bits = max(amount.width, (size + 1).bit_length())
    ones = ", ".join(f"{name} >= {literal(i + 2, bits)}" for i in reversed(range(size)))
    return m.wire(f"{{{ones}}}", 0, (1 << size) - 1, stage, offset)


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
