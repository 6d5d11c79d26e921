"""Exact arithmetic as placed logic: sums, products, comparisons, choices.

Every function takes the module, its arguments as signals, and gives a signal whose interval holds every result; known
values are computed at once. Results of equal calls are shared.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

from tritag.export.rtl.module import Module
from tritag.export.rtl.signals import Signal, constant, literal
from tritag.quant.fixed import int_bits

# A term of a sum: signal * 2**shift, subtracted when negative.
Term = tuple[Signal, int, bool]


def shared(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compute a result once per module and arguments."""

    @wraps(function)
    def remembered(m: Module, *args: Any) -> Any:
        key = (function.__name__, *(_key(a) for a in args))
        if key not in m.known:
            # The arguments are kept alive with the result: their identities are in the key.
            m.known[key] = (function(m, *args), args)
        return m.known[key][0]  # type: ignore[index]

    return remembered


def _key(arg: Any) -> Any:
    if isinstance(arg, Signal):
        return ("const", arg.const) if arg.const is not None else id(arg)
    return tuple(map(_key, arg)) if isinstance(arg, list | tuple) else arg


def shifted(m: Module, a: Signal, bits: int) -> Signal:
    """``a * 2**bits``, or the floor for negative ``bits``: wires alone."""
    if bits == 0:
        return a
    low, high = (a.low << bits, a.high << bits) if bits > 0 else (a.low >> -bits, a.high >> -bits)
    return _rewired(m, a, bits, low, high)


@shared
def _rewired(m: Module, a: Signal, bits: int, low: int, high: int) -> Signal:
    if a.const is not None or low == high:
        return constant(low)
    stage, offset = m.place([a], 0.0)
    if bits > 0:
        return m.wire(f"{{{m.operand(a, stage, a.width)}, {bits}'d0}}", low, high, stage, offset)
    name = m.read(a, stage)
    width = max(int_bits(low, high), 1)
    if -bits >= a.width:  # only the sign is left
        return m.wire(f"{name}[{a.width - 1}]" if a.width > 1 else name, low, high, stage, offset)
    part = name if a.width == 1 else f"{name}[{min(-bits + width, a.width) - 1}:{-bits}]"
    return m.wire(part, low, high, stage, offset)


@shared
def add(m: Module, a: Signal, b: Signal) -> Signal:
    """``a + b``."""
    return _combine(m, a, 0, b, 0, False)


@shared
def sub(m: Module, a: Signal, b: Signal) -> Signal:
    """``a - b``."""
    return _combine(m, a, 0, b, 0, True)


def _combine(m: Module, a: Signal, shift_a: int, b: Signal, shift_b: int, minus: bool) -> Signal:
    """``a * 2**shift_a +- b * 2**shift_b``; low bits that only ``a`` has pass by the adder."""
    al, ah, bl, bh = a.low << shift_a, a.high << shift_a, b.low << shift_b, b.high << shift_b
    low, high = (al - bh, ah - bl) if minus else (al + bl, ah + bh)
    if low == high:
        return constant(low)
    if b.const == 0:
        return shifted(m, a, shift_a)
    if a.const == 0 and not minus:
        return shifted(m, b, shift_b)
    common = min(shift_a, shift_b)
    if common:
        return shifted(m, _combine(m, a, shift_a - common, b, shift_b - common, minus), common)
    if shift_a and not minus:
        return _combine(m, b, shift_b, a, shift_a, False)
    if shift_b and a.const is None and shift_b < a.width:
        upper = _combine(m, shifted(m, a, -shift_b), 0, b, 0, minus)
        stage, offset = m.place([a, upper], 0.0)
        lower = f"{m.read(a, stage)}[{shift_b - 1}:0]"
        return m.wire(f"{{{m.operand(upper, stage, upper.width)}, {lower}}}", low, high, stage, offset)
    a, b = shifted(m, a, shift_a), shifted(m, b, shift_b)
    width = max(int_bits(low, high), 1)
    bits = min(max(a.width if a.const is None else 0, b.width if b.const is None else 0) + 1, width)
    stage, offset = m.place([a, b], m.timing.delays.adder(bits))
    sign = "-" if minus else "+"
    return m.wire(f"{m.operand(a, stage, width)} {sign} {m.operand(b, stage, width)}", low, high, stage, offset)


