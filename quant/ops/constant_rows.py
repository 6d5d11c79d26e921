"""Rows that are the same for every jet: trained tokens. Specification: docs/ops/constant_rows.md."""

from __future__ import annotations

from dataclasses import dataclass

from tritag.quant.formats.tensor import FixedTensor
from tritag.quant.integer.tracer import Tracer
from tritag.quant.ops.op import BoundProgram, Op, TensorSpec, fractions


@dataclass(frozen=True)
class ConstantRows(Op):
    """Count (B, 1, 1) to constants (B, 1, R * C), whatever the count is; ``entries`` are their integers."""

    entries: tuple[int, ...]
    fraction: int

    @classmethod
    def of(cls, rows: FixedTensor) -> ConstantRows:
        """The op that gives these rows, one after the other in lanes."""
        return cls(tuple(rows.integers().flatten().tolist()), rows.known_grid().fraction)

    def bind(self, count: TensorSpec) -> BoundProgram:
        """Program: the constants, tied to the jet by adding the count clipped to zero."""
        t = Tracer("constant_rows", 1)
        nothing = count.declare(t, "count", per_row=False).clip(0, 0)
        t.output("rows", nothing + t.constant(self.entries))
        return BoundProgram(t.program, fractions(count), (self.fraction,))
