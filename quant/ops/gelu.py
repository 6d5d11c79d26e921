"""GELU as a table over all codes of its input. Specification: docs/ops/gelu.md."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch.nn import functional as F

from tritag.quant.formats.fixed import Grid
from tritag.quant.formats.tensor import FixedTensor
from tritag.quant.integer.tracer import Tracer
from tritag.quant.ops.modules import TrainableOp
from tritag.quant.ops.op import BoundProgram, Op, TensorSpec, fractions
from tritag.quant.weights.cut import Cut


@dataclass(frozen=True)
class Gelu(Op):
    """Exact GELU of each code, rounded and saturated to the grid ``y``."""

    y: Grid

    def bind(self, x: TensorSpec) -> BoundProgram:
        """Program: one lookup."""
        y, given = self.y, x.grid
        t = Tracer("gelu", x.rows)
        value = x.declare(t, "x")

        def entry(index: int) -> float:
            real = (index + given.low) * 2.0**-given.fraction
            scaled = 0.5 * real * (1 + math.erf(real / math.sqrt(2))) * 2.0**y.fraction
            return min(max(scaled, y.low), y.high)

        table = t.table("gelu", entry, given.high - given.low + 1)
        t.output("y", (value - given.low).lookup(table))
        return BoundProgram(t.program, fractions(x), (y.fraction,))


class TrainableGelu(TrainableOp):
    """The op on the grid that its cut observes."""

    def __init__(self, cut: Cut) -> None:
        super().__init__()
        self.cut = cut

    def frozen(self) -> Gelu:
        """Make the op for the present range."""
        return Gelu(self.cut.grid)

    def surrogate(self, x: FixedTensor) -> FixedTensor:
        """Float GELU, fake-quantized by the cut."""
        return self.cut(FixedTensor(F.gelu(x.value), None))
