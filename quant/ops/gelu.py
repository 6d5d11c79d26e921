"""GELU as a table over all codes of its input. Specification: docs/ops/gelu.md."""

from __future__ import annotations

import math

from torch import Tensor
from torch.nn import functional as F

from tritag.quant.formats.fixed import Grid
from tritag.quant.formats.tensor import FixedTensor
from tritag.quant.integer.program import Tracer
from tritag.quant.ops.op import BoundProgram, IntegerOp
from tritag.quant.weights.cut import Cut


class Gelu(IntegerOp):
    """Exact GELU of each code, rounded to the output's observed type."""

    def __init__(self, n_tokens: int, cut: Cut) -> None:
        super().__init__()
        self.n_tokens, self.cut, self.lanes = n_tokens, cut, 1

    def bind(self, x: Grid) -> BoundProgram:
        """Program: one lookup."""
        y = self.cut.grid
        t = Tracer("gelu", self.n_tokens)
        value = t.input("x", x.low, x.high, lanes=self.lanes)

        def entry(index: int) -> float:
            real = (index + x.low) * 2.0**-x.fraction
            scaled = 0.5 * real * (1 + math.erf(real / math.sqrt(2))) * 2.0**y.fraction
            return min(max(scaled, y.low), y.high)

        table = t.table("gelu", entry, x.high - x.low + 1)
        t.output("y", (value - x.low).lookup(table))
        return BoundProgram(t.program, (x.fraction,), (y.fraction,))

    def surrogate(self, x: FixedTensor) -> Tensor:  # type: ignore[override]
        """Float GELU, fake-quantized by the observer."""
        return self.cut(FixedTensor(F.gelu(x.value), None)).value

    def exact(self, *inputs: FixedTensor) -> FixedTensor:
        """Run the lookup."""
        self.lanes = inputs[0].value.shape[-1]
        return super().exact(*inputs)

    def output_grid_in_training(self, *inputs: FixedTensor) -> Grid:
        """The observer's grid."""
        return self.cut.grid

    def learned_width(self) -> Tensor | None:
        """That of the cut."""
        return self.cut.learned_width()

    def _settings(self) -> object:
        return self.cut.grid, self.lanes