def total(m: Module, terms: Sequence[Term], offset: int = 0) -> Signal:
    """Sum of terms and a constant: always the two that are there first."""
    queue: list[tuple[int, float, int, Term]] = []
    number = 0
    for signal, shift, negative in terms:
        if signal.const is not None:
            offset += -(signal.const << shift) if negative else signal.const << shift
            continue
        heapq.heappush(queue, (*m.earliest(signal), number, (signal, shift, negative)))
        number += 1
    if offset:
        # Late enough to meet the last of the terms only where nothing is waited for.
        heapq.heappush(queue, (0, 0.0, number, (constant(abs(offset)), 0, offset < 0)))
        number += 1
    if not queue:
        return constant(0)
    while len(queue) > 1:
        first, second = heapq.heappop(queue)[3], heapq.heappop(queue)[3]
        (a, sa, minus_a), (b, sb, minus_b) = first, second
        if minus_a and not minus_b:
            (a, sa, minus_a), (b, sb, minus_b) = second, first
        result = _combine(m, a, sa, b, sb, minus_a != minus_b)
        heapq.heappush(queue, (*m.earliest(result), number, (result, 0, minus_a)))
        number += 1
    signal, shift, negative = queue[0][3]
    signal = shifted(m, signal, shift)
    return sub(m, constant(0), signal) if negative else signal


def signed_digits(value: int) -> list[tuple[int, bool]]:
    """Canonical signed digits of an integer: ``(power of two, negative)``, no two of them adjacent."""
    digits, power, negative = [], 0, value < 0
    value = abs(value)
    while value:
        if value & 1:
            minus = value & 3 == 3
            digits.append((power, minus != negative))
            value += 1 if minus else -1
        value, power = value >> 1, power + 1
    return digits


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


@shared
def bit(m: Module, a: Signal, index: int) -> Signal:
    """One bit of ``a``, as an unsigned value."""
    return bit_range(m, a, index, 1)


@shared
def bit_range(m: Module, a: Signal, start: int, bits: int) -> Signal:
    """Bits ``start`` to ``start + bits - 1`` of ``a`` (sign-extended), as an unsigned value."""
    if a.const is not None:
        return constant((a.const >> start) & ((1 << bits) - 1))
    if start >= a.width and not a.signed:
        return constant(0)
    stage, offset = m.place([a], 0.0)
    text = m.operand(a, stage, max(a.width, start + bits))
    if start + bits > a.width:
        inner = m.wire(text, *_any(start + bits), stage, offset)
        return bit_range(m, inner, start, bits)
    if a.width > 1:
        text = f"{text}[{start + bits - 1}:{start}]"
    return m.wire(text, 0, (1 << bits) - 1, stage, offset)


def _any(width: int) -> tuple[int, int]:
    return 0, (1 << width) - 1


@shared
def narrowed(m: Module, a: Signal, low: int, high: int) -> Signal:
    """The same value, of which more is known than its interval says: its low bits in a narrower wire."""
    if (a.low, a.high) == (low, high) or a.const is not None:
        return a
    if low == high:
        return constant(low)
    width = max(int_bits(low, high), 1)
    stage, offset = m.place([a], 0.0)
    return m.wire(m.operand(a, stage, width), low, high, stage, offset)


@shared
def masked(m: Module, a: Signal, condition: Signal) -> Signal:
    """``a`` where the condition is 1, else 0."""
    return choose(m, condition, a, constant(0))


