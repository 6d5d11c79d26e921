"""The body of an integer program as placed logic: one row's, or the jet's, part of it."""

from __future__ import annotations

from collections.abc import Callable

from tritag.errors import ExportError
from tritag.export.rtl.circuits import arithmetic, multiplexers, shifts
from tritag.export.rtl.circuits.arithmetic import Term, bit_range, narrowed, shifted, total
from tritag.export.rtl.circuits.products import mul
from tritag.export.rtl.circuits.tables import lookup
from tritag.export.rtl.text.module import Module
from tritag.export.rtl.text.signals import Signal, constant
from tritag.quant.integer.program import Node, Program


class Body:
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
        self.module, self.program, self.outside = module, program, outside
        self.values: dict[tuple[int, int], Signal] = {}

    def value(self, index: int, lane: int) -> Signal:
        """Lane of an instruction's value (lane 0 of a value of one lane, whatever is asked)."""
        node = self.program.nodes[index]
        key = (index, lane if node.lanes > 1 else 0)
        if key not in self.values:
            given = self.outside(*key)
            if given is None:
                given = self._computed(index, key[1])
                low, high = max(given.low, node.low), min(given.high, node.high)
                given = narrowed(self.module, given, low, high)
            self.values[key] = given
        return self.values[key]

    def _computed(self, index: int, lane: int) -> Signal:
        node, m = self.program.nodes[index], self.module
        if node.op == "const":
            return constant(node.params[lane])
        if node.op == "lane":
            return self.value(node.args[0], node.params[0])
        if node.op == "stack":
            return self.value(node.args[lane], 0)
        if node.op in ("suml", "maxl"):
            lanes = [self.value(node.args[0], i) for i in range(self.program.nodes[node.args[0]].lanes)]
            return total(m, [(x, 0, False) for x in lanes]) if node.op == "suml" else multiplexers.largest(m, lanes)
        if node.op == "lookup":
            table = self.program.tables[self.program.table_names[node.params[0]]]
            return lookup(m, self.value(node.args[0], lane), table)
        if node.op == "lead" and (leaves := self._largest_of(node.args[0])):
            # The leading one of the largest is that of the bitwise OR.
            together = shifts.either(m, [self.value(i, lane) for i in leaves])
            return shifts.leading(m, together, node.low, node.high)
        if (source := self._low_bits_of(index)) is not None:
            return bit_range(m, self.value(source[0], lane), 0, source[1])
        if node.op == "max":
            return multiplexers.maxima(m, self._maximum_of(index, lane))
        if node.op in ("add", "sub"):
            return total(m, self._terms(index, lane))
        if node.op == "mul" and (sum_of := self._constant_factor(node, lane)) is not None:
            return total(m, sum_of)
        return self._instruction(node, [self.value(a, lane) for a in node.args], node.args)

    def _instruction(self, node: Node, x: list[Signal], args: tuple[int, ...]) -> Signal:
        m, p = self.module, node.params
        match node.op:
            case "mul":
                return mul(m, *x)
            case "shl":
                return shifted(m, x[0], p[0])
            case "shr":
                return shifted(m, x[0], -p[0])
            case "rsh":
                return arithmetic.round_shift(m, x[0], p[0])
            case "rshv":
                return shifts.round_shift_by(m, x[0], x[1], node.low, node.high)
            case "shlv":
                return shifts.shift_left(m, x[0], x[1], node.low, node.high)
            case "clip":
                return multiplexers.clip(m, x[0], *p)
            case "min":
                return multiplexers.minimum(m, *x)
            case "abs":
                return multiplexers.absolute(m, x[0])
            case "lt":
                return multiplexers.less(m, *x)
            case "eq":
                return multiplexers.equal(m, *x)
            case "select":
                return multiplexers.choose(m, *x)
            case "lead":
                return shifts.leading(m, x[0], node.low, node.high)
            case "norm":
                return shifts.normalized(m, x[0], p[0], node.low, node.high)
            case "align":
                return shifts.align(m, x[0], x[1], p[0], self._is_bounded(*args))
        raise ExportError(f"instruction {node.op} has no RTL form")

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
