"""The tracer writes integer programs: arithmetic on its values appends instructions and proves their intervals."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tritag.errors import ExportError, WidthError
from tritag.quant.integer.instructions import INSTRUCTIONS
from tritag.quant.integer.intervals import MAX_BITS, check_shift, leading_one, round_half_even
from tritag.quant.integer.program import Node, Port, Program


class Int:
    """An integer value while a program is being written; arithmetic on it appends instructions."""

    __slots__ = ("index", "tracer")

    def __init__(self, tracer: Tracer, index: int) -> None:
        self.tracer = tracer
        self.index = index

    @property
    def node(self) -> Node:
        """The instruction that makes this value."""
        return self.tracer.program.nodes[self.index]

    @property
    def low(self) -> int:
        """Proven lower bound."""
        return self.node.low

    @property
    def high(self) -> int:
        """Proven upper bound."""
        return self.node.high

    def __add__(self, other: Int | int) -> Int:
        b = self.tracer.lift(other)
        return self.tracer.emit("add", (self, b), (), self.low + b.low, self.high + b.high)

    def __sub__(self, other: Int | int) -> Int:
        b = self.tracer.lift(other)
        return self.tracer.emit("sub", (self, b), (), self.low - b.high, self.high - b.low)

    def __mul__(self, other: Int | int) -> Int:
        b = self.tracer.lift(other)
        if b.index == self.index:
            high = max(self.low**2, self.high**2)
            low = 0 if self.low <= 0 <= self.high else min(self.low**2, self.high**2)
        else:
            corners = [x * y for x in (self.low, self.high) for y in (b.low, b.high)]
            low, high = min(corners), max(corners)
        return self.tracer.emit("mul", (self, b), (), low, high)

    __radd__ = __add__
    __rmul__ = __mul__

    def __rsub__(self, other: int) -> Int:
        return self.tracer.lift(other) - self

    def __neg__(self) -> Int:
        return self.tracer.lift(0) - self

    def __lshift__(self, bits: int) -> Int:
        """Multiply by ``2**bits``."""
        check_shift(bits, bits)
        return self.tracer.emit("shl", (self,), (bits,), self.low << bits, self.high << bits)

    def __rshift__(self, bits: int) -> Int:
        """Divide by ``2**bits``, rounded down."""
        check_shift(bits, bits)
        return self.tracer.emit("shr", (self,), (bits,), self.low >> bits, self.high >> bits)

    def round_shift(self, bits: int) -> Int:
        """Divide by ``2**bits``, rounded half to even (a shift to the left when ``bits`` is negative)."""
        if bits <= 0:
            return self << -bits if bits else self
        check_shift(bits, bits)
        return self.tracer.emit(
            "rsh", (self,), (bits,), round_half_even(self.low, bits), round_half_even(self.high, bits)
        )

    def round_shift_by(self, bits: Int) -> Int:
        """Divide by ``2**bits`` with a variable, non-negative ``bits``, rounded half to even."""
        check_shift(bits.low, bits.high)
        ends = [round_half_even(v, s) for v in (self.low, self.high) for s in (bits.low, bits.high)]
        return self.tracer.emit("rshv", (self, bits), (), min(ends), max(ends))

    def shift_left_by(self, bits: Int) -> Int:
        """Multiply by ``2**bits`` with a variable, non-negative ``bits``."""
        check_shift(bits.low, bits.high)
        ends = [v << s for v in (self.low, self.high) for s in (bits.low, bits.high)]
        return self.tracer.emit("shlv", (self, bits), (), min(ends), max(ends))

    def clip(self, low: int, high: int) -> Int:
        """Saturate to ``[low, high]``."""
        if low > high:
            raise ExportError(f"a clip must have its lower end first, got [{low}, {high}]")
        if low <= self.low and self.high <= high:
            return self
        new_low, new_high = min(max(self.low, low), high), max(min(self.high, high), low)
        return self.tracer.emit("clip", (self,), (low, high), new_low, new_high)

    def maximum(self, other: Int | int) -> Int:
        """The larger of the two."""
        b = self.tracer.lift(other)
        return self.tracer.emit("max", (self, b), (), max(self.low, b.low), max(self.high, b.high))

    def minimum(self, other: Int | int) -> Int:
        """The smaller of the two."""
        b = self.tracer.lift(other)
        return self.tracer.emit("min", (self, b), (), min(self.low, b.low), min(self.high, b.high))

    def absolute(self) -> Int:
        """Distance from zero; a value that cannot be negative is itself."""
        if self.low >= 0:
            return self
        low = 0 if self.high >= 0 else -self.high
        return self.tracer.emit("abs", (self,), (), low, max(-self.low, self.high))

    def less(self, other: Int | int) -> Int:
        """1 where this value is smaller than ``other``, else 0."""
        return self.tracer.emit("lt", (self, self.tracer.lift(other)), (), 0, 1)

    def equal(self, other: Int | int) -> Int:
        """1 where both are equal, else 0."""
        return self.tracer.emit("eq", (self, self.tracer.lift(other)), (), 0, 1)

    def where(self, then: Int | int, otherwise: Int | int) -> Int:
        """``then`` where this condition (0 or 1) is 1, else ``otherwise``."""
        if (self.low, self.high) not in ((0, 1), (0, 0), (1, 1)):
            raise ExportError(f"a condition must be 0 or 1, got the interval [{self.low}, {self.high}]")
        a, b = self.tracer.lift(then), self.tracer.lift(otherwise)
        return self.tracer.emit("select", (self, a, b), (), min(a.low, b.low), max(a.high, b.high))

    def leading(self) -> Int:
        """Position of the leading one, ``floor(log2(value))``; 0 for the value 0. The value must be >= 0."""
        self._non_negative("leading")
        return self.tracer.emit("lead", (self,), (), leading_one(self.low), leading_one(self.high))

    def normalized(self, bits: int) -> Int:
        """The ``bits`` most significant bits from the leading one on (rounded down); 0 for 0. Must be >= 0."""
        self._non_negative("normalized")
        check_shift(bits - 1, bits - 1)
        low = 0 if self.low == 0 else 1 << (bits - 1)
        return self.tracer.emit("norm", (self,), (bits,), low, (1 << bits) - 1)

    def aligned(self, exponent: Int, bits: int) -> Int:
        """``value * 2**(bits - 1 - exponent)`` rounded half to even: a component of a vector in block floating point.

        ``exponent`` is the leading-one position of the vector's largest magnitude; the value is first saturated to
        ``+-2**(exponent + 1)``, so the result lies in ``[-2**bits, 2**bits]`` whatever the arguments are.
        """
        check_shift(exponent.low, exponent.high + 1)
        check_shift(bits, bits)
        return self.tracer.emit("align", (self, exponent), (bits,), -(1 << bits), 1 << bits)

    def lookup(self, table: str) -> Int:
        """Entry of a table (see ``Tracer.table``). The value's interval must lie inside the table."""
        entries = self.tracer.program.tables[table]
        if self.low < 0 or self.high >= len(entries):
            raise ExportError(
                f"index of table {table!r} must lie in [0, {len(entries) - 1}], got the interval "
                f"[{self.low}, {self.high}]; clip it first"
            )
        number = self.tracer.program.table_names.index(table)
        reach = entries[self.low : self.high + 1]
        return self.tracer.emit("lookup", (self,), (number,), min(reach), max(reach))

    def sum_lanes(self) -> Int:
        """Sum over the lanes."""
        n = self.node.lanes
        return self.tracer.emit("suml", (self,), (), self.low * n, self.high * n, lanes=1)

    def max_lanes(self) -> Int:
        """Maximum over the lanes."""
        return self.tracer.emit("maxl", (self,), (), self.low, self.high, lanes=1)

    def sum_rows(self) -> Int:
        """Sum over the rows: a value of the whole jet."""
        if not self.node.per_row:
            raise ExportError("sum_rows adds the rows of a per-row value, got a value of the whole jet")
        n = self.tracer.rows
        return self.tracer.emit("sumr", (self,), (n,), self.low * n, self.high * n, per_row=False)

    def max_rows(self) -> Int:
        """Maximum over the rows: a value of the whole jet."""
        if not self.node.per_row:
            raise ExportError("max_rows compares the rows of a per-row value, got a value of the whole jet")
        return self.tracer.emit("maxr", (self,), (), self.low, self.high, per_row=False)

    def lane(self, index: int) -> Int:
        """The lane of that number, as a value of one lane."""
        if not 0 <= index < self.node.lanes:
            raise ExportError(f"lane must lie in [0, {self.node.lanes - 1}], got {index}")
        return self.tracer.emit("lane", (self,), (index,), self.low, self.high, lanes=1)

    def _non_negative(self, what: str) -> None:
        if self.low < 0:
            raise ExportError(f"the argument of {what} must be >= 0, got the interval [{self.low}, {self.high}]")


class Tracer:
    """Writes a :class:`Program`.

    Parameters
    ----------
    name
        Name of the op; a C identifier.
    rows
        Number of rows of a per-row value.

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
