"""Proves the intervals of a program again: a proof that is carried in a file is a claim until someone repeats it.

Every reader of a file goes through :func:`prove`. It writes the program a second time with the tracer, which derives
interval, lanes and rows of each instruction from its operands, and compares. Nothing of the claims is used on the way.
"""

from __future__ import annotations

from collections.abc import Sequence

from tritag.errors import ExportError
from tritag.quant.integer.emitter import Emitter, Place
from tritag.quant.integer.program import Node, Program
from tritag.quant.integer.tracer import Int, Tracer


def prove(program: Program, rows: int, inputs: Sequence[tuple[int, int]]) -> None:
    """Repeat the proof of a program on the intervals that its inputs really have.

    Parameters
    ----------
    program : Program
        With the contents of its tables.
    rows : int
        Rows of a per-row value.
    inputs : sequence of (int, int)
        Smallest and largest integer of each input, as whatever makes it proves.

    Raises
    ------
    ExportError
        The program claims another interval, other lanes or rows than follow from the operands, or holds an instruction
        that its operands forbid; the message names the instruction.
    """
    _Prover(program, rows, inputs).prove()


class _Prover(Emitter[Int, Int]):
    """Gives the value that the tracer makes of an instruction and of operands that are proven themselves."""

    def __init__(self, program: Program, rows: int, inputs: Sequence[tuple[int, int]]) -> None:
        super().__init__(program)
        self.tracer = Tracer(program.name, rows)
        for name, entries in program.tables.items():
            self.tracer.table(name, entries)
        ports = zip(program.inputs, inputs, strict=True)
        self.inputs = {port.node: (port.name, low, high) for port, (low, high) in ports}
        self.values: list[Int] = []

    def prove(self) -> None:
        nodes = self.program.nodes
        for index, claimed in enumerate(nodes):
            where = f"instruction {index} ({claimed.op})"
            try:
                value = self.emit(index)
            except ExportError as error:
                raise ExportError(f"{where}: {error}") from error
            proven = self.tracer.program.nodes[-1]
            if value.index != index or len(self.tracer.program.nodes) != index + 1:
                raise ExportError(f"{where} must change something, but its operand is in [{value.low}, {value.high}]")
            if proven != claimed:
                raise ExportError(f"{where} must be {_text(proven)} by its operands, got {_text(claimed)}")
            self.values.append(value)
        for port in self.program.outputs:
            self.tracer.output(port.name, self.values[port.node])

    def operand(self, index: int, at: Place) -> Int:
        """Give the proven value of the operand."""
        return self.values[index]

    def input(self, at: Place) -> Int:
        name, low, high = self.inputs[at.index]
        return self.tracer.input(name, low, high, at.node.lanes, at.node.per_row)

    def const(self, at: Place, *values: int) -> Int:
        if not values:
            raise ExportError("a constant must have an entry for each lane, got none")
        return self.tracer.constant(values)

    def row(self, at: Place, rows: int) -> Int:
        return self.tracer.row_index()

    def add(self, at: Place, a: Int, b: Int) -> Int:
        return a + b

    def sub(self, at: Place, a: Int, b: Int) -> Int:
        return a - b

    def mul(self, at: Place, a: Int, b: Int) -> Int:
        return a * b

    def shl(self, at: Place, x: Int, bits: int) -> Int:
        return x << bits

    def shr(self, at: Place, x: Int, bits: int) -> Int:
        return x >> bits

    def rsh(self, at: Place, x: Int, bits: int) -> Int:
        return x.round_shift(bits)

    def rshv(self, at: Place, x: Int, bits: Int) -> Int:
        return x.round_shift_by(bits)

    def shlv(self, at: Place, x: Int, bits: Int) -> Int:
        return x.shift_left_by(bits)

    def clip(self, at: Place, x: Int, low: int, high: int) -> Int:
        return x.clip(low, high)

    def max(self, at: Place, a: Int, b: Int) -> Int:
        return a.maximum(b)

    def min(self, at: Place, a: Int, b: Int) -> Int:
        return a.minimum(b)

    def abs(self, at: Place, x: Int) -> Int:
        return x.absolute()

    def lt(self, at: Place, a: Int, b: Int) -> Int:
        return a.less(b)

    def eq(self, at: Place, a: Int, b: Int) -> Int:
        return a.equal(b)

    def select(self, at: Place, condition: Int, then: Int, otherwise: Int) -> Int:
        return condition.where(then, otherwise)

    def lead(self, at: Place, x: Int) -> Int:
        return x.leading()

    def norm(self, at: Place, x: Int, bits: int) -> Int:
        return x.normalized(bits)

    def align(self, at: Place, x: Int, exponent: Int, bits: int) -> Int:
        return x.aligned(exponent, bits)

    def lookup(self, at: Place, x: Int, table: int) -> Int:
        names = self.program.table_names
        if not 0 <= table < len(names):
            raise ExportError(f"the table's number must lie in [0, {len(names) - 1}], got {table}")
        return x.lookup(names[table])

    def suml(self, at: Place, x: Int) -> Int:
        return x.sum_lanes()

    def maxl(self, at: Place, x: Int) -> Int:
        return x.max_lanes()

    def sumr(self, at: Place, x: Int, rows: int) -> Int:
        return x.sum_rows()

    def maxr(self, at: Place, x: Int) -> Int:
        return x.max_rows()

    def lane(self, at: Place, x: Int, index: int) -> Int:
        return x.lane(index)

    def stack(self, at: Place, *parts: Int) -> Int:
        return self.tracer.stack(parts)


def _text(node: Node) -> str:
    """What is compared, in words."""
    place = "rows" if node.per_row else "the jet"
    settings = f" with settings {list(node.params)}" if node.params and node.op != "const" else ""
    return f"[{node.low}, {node.high}] in {node.lanes} lanes of {place}{settings}"
