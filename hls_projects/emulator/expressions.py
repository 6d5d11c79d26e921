"""What each instruction of an integer program is in C++ on vectors of jets (arithmetic.h).

An expression stands in a loop over lanes, whose index is written ``{lane}``; its type is the vector type of the
instruction's value.
"""

from __future__ import annotations

from tritag.quant.integer.emitter import Emitter, Place
from tritag.quant.integer.program import Program


def machine_bits(*reach: int) -> int:
    """Bits of a machine integer that holds all of the integers ``reach``: 32 or 64."""
    return 32 if min(reach) >= -(2**31) and max(reach) < 2**31 else 64


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

    def bits(self, index: int) -> int:
        """Bits of the machine integers that hold a value."""
        return machine_bits(self.program.nodes[index].low, self.program.nodes[index].high)

    def operand(self, index: int, at: Place) -> str:
        """Give the expression that reads a value where the instruction stands."""
        return self.read(index)

    def read(self, index: int) -> str:
        """Expression of a value: a constant, an argument of the function, a local variable or memory."""
        node = self.program.nodes[index]
        lane = "0" if node.lanes == 1 else "{lane}"
        if index in self.inside:
            return f"t{index}"
        if node.op in ("const", "input", "row"):
            return self.emit(index)[0]
        if index in self.crossing:
            return f"a{index}[row][{lane}]"
        return f"s{index}[{lane}]"

    def _vector(self, at: Place, *more: int) -> str:
        """Vector type that holds result, arguments and the integers ``more``."""
        ends = [at.node.low, at.node.high, *more]
        for a in at.args:
            ends += [a.low, a.high]
        return f"v{machine_bits(*ends)}"

    def _narrowed(self, at: Place, vector: str, text: str) -> tuple[str, ...]:
        """``text``, an expression of type ``vector``, in the type of the value."""
        own = f"v{self.bits(at.index)}"
        return (text if own == vector else f"to<{own}>({text})",)

    def _form(self, form: str, at: Place, *operands: str, more: tuple[int, ...] = ()) -> tuple[str, ...]:
        """A form with places for the operands, all in a type that holds every number of it."""
        v = self._vector(at, *more)
        return self._narrowed(at, v, form.format(*(f"to<{v}>({x})" for x in operands), v=v))

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
        return (f"all<v{self.bits(at.index)}>({literal(values[0]) if len(values) == 1 else f'c{at.index}[{{lane}}]'})",)

    def row(self, at: Place, rows: int) -> tuple[str, ...]:
        return ("all<v32>(row)",)

    def add(self, at: Place, a: str, b: str) -> tuple[str, ...]:
        return self._form("{0} + {1}", at, a, b)

    def sub(self, at: Place, a: str, b: str) -> tuple[str, ...]:
        return self._form("{0} - {1}", at, a, b)

    def mul(self, at: Place, a: str, b: str) -> tuple[str, ...]:
        return self._form("{0} * {1}", at, a, b)

    def shl(self, at: Place, x: str, bits: int) -> tuple[str, ...]:
        return self._form(f"{{0}} << {bits}", at, x)

    def shr(self, at: Place, x: str, bits: int) -> tuple[str, ...]:
        return self._form(f"shift_down({{0}}, {bits})", at, x, more=(1 << bits,))

    def rsh(self, at: Place, x: str, bits: int) -> tuple[str, ...]:
        return self._form(f"round_shift({{0}}, {bits})", at, x, more=_rounded(at, 1 << bits))

    def rshv(self, at: Place, x: str, bits: str) -> tuple[str, ...]:
        return self._form("round_shift_by({0}, {1})", at, x, bits, more=_rounded(at, 1 << at.args[1].high))

    def shlv(self, at: Place, x: str, bits: str) -> tuple[str, ...]:
        return self._form("{0} << {1}", at, x, bits)

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
        return self._form("-({v})({0} < {1})", at, a, b)

    def eq(self, at: Place, a: str, b: str) -> tuple[str, ...]:
        return self._form("-({v})({0} == {1})", at, a, b)

    def select(self, at: Place, condition: str, then: str, otherwise: str) -> tuple[str, ...]:
        return self._form("({0} == 1 ? {1} : {2})", at, condition, then, otherwise)

    def lead(self, at: Place, x: str) -> tuple[str, ...]:
        return self._form("leading({0})", at, x)

    def norm(self, at: Place, x: str, bits: int) -> tuple[str, ...]:
        return self._form(f"normalized({{0}}, {bits})", at, x, more=(1 << bits,))

    def align(self, at: Place, x: str, exponent: str, bits: int) -> tuple[str, ...]:
        # The saturated value and half of the last bit that goes.
        return self._form(
            f"aligned({{0}}, {{1}}, {bits})", at, x, exponent, more=(1 << (at.args[1].high + 2), 2 << bits)
        )

    def lookup(self, at: Place, x: str, table: int) -> tuple[str, ...]:
        entries = self.program.tables[self.program.table_names[table]]
        return self._narrowed(at, f"v{machine_bits(*entries)}", f"lookup(table{table}, to<v32>({x}))")

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
        return tuple(f"to<v{self.bits(at.index)}>({part})" for part in parts)


def _rounded(at: Place, half: int) -> tuple[int, int]:
    """What the argument may become before it is shifted down."""
    return at.args[0].low - half, at.args[0].high + half
