"""The tracer writes integer programs: arithmetic on its values appends instructions and proves their intervals."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tritag.errors import ExportError, WidthError
from tritag.quant.integer.instructions import INSTRUCTIONS
from tritag.quant.integer.intervals import MAX_BITS
from tritag.quant.integer.program import Node, Port, Program
from tritag.quant.integer.value import Int

__all__ = ["Int", "Tracer"]


class Tracer:
    """Writes a :class:`Program`.

    Parameters
    ----------
    name : str
        Name of the op; a C identifier.
    rows : int
        Number of rows of a per-row value.

    Raises
    ------
    ExportError
        By methods: an output that depends on no input, values of several lanes that are stacked, lanes that do not
        agree, or operands that the instruction does not take.
    WidthError
        By methods: a value that may need more than 62 bits; shift or clip before.

    Examples
    --------
    The square of a number of eight bits, divided by four and rounded; the interval of each step is proven while it
    is written.

    >>> t = Tracer("square", rows=1)
    >>> x = t.input("x", -128, 127)
    >>> y = (x * x).round_shift(2)
    >>> y.low, y.high
    (0, 4096)
    >>> t.output("y", y)
    >>> [node.op for node in t.program.nodes]
    ['input', 'mul', 'rsh']
    """

    def __init__(self, name: str, rows: int) -> None:
        self.program = Program(name)
        self.rows = rows

    def input(self, name: str, low: int, high: int, lanes: int = 1, per_row: bool = True) -> Int:
        """Declare an input whose integers lie in ``[low, high]``."""
        value = self.emit("input", (), (), low, high, lanes=lanes, per_row=per_row)
        self.program.inputs.append(Port(name, value.index))
        return value

    def output(self, name: str, value: Int) -> None:
        """Declare an output."""
        if not self.program.depends_on_input(value.index):
            raise ExportError(f"output {name!r} of {self.program.name} must depend on an input, but is constant")
        self.program.outputs.append(Port(name, value.index))

    def constant(self, values: int | Sequence[int]) -> Int:
        """A constant, or a vector of constants (one per lane)."""
        entries = (values,) if isinstance(values, int) else tuple(int(v) for v in values)
        return self.emit("const", (), entries, min(entries), max(entries), lanes=len(entries), per_row=False)

    def row_index(self) -> Int:
        """The index of the row, from 0."""
        return self.emit("row", (), (self.rows,), 0, self.rows - 1, lanes=1, per_row=True)

    def table(self, name: str, entries: Sequence[int] | Callable[[int], float], size: int | None = None) -> str:
        """Declare a table: integers, or a function of the index that is rounded half to even for ``size`` indices."""
        if callable(entries):
            entries = [round(entries(i)) for i in range(size or 0)]
        self.program.tables[name] = tuple(int(v) for v in entries)
        return name

    def stack(self, values: Sequence[Int]) -> Int:
        """Put scalars (one lane each) side by side as lanes."""
        if not values or any(v.node.lanes != 1 for v in values):
            raise ExportError(f"stack takes values of one lane each, got lanes {[v.node.lanes for v in values]}")
        low, high = min(v.low for v in values), max(v.high for v in values)
        return self.emit("stack", tuple(values), (), low, high, lanes=len(values))

    def lift(self, value: Int | int) -> Int:
        """An integer as a constant; a value as it is."""
        return value if isinstance(value, Int) else self.constant(int(value))

    def emit(
        self,
        op: str,
        args: Sequence[Int],
        params: tuple[int, ...],
        low: int,
        high: int,
        lanes: int | None = None,
        per_row: bool | None = None,
    ) -> Int:
        """Append an instruction; lanes and rows follow by broadcasting unless given."""
        if not INSTRUCTIONS[op].fits(len(args), len(params)):
            raise ExportError(f"{self.program.name}.{op} must have the operands and settings of its instruction")
        if lanes is None:
            lanes = max((a.node.lanes for a in args), default=1)
            if any(a.node.lanes not in (1, lanes) for a in args):
                raise ExportError(f"{self.program.name}.{op}: lanes must agree, got {[a.node.lanes for a in args]}")
        if per_row is None:
            per_row = any(a.node.per_row for a in args)
        if max(abs(low), abs(high)).bit_length() > MAX_BITS:
            raise WidthError(
                f"{self.program.name}.{op}: every value must fit {MAX_BITS} bits, got the interval [{low}, {high}]; "
                "shift or clip the arguments first"
            )
        self.program.nodes.append(Node(op, tuple(a.index for a in args), params, low, high, lanes, per_row))
        return Int(self, len(self.program.nodes) - 1)
