"""Mean over the real constituents. Specification: docs/ops/mean_pool.md."""

from __future__ import annotations

from dataclasses import dataclass

from tritag.models.layers.pool import MeanPool as FloatMeanPool
from tritag.quant.formats.tensor import FixedTensor
from tritag.quant.integer.tracer import Tracer
from tritag.quant.ops.modules import TrainableOp
from tritag.quant.ops.op import BoundProgram, Op, TensorSpec, fractions

# Relative error of 1/count: 2**-13, whatever the count.
_MANTISSA_BITS = 12


@dataclass(frozen=True)
class MeanPool(Op):
    """Mean of the first ``count`` rows on the grid of the input; zero for an empty jet."""

    def bind(self, h: TensorSpec, count: TensorSpec) -> BoundProgram:
        """Program: exact masked sum, times a table of 1/count, rounded once."""
        t = Tracer("mean_pool", h.rows)
        value = h.declare(t, "h")
        number = count.declare(t, "count", per_row=False)
        total = t.row_index().less(number).where(value, 0).sum_rows()
        bits = _MANTISSA_BITS + h.rows.bit_length()
        inverse = t.table("inverse_count", lambda n: 2.0**bits / n if n else 0, h.rows + 1)
        mean = (total * number.clip(0, h.rows).lookup(inverse)).round_shift(bits)
        t.output("y", mean.clip(h.grid.low, h.grid.high))
        return BoundProgram(t.program, fractions(h, count), (h.grid.fraction,))


class TrainableMeanPool(TrainableOp):
    """The op over ``n_tokens`` rows, with a gradient."""

    def __init__(self, n_tokens: int) -> None:
        super().__init__()
        self.reference = FloatMeanPool(n_tokens)

    def frozen(self) -> MeanPool:
        """Make the op; it has no settings."""
        return MeanPool()

    def surrogate(self, h: FixedTensor, count: FixedTensor) -> FixedTensor:
        """Float mean (the rounding to the residual grid is left out: it is far below an int8 step)."""
        return FixedTensor(self.reference(h.value, count.value), h.grid)
