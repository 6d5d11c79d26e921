"""The body of an integer program as placed logic: one row's, or the jet's, part of it."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial

from tritag.export.rtl.circuits import arithmetic, multiplexers, shifts
from tritag.export.rtl.circuits.arithmetic import Term, bit_range, narrowed, shifted, total
from tritag.export.rtl.circuits.products import mul
from tritag.export.rtl.circuits.tables import lookup
from tritag.export.rtl.text.module import Module
from tritag.export.rtl.text.signals import Signal, constant
from tritag.quant.integer.emitter import Emitter, Place
from tritag.quant.integer.program import Node, Program

# A value: the signal of each of its lanes, made when it is asked for.
Lanes = Callable[[int], Signal]


class Body(Emitter[Lanes, Lanes]):
    """Values of a program's instructions inside one module, lane by lane, made when they are asked for.

    Parameters
    ----------
    module
        Where the logic goes.
    program
        The program.
    outside
        Gives the signal of a lane of an instruction that is not computed here, None for one that is.
    """

    def __init__(self, module: Module, program: Program, outside: Callable[[int, int], Signal | None]) -> None:
        super().__init__(program)
        self.module, self.outside = module, outside
        self.values: dict[tuple[int, int], Signal] = {}

    def value(self, index: int, lane: int) -> Signal:
        """Lane of an instruction's value (lane 0 of a value of one lane, whatever is asked)."""
        node = self.program.nodes[index]
        key = (index, lane if node.lanes > 1 else 0)
        if key not in self.values:
            given = self.outside(*key)
            if given is None:
                given = self.emit(index)(key[1])
                low, high = max(given.low, node.low), min(given.high, node.high)
                given = narrowed(self.module, given, low, high)
            self.values[key] = given
        return self.values[key]

    def operand(self, index: int, at: Place) -> Lanes:
        """Give the operand's lanes; none is made before it is asked for."""
        return partial(self.value, index)

    def _lanes(self, circuit: Callable[..., Signal], *operands: Lanes | int) -> Lanes:
        """The circuit in every lane, on that lane of the operands and on settings, which are integers."""
        return lambda lane: circuit(self.module, *(x if isinstance(x, int) else x(lane) for x in operands))

    def input(self, at: Place) -> Lanes:
        return _outside(at)

    def const(self, at: Place, *values: int) -> Lanes:
        return lambda lane: constant(values[lane])

    def row(self, at: Place, rows: int) -> Lanes:
        return _outside(at)

    def add(self, at: Place, a: Lanes, b: Lanes) -> Lanes:
        return lambda lane: total(self.module, self._terms(at.index, lane))

    def sub(self, at: Place, a: Lanes, b: Lanes) -> Lanes:
        return self._low_bits(at) or (lambda lane: total(self.module, self._terms(at.index, lane)))

    def mul(self, at: Place, a: Lanes, b: Lanes) -> Lanes:
        def product(lane: int) -> Signal:
            terms = self._constant_factor(at.node, lane)
            return mul(self.module, a(lane), b(lane)) if terms is None else total(self.module, terms)

        return product

    def shl(self, at: Place, x: Lanes, bits: int) -> Lanes:
        return self._lanes(shifted, x, bits)

    def shr(self, at: Place, x: Lanes, bits: int) -> Lanes:
        return self._lanes(shifted, x, -bits)

    def rsh(self, at: Place, x: Lanes, bits: int) -> Lanes:
        return self._lanes(arithmetic.round_shift, x, bits)

    def rshv(self, at: Place, x: Lanes, bits: Lanes) -> Lanes:
        return self._lanes(shifts.round_shift_by, x, bits, at.node.low, at.node.high)

    def shlv(self, at: Place, x: Lanes, bits: Lanes) -> Lanes:
        return self._lanes(shifts.shift_left, x, bits, at.node.low, at.node.high)

    def clip(self, at: Place, x: Lanes, low: int, high: int) -> Lanes:
        return self._low_bits(at) or self._lanes(multiplexers.clip, x, low, high)

    def max(self, at: Place, a: Lanes, b: Lanes) -> Lanes:
        return lambda lane: multiplexers.maxima(self.module, self._maximum_of(at.index, lane))

    def min(self, at: Place, a: Lanes, b: Lanes) -> Lanes:
        return self._lanes(multiplexers.minimum, a, b)

    def abs(self, at: Place, x: Lanes) -> Lanes:
        return self._lanes(multiplexers.absolute, x)

    def lt(self, at: Place, a: Lanes, b: Lanes) -> Lanes:
        return self._lanes(multiplexers.less, a, b)

    def eq(self, at: Place, a: Lanes, b: Lanes) -> Lanes:
        return self._lanes(multiplexers.equal, a, b)

    def select(self, at: Place, condition: Lanes, then: Lanes, otherwise: Lanes) -> Lanes:
        return self._lanes(multiplexers.choose, condition, then, otherwise)

    def lead(self, at: Place, x: Lanes) -> Lanes:
        def leading(lane: int) -> Signal:
            leaves = self._largest_of(at.node.args[0])
            # The leading one of the largest is that of the bitwise OR.
            of = shifts.either(self.module, [self.value(i, lane) for i in leaves]) if leaves else x(lane)
            return shifts.leading(self.module, of, at.node.low, at.node.high)

        return leading

    def norm(self, at: Place, x: Lanes, bits: int) -> Lanes:
        return self._lanes(shifts.normalized, x, bits, at.node.low, at.node.high)

    def align(self, at: Place, x: Lanes, exponent: Lanes, bits: int) -> Lanes:
        return self._lanes(shifts.align, x, exponent, bits, self._is_bounded(*at.node.args))

    def lookup(self, at: Place, x: Lanes, table: int) -> Lanes:
        name = self.program.table_names[table]
        entries, written = self.program.tables[name], re.sub(r"\W", "_", name)
        return lambda lane: lookup(self.module, x(lane), entries, written)

    def suml(self, at: Place, x: Lanes) -> Lanes:
        return lambda _: total(self.module, [(x(i), 0, False) for i in range(at.args[0].lanes)])

    def maxl(self, at: Place, x: Lanes) -> Lanes:
        return lambda _: multiplexers.largest(self.module, [x(i) for i in range(at.args[0].lanes)])

    def sumr(self, at: Place, x: Lanes, rows: int) -> Lanes:
        return _outside(at)

    def maxr(self, at: Place, x: Lanes) -> Lanes:
        return _outside(at)

    def lane(self, at: Place, x: Lanes, index: int) -> Lanes:
        return lambda _: x(index)

    def stack(self, at: Place, *parts: Lanes) -> Lanes:
        return lambda lane: parts[lane](0)

    def _low_bits(self, at: Place) -> Lanes | None:
        """Wires alone, where :meth:`_low_bits_of` finds them."""
        source = self._low_bits_of(at.index)
        return source and (lambda lane: bit_range(self.module, self.value(source[0], lane), 0, source[1]))

    def _terms(self, index: int, lane: int) -> list[Term]:
        """A sum as terms that are shared with nothing else: inner sums of one use are taken apart."""
        return self._taken_apart(index, lane, 0, False, None)

    def _taken_apart(self, index: int, lane: int, shift: int, negative: bool, lanes: int | None) -> list[Term]:
        node = self.program.nodes[index]
        top = lanes is None
        lanes, lane = lanes or node.lanes, lane if node.lanes > 1 else 0
        inside = (index, lane) not in self.values and self.outside(index, lane) is None
        if inside and node.lanes == lanes and (top or self._uses(index) == 1) and self._low_bits_of(index) is None:
            if node.op in ("add", "sub"):
                a, b = node.args
                return [
                    *self._taken_apart(a, lane, shift, negative, lanes),
                    *self._taken_apart(b, lane, shift, negative != (node.op == "sub"), lanes),
                ]
            if node.op == "suml":
                lanes_of = range(self.program.nodes[node.args[0]].lanes)
                return [(self.value(node.args[0], i), shift, negative) for i in lanes_of]
            if node.op == "shl":
                return self._taken_apart(node.args[0], lane, shift + node.params[0], negative, lanes)
            if node.op == "mul":
                terms = self._constant_factor(node, lane)
                if terms is not None and len(terms) <= 2:
                    return [(s, power + shift, minus != negative) for s, power, minus in terms]
        return [(self.value(index, lane), shift, negative)]

    def _constant_factor(self, node: Node, lane: int) -> list[Term] | None:
        a, b = (self.value(i, lane) for i in node.args)
        if a.const is not None:
            a, b = b, a
        if b.const is None or a.const is not None:
            return None
        return [(a, power, minus) for power, minus in arithmetic.signed_digits(b.const)]

    def _uses(self, index: int) -> int:
        return sum(n.args.count(index) for n in self.program.nodes) + sum(p.node == index for p in self.program.outputs)

    def _maximum_of(self, index: int, lane: int, top: bool = True) -> list[Signal]:
        """What a maximum is taken of: inner maxima of one use are taken apart."""
        node = self.program.nodes[index]
        key = (index, lane if node.lanes > 1 else 0)
        inside = node.op == "max" and (top or (key not in self.values and self._uses(index) == 1))
        if inside and (top or self.outside(*key) is None):
            return [x for a in node.args for x in self._maximum_of(a, lane, top=False)]
        return [self.value(index, lane)]

    def _low_bits_of(self, index: int) -> tuple[int, int] | None:
        """``(x, k)`` where an instruction takes the lowest k bits of x in one of two ways, which are wires alone.

        ``x - ((x >> k) << k)``, and ``norm(y) - 2**k`` of k + 1 bits, clipped to k bits: all but the leading one.
        """
        nodes = self.program.nodes
        node = nodes[index]
        if node.op == "sub":
            x, back = node.args
            if nodes[back].op == "shl" and nodes[nodes[back].args[0]].op == "shr":
                down = nodes[nodes[back].args[0]]
                if down.args == (x,) and down.params == nodes[back].params and down.params[0] > 0:
                    return x, down.params[0]
        below = nodes[node.args[0]] if node.op == "clip" else node
        if below.op == "sub" and nodes[below.args[0]].op == "norm":
            x, one = below.args
            k = nodes[x].params[0] - 1
            whole = nodes[one].op == "const" and set(nodes[one].params) == {1 << k}
            never_zero = below is node and nodes[x].low > 0
            if k > 0 and whole and (never_zero or node.params == (0, (1 << k) - 1)):
                return x, k
        return None

    def _largest_of(self, index: int) -> list[int]:
        """Instructions of which a value >= 0 is the maximum: empty when it is none, or is not computed here."""
        node = self.program.nodes[index]
        if node.op != "max" or self.outside(index, 0) is not None:
            return []
        leaves: list[int] = []
        for a in node.args:
            if self.program.nodes[a].low < 0:
                return []
            inner = self._largest_of(a)
            if not inner and self.program.nodes[a].op == "max" and self._uses(a) == 1:
                return []
            leaves += inner or [a]
        return leaves

    def _is_bounded(self, value: int, exponent: int) -> bool:
        """Whether ``exponent`` is the leading-one position of the largest magnitude, with ``value`` among them."""
        nodes = self.program.nodes
        if nodes[exponent].op != "lead":
            return False
        waiting = [nodes[exponent].args[0]]
        while waiting:
            index = waiting.pop()
            node = nodes[index]
            if index == value and node.low >= 0:
                return True
            if node.op == "abs" and node.args[0] == value:
                return True
            if node.op == "max":
                waiting.extend(node.args)
        return False


def _outside(at: Place) -> Lanes:
    """Ports and values over the rows: they come from outside the body (:mod:`tritag.export.rtl.design.reduce`)."""
    raise AssertionError(f"instruction {at.index} ({at.node.op}) must come from outside the body")
