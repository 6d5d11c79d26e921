"""Rows that are the same for every jet: trained tokens. Specification: docs/ops/constant_rows.md."""

from __future__ import annotations

from tritag.quant.formats.fixed import Grid
from tritag.quant.integer.program import Tracer
from tritag.quant.ops.op import BoundProgram, IntegerOp


class ConstantRows(IntegerOp):
    """Count (B, 1, 1) to constants (B, 1, R * C), whatever the count is."""

    def __init__(self, n_tokens: int) -> None:
        super().__init__()
        self.n_tokens = n_tokens
        self.entries: tuple[int, ...] = (0,)
        self.fraction = 0

    def bind(self, count: Grid) -> BoundProgram:
        """Program: the constants, tied to the jet by adding the count clipped to zero."""
        t = Tracer("constant_rows", 1)
        nothing = t.input("count", 0, self.n_tokens, per_row=False).clip(0, 0)
        t.output("rows", nothing + t.constant(self.entries))
        return BoundProgram(t.program, (count.fraction,), (self.fraction,))

    def _settings(self) -> object:
        return self.entries, self.fraction
