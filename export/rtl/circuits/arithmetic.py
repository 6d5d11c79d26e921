"""Exact arithmetic as placed logic: sums, shifts, rounding.

Every function takes the module, its arguments as signals, and gives a signal whose interval holds every result; known
values are computed at once. Results of equal calls are shared.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

from tritag.export.rtl.text.module import Module
from tritag.export.rtl.text.signals import Signal, constant, literal
from tritag.quant.formats.fixed import int_bits
from tritag.quant.integer.intervals import round_half_even

# A term of a sum: signal * 2**shift, subtracted when negative.
Term = tuple[Signal, int, bool]
# Width from which on three terms are added at once: a carry chain then costs more than a layer of full adders.
_WIDE = 16


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
    """``a + b``, exact, with the width of the sum's interval."""
    return _combine(m, a, 0, b, 0, False)


@shared
def sub(m: Module, a: Signal, b: Signal) -> Signal:
    """``a - b``, exact, with the width of the difference's interval."""
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
    if shift_b and a.const is None and (shift_b < a.width or not a.signed):
        upper = _combine(m, shifted(m, a, -shift_b), 0, b, 0, minus)
        stage, offset = m.place([a, upper], 0.0)
        lower = m.operand(a, stage, shift_b)
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
        if len(queue) == 3 and (at_once := _three(m, [item[3] for item in queue])) is not None:
            queue = [(0, 0.0, number, at_once)]
            break
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


def _three(m: Module, terms: Sequence[Term]) -> Term | None:
    """Three terms in one sum behind a layer of full adders, where that is ready before two sums in a row are."""
    common = min(shift for _, shift, _ in terms)
    wide = min(s.width for s, _, _ in terms) >= _WIDE
    if not wide or any(s.const is not None or s.width <= shift - common for s, shift, _ in terms):
        return None
    flip = sum(negative for _, _, negative in terms) > 1
    low = high = 0
    for s, shift, negative in terms:
        ends = (s.low << (shift - common), s.high << (shift - common))
        low, high = (low - ends[1], high - ends[0]) if negative != flip else (low + ends[0], high + ends[1])
    width, delays = max(int_bits(low, high), 1), m.timing.delays
    early, late = sorted((m.earliest(s) for s, _, _ in terms))[1:]
    at, settled = m.placed_at(early, delays.adder(width - 1))
    in_turn = m.placed_at(max((at, settled), late), delays.adder(width))
    if m.placed_at(late, delays.lut_ns + delays.adder(width)) >= in_turn:
        return None
    stage, offset = m.place([s for s, _, _ in terms], delays.lut_ns + delays.adder(width))
    parts, number = [], m.fresh("c")
    for i, (s, shift, negative) in enumerate(terms):
        text = m.operand(shifted(m, s, shift - common), stage, width)
        parts.append(f"{number}_{i}")
        m.lines.append(f"wire [{width - 1}:0] {parts[-1]} = {'~' if negative != flip else ''}{text};")
    a, b, c = parts
    m.lines.append(f"wire [{width - 1}:0] {number}_s = {a} ^ {b} ^ {c};")
    m.lines.append(f"wire [{width - 1}:0] {number}_k = ({a} & {b}) | ({c} & ({a} | {b}));")
    carries = f"{{{number}_k[{width - 2}:0], 1'b{int(any(n != flip for _, _, n in terms))}}}"
    return m.wire(f"{number}_s + {carries}", low, high, stage, offset), common, flip


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
    result = m.wire(m.operand(a, stage, width), low, high, stage, offset)
    if (before := floor_of(m, a)) is not None:
        remember_floor(m, result, before)
    return result


def remember_floor(m: Module, value: Signal, before: Signal) -> None:
    """Remember that ``value`` is ``before`` or one more, whichever is nearer to something that was rounded."""
    m.known["floor", id(value)] = (value, before)


def floor_of(m: Module, value: Signal) -> Signal | None:
    """What was remembered: it is there before ``value`` is, and tells whether that saturates."""
    found = m.known.get(("floor", id(value)))
    return found[1] if found is not None else None  # type: ignore[index]


def extended(name: str, width: int) -> str:
    """A bit as a number of ``width`` bits."""
    return f"{{{width - 1}'d0, {name}}}" if width > 1 else name


@shared
def round_shift(m: Module, a: Signal, bits: int) -> Signal:
    """``a / 2**bits`` rounded half to even."""
    if bits == 0:
        return a
    low, high = round_half_even(a.low, bits), round_half_even(a.high, bits)
    if low == high:
        return constant(low)
    width = max(int_bits(low, high), 1)
    rest = max(a.width, bits + 1)
    upper = shifted(m, a, -bits)
    stage, offset = m.place([a], m.timing.delays.adder(width) + m.timing.delays.levels(min(bits, a.width)) / 2)
    if rest > a.width:  # a shift beyond the sign
        a = m.wire(
            m.operand(a, stage, rest), *((0, _any(rest)[1]) if not a.signed else (-1 << (rest - 1), 0)), stage, 0
        )
    name = m.read(a, stage)
    sticky = f"(|{name}[{bits - 2}:0] | {name}[{bits}])" if bits > 1 else f"{name}[{bits}]"
    up = f"({name}[{bits - 1}] & {sticky})"
    text = literal(upper.const, width) if upper.const is not None else m.operand(upper, stage, width)
    result = m.wire(f"{text} + {extended(up, width)}", low, high, stage, offset)
    remember_floor(m, result, upper)
    return result


__all__ = [
    "Term",
    "add",
    "bit",
    "bit_range",
    "extended",
    "floor_of",
    "narrowed",
    "remember_floor",
    "round_shift",
    "shared",
    "shifted",
    "signed_digits",
    "sub",
    "total",
]
