"""The first token alone. Specification: docs/ops/first_token.md."""

from __future__ import annotations

from dataclasses import dataclass

from tritag.quant.formats.tensor import FixedTensor
from tritag.quant.integer.tracer import Tracer
from tritag.quant.ops.modules import TrainableOp
from tritag.quant.ops.op import BoundProgram, Op, TensorSpec, fractions


@dataclass(frozen=True)
class FirstToken(Op):
    """Rows (B, M, C) to the first of them (B, 1, C)."""

    def bind(self, x: TensorSpec) -> BoundProgram:
        """Program: a sum over the rows of which all but the first are zero."""
        t = Tracer("first_token", x.rows)
        value = x.declare(t, "x")
        first = t.row_index().equal(0).where(value, 0).sum_rows()
        t.output("y", first.clip(x.grid.low, x.grid.high))
        return BoundProgram(t.program, fractions(x), (x.grid.fraction,))


class TrainableFirstToken(TrainableOp):
    """The op with a gradient."""

    def frozen(self) -> FirstToken:
        """Make the op; it has no settings."""
        return FirstToken()

    def surrogate(self, x: FixedTensor) -> FixedTensor:
        """Take the first row, which is what the program gives."""
        return FixedTensor(x.value[:, :1], x.grid)
