"""The C++ statements of every instruction of integer programs, whatever function they stand in."""

from __future__ import annotations

from dataclasses import dataclass

from tritag.quant.formats.fixed import int_bits
from tritag.quant.integer.emitter import Emitter, Place
from tritag.quant.integer.program import Node

# Placeholder of the lane's index in statements that are repeated for every lane.
LANE = "@"


def width(node: Node) -> int:
    """Bits of the signed C++ integer that holds every value of ``node``."""
    return max(int_bits(min(node.low, -1), node.high), 2)


@dataclass(frozen=True)
class Code:
    """Lines of an instruction; ``start`` stands before the loop over the rows, where there is one."""

    lines: list[str]
    start: tuple[str, ...] = ()


class Statements(Emitter[str, Code]):
    """Gives the statements of an instruction; an operand is the expression that reads it, @ stands for the lane."""

    def _declared(self, at: Place) -> list[str]:
        return [f"ap_int<{width(at.node)}> v{at.index}[{at.node.lanes}];", proof(f"v{at.index}", at.node)]

    def _lanes(self, at: Place, expression: str) -> Code:
        """The value of every lane is one expression."""
        return Code([*self._declared(at), *each(at.node.lanes, f"v{at.index}[@] = {expression};")])

    def input(self, at: Place) -> Code:
        port = next(p.name for p in self.program.inputs if p.node == at.index)
        return self._lanes(at, f"tritag::code({port}[@])")

    def const(self, at: Place, *values: int) -> Code:
        if len(values) == 1:  # a literal, where it is read
            return Code([])
        entries = ", ".join(f"{v}LL" for v in values)
        return Code([f"const ap_int<{width(at.node)}> c{at.index}[{len(values)}] = {{{entries}}};"])

    def row(self, at: Place, rows: int) -> Code:
        return self._lanes(at, "row")

    def add(self, at: Place, a: str, b: str) -> Code:
        return self._lanes(at, f"{a} + {b}")

    def sub(self, at: Place, a: str, b: str) -> Code:
        return self._lanes(at, f"{a} - {b}")

    def mul(self, at: Place, a: str, b: str) -> Code:
        return self._lanes(at, f"{a} * {b}")

    def shl(self, at: Place, x: str, bits: int) -> Code:
        return self._lanes(at, f"{_cast(at, x)} << {bits}")

    def shr(self, at: Place, x: str, bits: int) -> Code:
        return self._lanes(at, f"{x} >> {bits}")

    def rsh(self, at: Place, x: str, bits: int) -> Code:
        return self._lanes(at, f"tritag::round_shift<{width(at.node)}, {bits}>({x}, {bits})")

    def rshv(self, at: Place, x: str, bits: str) -> Code:
        largest = at.args[1].high
        return self._lanes(at, f"tritag::round_shift<{width(at.node)}, {largest}>({x}, {bits}.to_int())")

    def shlv(self, at: Place, x: str, bits: str) -> Code:
        return self._lanes(at, f"{_cast(at, x)} << {bits}.to_int()")

    def clip(self, at: Place, x: str, low: int, high: int) -> Code:
        return self._lanes(at, f"tritag::clip<{width(at.node)}>({x}, {low}LL, {high}LL)")

    def max(self, at: Place, a: str, b: str) -> Code:
        return self._lanes(at, f"{a} > {b} ? {_cast(at, a)} : {_cast(at, b)}")

    def min(self, at: Place, a: str, b: str) -> Code:
        return self._lanes(at, f"{a} < {b} ? {_cast(at, a)} : {_cast(at, b)}")

    def abs(self, at: Place, x: str) -> Code:
        return self._lanes(at, f"{x} < 0 ? {_cast(at, f'-{x}')} : {_cast(at, x)}")

    def lt(self, at: Place, a: str, b: str) -> Code:
        return self._lanes(at, f"{a} < {b} ? 1 : 0")

    def eq(self, at: Place, a: str, b: str) -> Code:
        return self._lanes(at, f"{a} == {b} ? 1 : 0")

    def select(self, at: Place, condition: str, then: str, otherwise: str) -> Code:
        return self._lanes(at, f"{condition} == 1 ? {_cast(at, then)} : {_cast(at, otherwise)}")

    def lead(self, at: Place, x: str) -> Code:
        return self._lanes(at, f"tritag::leading<{width(at.node)}>({x})")

    def norm(self, at: Place, x: str, bits: int) -> Code:
        return self._lanes(at, f"tritag::normalized<{width(at.node)}, {bits}>({x})")

    def align(self, at: Place, x: str, exponent: str, bits: int) -> Code:
        largest = max(at.args[1].high, 1)
        return self._lanes(at, f"tritag::aligned<{width(at.node)}, {bits}, {largest}>({x}, {exponent}.to_int())")

    def lookup(self, at: Place, x: str, table: int) -> Code:
        return self._lanes(at, f"tritag::code({self.program.table_names[table]}[{x}.to_int()])")

    def suml(self, at: Place, x: str) -> Code:
        add = each(at.args[0].lanes, f"v{at.index}[0] += {x};")
        return Code([*self._declared(at), f"v{at.index}[0] = 0;", *add])

    def maxl(self, at: Place, x: str) -> Code:
        compare = each(at.args[0].lanes, f"if ({x} > v{at.index}[0]) v{at.index}[0] = {x};")
        return Code([*self._declared(at), f"v{at.index}[0] = {x.replace(LANE, '0')};", *compare])

    def sumr(self, at: Place, x: str, rows: int) -> Code:
        return self._collected(at, "0", f"v{at.index}[@] += {x};")

    def maxr(self, at: Place, x: str) -> Code:
        return self._collected(at, f"{at.node.low}LL", f"if ({x} > v{at.index}[@]) v{at.index}[@] = {x};")

    def _collected(self, at: Place, first: str, each_row: str) -> Code:
        start = (*self._declared(at), *each(at.node.lanes, f"v{at.index}[@] = {first};"))
        return Code(each(at.node.lanes, each_row), start)

    def lane(self, at: Place, x: str, index: int) -> Code:
        return self._lanes(at, x.replace(LANE, str(index)))

    def stack(self, at: Place, *parts: str) -> Code:
        return Code([*self._declared(at), *(f"v{at.index}[{i}] = {part};" for i, part in enumerate(parts))])


def _cast(at: Place, expression: str) -> str:
    """An expression in the width of the result."""
    return f"ap_int<{width(at.node)}>({expression})"


def proof(name: str, node: Node) -> str:
    """Assertion that the type of a variable holds the proven interval of its value."""
    ends = f"{node.low}LL, {node.high}LL"
    return f'static_assert(tritag::holds<decltype({name})>({ends}), "{name} must hold its proven interval");'


def each(lanes: int, statement: str) -> list[str]:
    """The statement for every lane: @ becomes the lane's index."""
    if lanes == 1:
        return [statement.replace(LANE, "0")]
    return [
        f"for (int lane = 0; lane < {lanes}; lane++) {{",
        "    #pragma HLS UNROLL",
        f"    {statement.replace(LANE, 'lane')}",
        "}",
    ]
