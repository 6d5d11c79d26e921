"""Sums and products of two tensors, and sums over edges. Specification: docs/ops/combined.md."""

from __future__ import annotations

from dataclasses import dataclass

from tritag.errors import ExportError
from tritag.models.layers.broadcast import EdgeSum as FloatEdgeSum
from tritag.quant.formats.fixed import Grid
from tritag.quant.formats.tensor import FixedTensor
from tritag.quant.integer.tracer import Int, Tracer
from tritag.quant.ops.modules import TrainableOp
from tritag.quant.ops.op import BoundProgram, Op, TensorSpec, fractions
from tritag.quant.weights.cut import Cut


def _declare(t: Tracer, x: TensorSpec, y: TensorSpec) -> tuple[Int, Int]:
    """Two inputs, of which one with a single row belongs to the whole jet."""
    if x.lanes != y.lanes or (x.rows != y.rows and 1 not in (x.rows, y.rows)):
        raise ExportError(
            f"{t.program.name} must have two inputs of equal rows and lanes, or one with a single row, got "
            f"({x.rows}, {x.lanes}) and ({y.rows}, {y.lanes})"
        )
    rows = max(x.rows, y.rows)
    return x.declare(t, "x", per_row=x.rows == rows), y.declare(t, "other", per_row=y.rows == rows)


@dataclass(frozen=True)
class Add(Op):
    """Sum of two tensors of rows, or of rows and a row of the jet, cut to the grid ``y``."""

    y: Grid

    def bind(self, x: TensorSpec, other: TensorSpec) -> BoundProgram:
        """Program: exact sum in the finer LSB, rounded once."""
        t = Tracer("add", max(x.rows, other.rows))
        a, b = _declare(t, x, other)
        fine = max(x.grid.fraction, other.grid.fraction)
        total = (a.round_shift(x.grid.fraction - fine)) + (b.round_shift(other.grid.fraction - fine))
        t.output("y", total.round_shift(fine - self.y.fraction).clip(self.y.low, self.y.high))
        return BoundProgram(t.program, fractions(x, other), (self.y.fraction,))


@dataclass(frozen=True)
class Multiply(Op):
    """Product of two tensors of rows, or of rows and a row of the jet, cut to the grid ``y``."""

    y: Grid

    def bind(self, x: TensorSpec, other: TensorSpec) -> BoundProgram:
        """Program: exact product, rounded once."""
        t = Tracer("multiply", max(x.rows, other.rows))
        a, b = _declare(t, x, other)
        down = x.grid.fraction + other.grid.fraction - self.y.fraction
        t.output("y", (a * b).round_shift(down).clip(self.y.low, self.y.high))
        return BoundProgram(t.program, fractions(x, other), (self.y.fraction,))


@dataclass(frozen=True)
class EdgeSum(Op):
    """Sum of ``max(x_i + y_j, 0)`` over the other real rows j, cut to the grid ``y``.

    ``x`` is (B, N, C); ``others`` (B, 1, N C) are the N rows of the second tensor, one behind the other.
    """

    y: Grid

    def bind(self, x: TensorSpec, others: TensorSpec, count: TensorSpec) -> BoundProgram:
        """Program: for each channel N sums and maxima, their exact sum, rounded once."""
        n, channels = x.rows, x.lanes
        t = Tracer("edge_sum", n)
        own = x.declare(t, "x")
        other = others.declare(t, "others", per_row=False)
        number = count.declare(t, "count", per_row=False)
        fine = max(x.grid.fraction, others.grid.fraction)
        up = fine - x.grid.fraction, fine - others.grid.fraction
        index = t.constant(list(range(n)))
        real = index.less(number)
        counts = t.row_index().equal(index).where(0, real)
        sums = []
        for channel in range(channels):
            partners = t.stack([other.lane(j * channels + channel) for j in range(n)]).round_shift(-up[1])
            edges = (partners + own.lane(channel).round_shift(-up[0])).maximum(0)
            sums.append(counts.where(edges, 0).sum_lanes())
        t.output("y", t.stack(sums).round_shift(fine - self.y.fraction).clip(self.y.low, self.y.high))
        return BoundProgram(t.program, fractions(x, others, count), (self.y.fraction,))


class TrainableEdgeSum(TrainableOp):
    """The sum over edges of ``n_tokens`` rows, on the grid that its cut observes."""

    def __init__(self, cut: Cut, n_tokens: int) -> None:
        super().__init__()
        self.cut, self.reference = cut, FloatEdgeSum(n_tokens)

    def frozen(self) -> EdgeSum:
        """Make the op for the present range."""
        return EdgeSum(self.cut.grid)

    def surrogate(self, x: FixedTensor, others: FixedTensor, count: FixedTensor) -> FixedTensor:
        """Float sums, fake-quantized by the cut."""
        partners = others.value.reshape(x.value.shape)
        return self.cut(FixedTensor(self.reference(x.value, partners, count.value), None))
