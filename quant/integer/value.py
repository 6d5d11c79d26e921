"""Values of an integer program that is being written: arithmetic appends instructions, with their proven intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tritag.errors import ExportError
from tritag.quant.integer.intervals import check_shift, leading_one, round_half_even
from tritag.quant.integer.program import Node

if TYPE_CHECKING:
    from tritag.quant.integer.tracer import Tracer


class Int:
    """An integer value while a program is being written; arithmetic on it appends instructions.

    A value has one or more lanes, and is the jet's or has a copy for each row. It has no unit: what one LSB is worth
    stands beside the program (:class:`tritag.quant.ops.op.BoundProgram`). Plain integers may stand for constants.

    Parameters
    ----------
    tracer : Tracer
        The program's writer, which makes the values.
    index : int
        Place of the instruction in the program.

    Raises
    ------
    ExportError
        By methods: the proven interval is not one that the instruction takes, or lanes or rows do not agree.
    WidthError
        By methods: a result that may need more bits than a program's values have (62).
    """

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
