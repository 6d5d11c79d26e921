"""What each instruction of an integer program is in C++ on vectors of jets (arithmetic.h).

An expression stands in a loop over lanes, whose index is written ``{lane}``; its type is the vector type of the
instruction's value.
"""

from __future__ import annotations

from tritag.quant.integer.emitter import Emitter, Place
from tritag.quant.integer.program import Program

# What a vector's elements are called in C++.
ELEMENTS = {"v32": "int32", "f64": "double", "v64": "int64"}
# Integers up to here are exact in a double, and so are their sums with the number that rounds them (arithmetic.h).
_REAL_REACH = 2**51


def vector_type(*reach: int) -> str:
    """Type of the vectors that hold all of the integers ``reach``.

    32-bit integers where they fit; else doubles, which processors multiply, shift and compare faster than 64-bit
    integers; these where only they are wide enough.
    """
    low, high = min(reach), max(reach)
    if low >= -(2**31) and high < 2**31:
        return "v32"
    return "f64" if low >= -_REAL_REACH and high <= _REAL_REACH else "v64"


def literal(value: int) -> str:
    """``value`` as C++ writes it."""
    return str(value) if -(2**31) < value < 2**31 else f"{value}LL"


class Expressions(Emitter[str, tuple[str, ...]]):
    """Expressions of a program's instructions: one for every lane, or of a stack one for each.

    Attributes
    ----------
    crossing : dict
        Values that are kept for all rows, because a later pass reads them.
    inside : set of int
        Values that the loop computes in which an expression stands; they are local variables there.
    """

    def __init__(self, program: Program) -> None:
        super().__init__(program)
        self.crossing: dict[int, int] = {}
        self.inside: set[int] = set()
        self.inputs = {port.node: port.name for port in program.inputs}

    def type(self, index: int) -> str:
        """Vector type of a value."""
        return vector_type(self.program.nodes[index].low, self.program.nodes[index].high)

    def operand(self, index: int, at: Place) -> str:
        """Give the expression that reads a value where the instruction stands."""
        return self.read(index)

    def is_free(self, index: int) -> bool:
        """Whether a value is read where it is used: constants, arguments of the function, and lanes of these."""
        node = self.program.nodes[index]
        return node.op in ("const", "input", "row") or (node.op == "lane" and self.is_free(node.args[0]))

    def read(self, index: int) -> str:
        """Expression of a value: a constant, an argument of the function, a local variable or memory."""
        node = self.program.nodes[index]
        lane = "0" if node.lanes == 1 else "{lane}"
        if index in self.inside:
            return f"t{index}"
        if self.is_free(index):
            return self.emit(index)[0]
        if index in self.crossing:
            return f"a{index}[row][{lane}]"
        return f"s{index}[{lane}]"

    def _vector(self, at: Place, *more: int) -> str:
        """Vector type that holds result, arguments and the integers ``more``."""
        ends = [at.node.low, at.node.high, *more]
        for a in at.args:
            ends += [a.low, a.high]
        return vector_type(*ends)

    def _narrowed(self, at: Place, vector: str, text: str) -> tuple[str, ...]:
        """``text``, an expression of type ``vector``, in the type of the value."""
        own = self.type(at.index)
        return (text if own == vector else f"to<{own}>({text})",)

    def _form(self, form: str, at: Place, *operands: str, more: tuple[int, ...] = ()) -> tuple[str, ...]:
        """A form with places for the operands, all in a type that holds every number of it."""
        v = self._vector(at, *more)
        return self._narrowed(at, v, form.format(*(f"to<{v}>({x})" for x in operands), v=v))

    def _flag(self, sign: str, at: Place, a: str, b: str) -> tuple[str, ...]:
        """1 where a comparison is true, else 0."""
        v = self._vector(at)
        return (f"flag(to<{v}>({a}) {sign} to<{v}>({b}))",)

    def _tree(self, form: str, at: Place, x: str) -> tuple[str, ...]:
        """All lanes of the argument joined two by two."""
        v = self._vector(at)
        reads = [f"to<{v}>({x.replace('{lane}', str(lane))})" for lane in range(at.args[0].lanes)]
        while len(reads) > 1:
            odd = reads[len(reads) - len(reads) % 2 :]
            reads = [form.format(a, b) for a, b in zip(reads[::2], reads[1::2], strict=False)] + odd
        return self._narrowed(at, v, reads[0])

    def input(self, at: Place) -> tuple[str, ...]:
        row = f"row * {at.node.lanes} + " if at.node.per_row else ""
        return (f"{self.inputs[at.index]}[{row}{'0' if at.node.lanes == 1 else '{lane}'}]",)

    def const(self, at: Place, *values: int) -> tuple[str, ...]:
        return (f"all<{self.type(at.index)}>({literal(values[0]) if len(values) == 1 else f'c{at.index}[{{lane}}]'})",)

    def row(self, at: Place, rows: int) -> tuple[str, ...]:
        return ("all<v32>(row)",)

    def add(self, at: Place, a: str, b: str) -> tuple[str, ...]:
        return self._form("{0} + {1}", at, a, b)

    def sub(self, at: Place, a: str, b: str) -> tuple[str, ...]:
        return self._form("{0} - {1}", at, a, b)

    def mul(self, at: Place, a: str, b: str) -> tuple[str, ...]:
        factors = {vector_type(node.low, node.high) for node in at.args}
        if self._vector(at) == "v64" and factors == {"v32"}:
            return (f"wide_product({a}, {b})",)
        return self._form("{0} * {1}", at, a, b)

    def shl(self, at: Place, x: str, bits: int) -> tuple[str, ...]:
        return self._form(f"shift_up({{0}}, {bits})", at, x)

    def shr(self, at: Place, x: str, bits: int) -> tuple[str, ...]:
        return self._form(f"shift_down({{0}}, {bits})", at, x, more=(1 << bits,))

    def rsh(self, at: Place, x: str, bits: int) -> tuple[str, ...]:
        return self._form(f"round_shift({{0}}, {bits})", at, x, more=_rounded(at, 1 << bits))

    def rshv(self, at: Place, x: str, bits: str) -> tuple[str, ...]:
        amount = at.args[1]
        inner, by = self._before_shift_up(at.node.args[0], amount.low)
        source = self.program.nodes[inner]
        # What the argument may become before it is shifted down.
        half = 1 << (amount.high - by)
        v = vector_type(at.node.low, at.node.high, source.low - half, source.high + half)
        if by:
            x, bits = self.read(inner), f"({bits} - {by})"
        call = "round_shift_by_some" if v == "v32" and amount.low > by else "round_shift_by"
        return self._narrowed(at, v, f"{call}(to<{v}>({x}), to<v32>({bits}))")

    def _before_shift_up(self, index: int, most: int) -> tuple[int, int]:
        """A value and ``by``, so that ``index`` is ``2**by`` times it; what is shifted back needs no multiple."""
        node = self.program.nodes[index]
        if index not in self.inside or node.op not in ("shl", "mul"):
            return index, 0
        factors = [self.program.nodes[a] for a in node.args]
        if node.op == "shl":
            inner, factor = node.args[0], 1 << node.params[0]
        elif factors[1].op == "const" and factors[1].lanes == 1:
            inner, factor = node.args[0], factors[1].params[0]
        else:
            return index, 0
        by = factor.bit_length() - 1
        return (inner, by) if factor == 1 << by and by <= most else (index, 0)

    def shlv(self, at: Place, x: str, bits: str) -> tuple[str, ...]:
        v = self._vector(at)
        return self._narrowed(at, v, f"shift_up_by(to<{v}>({x}), to<v32>({bits}))")

    def clip(self, at: Place, x: str, low: int, high: int) -> tuple[str, ...]:
        # Bounds beyond the argument's interval do nothing; where they do not meet it, the result is one number.
        low, high = max(low, at.args[0].low), min(high, at.args[0].high)
        if low > high:
            low, high = at.node.low, at.node.high
        form = f"clip({{0}}, all<{{v}}>({literal(low)}), all<{{v}}>({literal(high)}))"
        return self._form(form, at, x, more=(low, high))

    def max(self, at: Place, a: str, b: str) -> tuple[str, ...]:
        return self._form("larger({0}, {1})", at, a, b)

    def min(self, at: Place, a: str, b: str) -> tuple[str, ...]:
        return self._form("smaller({0}, {1})", at, a, b)

    def abs(self, at: Place, x: str) -> tuple[str, ...]:
        return self._form("larger({0}, -{0})", at, x)

    def lt(self, at: Place, a: str, b: str) -> tuple[str, ...]:
        return self._flag("<", at, a, b)

    def eq(self, at: Place, a: str, b: str) -> tuple[str, ...]:
        return self._flag("==", at, a, b)

    def select(self, at: Place, condition: str, then: str, otherwise: str) -> tuple[str, ...]:
        v = self._vector(at)
        return self._narrowed(at, v, f"choose(to<v32>({condition}), to<{v}>({then}), to<{v}>({otherwise}))")

    def lead(self, at: Place, x: str) -> tuple[str, ...]:
        return (f"to<v32>(leading(to<{self._vector(at)}>({x})))",)

    def norm(self, at: Place, x: str, bits: int) -> tuple[str, ...]:
        v = self._vector(at, 1 << bits)
        return (f"to<{self.type(at.index)}>(normalized(to<{v}>({x}), {bits}))",)

    def align(self, at: Place, x: str, exponent: str, bits: int) -> tuple[str, ...]:
        # The saturated value and half of the last bit that goes.
        v = self._vector(at, 1 << (at.args[1].high + 2), 2 << bits)
        return self._narrowed(at, v, f"aligned(to<{v}>({x}), to<v32>({exponent}), {bits})")

    def lookup(self, at: Place, x: str, table: int) -> tuple[str, ...]:
        entries = self.program.tables[self.program.table_names[table]]
        return self._narrowed(at, vector_type(*entries), f"lookup(table{table}, to<v32>({x}))")

    def suml(self, at: Place, x: str) -> tuple[str, ...]:
        return self._tree("({} + {})", at, x)

    def maxl(self, at: Place, x: str) -> tuple[str, ...]:
        return self._tree("larger({}, {})", at, x)

    def sumr(self, at: Place, x: str, rows: int) -> tuple[str, ...]:
        return self._form(f"s{at.index}[{{{{lane}}}}] + {{0}}", at, x)

    def maxr(self, at: Place, x: str) -> tuple[str, ...]:
        return self._form(f"larger(s{at.index}[{{{{lane}}}}], {{0}})", at, x)

    def lane(self, at: Place, x: str, index: int) -> tuple[str, ...]:
        return (x.replace("{lane}", str(index)),)

    def stack(self, at: Place, *parts: str) -> tuple[str, ...]:
        return tuple(f"to<{self.type(at.index)}>({part})" for part in parts)


def _rounded(at: Place, half: int) -> tuple[int, int]:
    """What the argument may become before it is shifted down."""
    return at.args[0].low - half, at.args[0].high + half