@shared
def choose(m: Module, condition: Signal, a: Signal, b: Signal) -> Signal:
    """``a`` where the condition is 1, else ``b``."""
    if condition.const is not None:
        return a if condition.const else b
    low, high = min(a.low, b.low), max(a.high, b.high)
    if low == high:
        return constant(low)
    width = max(int_bits(low, high), 1)
    stage, offset = m.place([condition, a, b], m.timing.delays.lut_ns)
    text = f"{m.operand(condition, stage, 1)} ? {m.operand(a, stage, width)} : {m.operand(b, stage, width)}"
    return m.wire(text, low, high, stage, offset)


@shared
def less(m: Module, a: Signal, b: Signal) -> Signal:
    """1 where ``a < b``."""
    if a.high < b.low or a.low >= b.high:
        return constant(int(a.high < b.low))
    if b.const == 0:
        return bit(m, a, a.width - 1)
    return _compared(m, "<", a, b)


@shared
def equal(m: Module, a: Signal, b: Signal) -> Signal:
    """1 where ``a = b``."""
    if a.const is not None and b.const is not None:
        return constant(int(a.const == b.const))
    if a.high < b.low or b.high < a.low:
        return constant(0)
    width = max(a.width, b.width) + 1
    stage, offset = m.place([a, b], m.timing.delays.levels(2 * width))
    return m.wire(f"{m.operand(a, stage, width)} == {m.operand(b, stage, width)}", 0, 1, stage, offset)


def _compared(m: Module, sign: str, a: Signal, b: Signal) -> Signal:
    width = int_bits(min(a.low, b.low, -1), max(a.high, b.high))
    stage, offset = m.place([a, b], m.timing.delays.adder(width))
    left, right = (f"$signed({m.operand(x, stage, width)})" for x in (a, b))
    return m.wire(f"{left} {sign} {right}", 0, 1, stage, offset)


@shared
def maximum(m: Module, a: Signal, b: Signal) -> Signal:
    """The larger one."""
    low, high = max(a.low, b.low), max(a.high, b.high)
    if a.low >= b.high:
        return a
    if b.low >= a.high:
        return b
    return narrowed(m, choose(m, less(m, a, b), b, a), low, high)


@shared
def minimum(m: Module, a: Signal, b: Signal) -> Signal:
    """The smaller one."""
    low, high = min(a.low, b.low), min(a.high, b.high)
    if a.low >= b.high:
        return b
    if b.low >= a.high:
        return a
    return narrowed(m, choose(m, less(m, a, b), a, b), low, high)


@shared
def clip(m: Module, a: Signal, low: int, high: int) -> Signal:
    """``a`` saturated to ``[low, high]``."""
    if a.const is not None or a.low >= high or a.high <= low:
        return constant(min(max(a.const if a.const is not None else a.low if a.low >= high else a.high, low), high))
    above = below = constant(0)
    if a.high > high:
        above = _beyond_power(m, a, high) if high >= 0 and high & (high + 1) == 0 else less(m, constant(high), a)
    if a.low < low:
        power = low < 0 and -low & (-low - 1) == 0
        below = _below_power(m, a, low) if power else less(m, a, constant(low))
    inside = _low_bits(m, a, low, high)
    low, high = max(min(a.low, high), low), min(max(a.high, low), high)
    width = max(int_bits(low, high), 1)
    stage, offset = m.place([above, below, inside], m.timing.delays.lut_ns)
    text = m.operand(inside, stage, width)
    if below.const != 0:
        text = f"{m.operand(below, stage, 1)} ? {literal(low, width)} : {text}"
    if above.const != 0:
        text = f"{m.operand(above, stage, 1)} ? {literal(high, width)} : {text}"
    return m.wire(text, low, high, stage, offset)


def _low_bits(m: Module, a: Signal, low: int, high: int) -> Signal:
    """The bits that a value inside ``[low, high]`` needs: what they are outside does not matter."""
    low, high = max(a.low, low), min(a.high, high)
    return narrowed(m, a, low, high) if low < high else constant(low)


