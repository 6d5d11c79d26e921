"""Mean over the real constituents. Specification: docs/ops/mean_pool.md."""

from __future__ import annotations

from torch import Tensor

from tritag.models.layers.pool import MeanPool as FloatMeanPool
from tritag.quant.formats.fixed import Grid
from tritag.quant.formats.tensor import FixedTensor
from tritag.quant.integer.program import Tracer
from tritag.quant.ops.op import BoundProgram, IntegerOp

# Relative error of 1/count: 2**-13, whatever the count.
_MANTISSA_BITS = 12


class MeanPool(IntegerOp):
    """Mean of the first ``count`` rows on the grid of the input; zero for an empty jet."""

    def __init__(self, n_tokens: int) -> None:
        super().__init__()
        self.n_tokens = n_tokens
        self.reference = FloatMeanPool(n_tokens)

    def bind(self, h: Grid, count: Grid) -> BoundProgram:
        """Program: exact masked sum, times a table of 1/count, rounded once."""
        t = Tracer("mean_pool", self.n_tokens)
        value = t.input("h", h.low, h.high, lanes=self.channels)
        number = t.input("count", 0, self.n_tokens, per_row=False)
        total = t.row_index().less(number).where(value, 0).sum_rows()
        bits = _MANTISSA_BITS + self.n_tokens.bit_length()
        inverse = t.table("inverse_count", lambda n: 2.0**bits / n if n else 0, self.n_tokens + 1)
        mean = (total * number.clip(0, self.n_tokens).lookup(inverse)).round_shift(bits)
        t.output("y", mean.clip(h.low, h.high))
        return BoundProgram(t.program, (h.fraction, count.fraction), (h.fraction,))

    def exact(self, *inputs: FixedTensor) -> FixedTensor:
        """Run the program."""
        self.channels = inputs[0].value.shape[-1]
        return super().exact(*inputs)

    def surrogate(self, h: FixedTensor, count: FixedTensor) -> Tensor:  # type: ignore[override]
        """Float mean (the rounding to the residual grid is left out: it is far below an int8 step)."""
        return self.reference(h.value, count.value)

    def output_grid_in_training(self, h: FixedTensor, count: FixedTensor) -> Grid | None:  # type: ignore[override]
        """The input's grid."""
        return h.grid
