"""Choices, comparisons and saturation as placed logic."""

from __future__ import annotations

from collections.abc import Sequence

from tritag.export.rtl.circuits.arithmetic import bit, extended, floor_of, narrowed, shared, sub
from tritag.export.rtl.text.module import Module
from tritag.export.rtl.text.signals import Signal, constant, literal
from tritag.quant.formats.fixed import int_bits


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
    """Comparison of two values: 1 where ``a < b``, else 0."""
    if a.high < b.low or a.low >= b.high:
        return constant(int(a.high < b.low))
    if b.const == 0:
        return bit(m, a, a.width - 1)
    return _compared(m, "<", a, b)


@shared
def equal(m: Module, a: Signal, b: Signal) -> Signal:
    """Comparison of two values: 1 where ``a = b``, else 0."""
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
    """The larger of two values: a comparison and a multiplexer."""
    low, high = max(a.low, b.low), max(a.high, b.high)
    if a.low >= b.high:
        return a
    if b.low >= a.high:
        return b
    if 1 in (a.const, b.const):
        return _at_least_one(m, b if a.const == 1 else a)
    return narrowed(m, choose(m, less(m, a, b), b, a), low, high)


def _at_least_one(m: Module, a: Signal) -> Signal:
    """``max(a, 1)``: the lowest bit is set where no other one is, or the sign is."""
    width = max(a.high.bit_length(), 1)
    stage, offset = m.place([a], m.timing.delays.levels(a.width) + (m.timing.delays.lut_ns if a.signed else 0))
    name = m.operand(a, stage, a.width)
    positive = f"{{{width}{{~{name}[{a.width - 1}]}}}}" if a.signed else f"{{{width}{{1'b1}}}}"
    kept = m.fresh("p")
    m.lines.append(f"wire [{width - 1}:0] {kept} = {m.operand(a, stage, width)} & {positive};")
    if width == 1:
        return constant(1)
    return m.wire(f"{{{kept}[{width - 1}:1], {kept}[0] | ~(|{kept}[{width - 1}:1])}}", 1, a.high, stage, offset)


def maxima(m: Module, values: Sequence[Signal]) -> Signal:
    """Maximum of values that come at different times: always the two that are there first."""
    left = list(values)
    while len(left) > 1:
        left.sort(key=m.earliest)
        left = [maximum(m, left[0], left[1]), *left[2:]]
    return left[0]


def largest(m: Module, values: Sequence[Signal]) -> Signal:
    """Maximum of values that come together, in a tree of fours: all six comparisons beside each other."""
    left = list(values)
    while len(left) > 1:
        groups = [left[i : i + 4] for i in range(0, len(left), 4)]
        left = [_largest_of_four(m, *group) if len(group) == 4 else maxima(m, group) for group in groups]
    return left[0]


def _largest_of_four(m: Module, *x: Signal) -> Signal:
    width, delays = max(s.width for s in x) + 1, m.timing.delays
    delay = delays.adder(width) + 2 * delays.lut_ns
    if any(s.const is not None for s in x) or delay > delays.stage_ns:
        return maximum(m, maximum(m, x[0], x[1]), maximum(m, x[2], x[3]))
    pairs = [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]
    c = {pair: less(m, x[pair[0]], x[pair[1]]) for pair in pairs}
    low, high = max(s.low for s in x), max(s.high for s in x)
    out = max(int_bits(min(s.low for s in x), high), 1)
    stage, offset = m.place([*c.values(), *x], 2 * delays.lut_ns)
    n = {pair: m.operand(s, stage, 1) for pair, s in c.items()}
    second = f"{n[0, 1]} & ~{n[1, 2]} & ~{n[1, 3]}"
    third = f"{n[0, 2]} & {n[1, 2]} & ~{n[2, 3]}"
    last = f"{n[0, 3]} & {n[1, 3]} & {n[2, 3]}"
    v = [m.operand(s, stage, out) for s in x]
    text = f"{last} ? {v[3]} : {third} ? {v[2]} : {second} ? {v[1]} : {v[0]}"
    return narrowed(m, m.wire(text, min(s.low for s in x), high, stage, offset), low, high)


@shared
def minimum(m: Module, a: Signal, b: Signal) -> Signal:
    """The smaller of two values: a comparison and a multiplexer."""
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
    above, below = _outside(m, a, low, high)
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


def _outside(m: Module, a: Signal, low: int, high: int) -> tuple[Signal, Signal]:
    """Whether ``a`` has to be replaced by ``high``, or by ``low``.

    A rounded value is known by its floor f before it is there: it is f or f + 1, so it becomes ``high`` for every
    f >= high, and ``low`` for every f < low.
    """
    above = below = constant(0)
    if (before := floor_of(m, a)) is not None:
        above = _at_least(m, before, high) if a.high > high else above
        return above, _at_least(m, before, low, inverted=True) if a.low < low else below
    if a.high > high:
        above = _beyond_power(m, a, high) if high >= 0 and high & (high + 1) == 0 else less(m, constant(high), a)
    if a.low < low:
        power = low < 0 and -low & (-low - 1) == 0
        below = _below_power(m, a, low) if power else less(m, a, constant(low))
    return above, below


def _at_least(m: Module, a: Signal, bound: int, inverted: bool = False) -> Signal:
    """1 where ``a >= bound`` (``inverted``: where not); a few LUTs for 2**n, 2**n - 1, -2**n and 0."""
    if a.low >= bound or a.high < bound:
        return constant(int((a.low >= bound) != inverted))
    size = abs(bound)
    power, all_ones = size & (size - 1) == 0, bound > 0 and size & (size + 1) == 0
    if a.width == 1 or not (power or all_ones):
        return less(m, a, constant(bound)) if inverted else less(m, constant(bound - 1), a)
    n = (size if power else size + 1).bit_length() - 1
    stage, offset = m.place([a], m.timing.delays.levels(max(a.width - n, 1) if power else a.width))
    name, top = m.read(a, stage), a.width - 1
    sign = f"{name}[{top}]" if a.signed else "1'b0"
    if bound < 0:
        # Not negative, or the sign's bits reach down to bit n.
        text = f"~{sign} | (&{name}[{top}:{n}])"
    elif bound == 0:
        text = f"~{sign}"
    else:
        upper = f"(|{name}[{top - a.signed}:{n}])" if top - a.signed >= n else "1'b0"
        text = f"~{sign} & {upper}" if power else f"~{sign} & ({upper} | (&{name}[{n - 1}:0]))"
    return m.wire(f"~({text})" if inverted else text, 0, 1, stage, offset)


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
    """Absolute value ``|a|``, exact."""
    if a.low >= 0:
        return a
    high = max(-a.low, a.high)
    if a.high < 0:
        return sub(m, constant(0), a)
    width = max(high.bit_length(), 1)
    stage, offset = m.place([a], m.timing.delays.adder(width))
    sign = f"{m.read(a, stage)}[{a.width - 1}]" if a.width > 1 else m.read(a, stage)
    text = f"({m.operand(a, stage, width)} ^ {{{width}{{{sign}}}}}) + {extended(sign, width)}"
    return m.wire(text, 0, high, stage, offset)


__all__ = ["absolute", "choose", "clip", "equal", "largest", "less", "masked", "maxima", "maximum", "minimum"]