def _beyond_power(m: Module, a: Signal, high: int) -> Signal:
    """1 where ``a > high`` = 2**n - 1: a bit above n is set, and the sign is not."""
    n = high.bit_length()
    stage, offset = m.place([a], m.timing.delays.levels(a.width - n))
    name = m.read(a, stage)
    if a.width == 1:
        return m.wire(name, 0, 1, stage, offset)
    if not a.signed:
        return m.wire(f"|{name}[{a.width - 1}:{n}]", 0, 1, stage, offset)
    return m.wire(f"~{name}[{a.width - 1}] & (|{name}[{a.width - 2}:{n}])", 0, 1, stage, offset)


def _below_power(m: Module, a: Signal, low: int) -> Signal:
    """1 where ``a < low`` = -2**n: the sign is set, and a bit from n on is not."""
    n = (-low).bit_length() - 1
    stage, offset = m.place([a], m.timing.delays.levels(a.width - n))
    name = m.read(a, stage)
    return m.wire(f"{name}[{a.width - 1}] & ~(&{name}[{a.width - 2}:{n}])", 0, 1, stage, offset)


@shared
def absolute(m: Module, a: Signal) -> Signal:
    """``|a|``."""
    if a.low >= 0:
        return a
    high = max(-a.low, a.high)
    if a.high < 0:
        return sub(m, constant(0), a)
    width = max(high.bit_length(), 1)
    stage, offset = m.place([a], m.timing.delays.adder(width))
    sign = f"{m.read(a, stage)}[{a.width - 1}]" if a.width > 1 else m.read(a, stage)
    text = f"({m.operand(a, stage, width)} ^ {{{width}{{{sign}}}}}) + {_extended(sign, width)}"
    return m.wire(text, 0, high, stage, offset)


def _extended(name: str, width: int) -> str:
    return f"{{{width - 1}'d0, {name}}}" if width > 1 else name


@shared
def round_shift(m: Module, a: Signal, bits: int) -> Signal:
    """``a / 2**bits`` rounded half to even."""
    if bits == 0:
        return a
    low, high = rounded(a.low, bits), rounded(a.high, bits)
    if low == high:
        return constant(low)
    width = max(int_bits(low, high), 1)
    rest = max(a.width, bits + 1)
    stage, offset = m.place([a], m.timing.delays.adder(width) + m.timing.delays.levels(min(bits, a.width)) / 2)
    if rest > a.width:  # a shift beyond the sign
        a = m.wire(
            m.operand(a, stage, rest), *((0, _any(rest)[1]) if not a.signed else (-1 << (rest - 1), 0)), stage, 0
        )
    name = m.read(a, stage)
    upper = m.wire(f"{name}[{a.width - 1}:{bits}]", a.low >> bits, a.high >> bits, stage, offset)
    sticky = f"(|{name}[{bits - 2}:0] | {name}[{bits}])" if bits > 1 else f"{name}[{bits}]"
    up = f"({name}[{bits - 1}] & {sticky})"
    text = literal(upper.const, width) if upper.const is not None else m.operand(upper, stage, width)
    return m.wire(f"{text} + {_extended(up, width)}", low, high, stage, offset)


def rounded(value: int, bits: int) -> int:
    """``value / 2**bits`` rounded half to even, on Python integers."""
    quotient, rest = value >> bits, value & ((1 << bits) - 1)
    half = (1 << bits) >> 1
    return quotient + int(bits > 0 and (rest > half or (rest == half and bool(quotient & 1))))


__all__ = [
    "Term",
    "absolute",
    "add",
    "bit",
    "bit_range",
    "choose",
    "clip",
    "equal",
    "less",
    "masked",
    "maximum",
    "minimum",
    "mul",
    "narrowed",
    "round_shift",
    "rounded",
    "shared",
    "shifted",
    "sub",
    "total",
]
