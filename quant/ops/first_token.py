"""The first token alone. Specification: docs/ops/first_token.md."""

from __future__ import annotations

from dataclasses import dataclass

from tritag.quant.formats.tensor import FixedTensor
from tritag.quant.integer.tracer import Tracer
from tritag.quant.integer.value import Int
from tritag.quant.ops.modules import TrainableOp
from tritag.quant.ops.op import BoundProgram, Op, TensorSpec, fractions


def first_row(t: Tracer, x: Int) -> Int:
    """The first row of ``x`` as a value of the jet: a sum of which all else is zero. In hardware it costs wires."""
    return t.row_index().equal(0).where(x, 0).sum_rows().clip(x.low, x.high)


@dataclass(frozen=True)
class FirstToken(Op):
    """Rows (B, M, C) to the first of them (B, 1, C)."""

    def bind(self, x: TensorSpec) -> BoundProgram:
        """Program: the first row."""
        t = Tracer("first_token", x.rows)
        t.output("y", first_row(t, x.declare(t, "x")))
        return BoundProgram(t.program, fractions(x), (x.grid.fraction,))


class TrainableFirstToken(TrainableOp):
    """The op with a gradient."""

    def frozen(self) -> FirstToken:
        """Make the op; it has no settings."""
        return FirstToken()

    def surrogate(self, x: FixedTensor) -> FixedTensor:
        """Take the first row, which is what the program gives."""
        return FixedTensor(x.value[:, :1], x.grid)
