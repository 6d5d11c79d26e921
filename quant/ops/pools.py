"""Sum, share and maximum over the real tokens, and zeros in the others. Specification: docs/ops/pools.md."""

from __future__ import annotations

from dataclasses import dataclass

from tritag.models.layers import pool
from tritag.quant.formats.fixed import Grid
from tritag.quant.formats.tensor import FixedTensor, fake_quantize
from tritag.quant.integer.tracer import Tracer
from tritag.quant.ops.modules import TrainableOp
from tritag.quant.ops.op import BoundProgram, Op, TensorSpec, fractions


@dataclass(frozen=True)
class SumPool(Op):
    """Sum of the first ``count`` rows, cut to the grid ``y``."""

    y: Grid

    def bind(self, h: TensorSpec, count: TensorSpec) -> BoundProgram:
        """Program: exact masked sum, rounded once."""
        t = Tracer("sum_pool", h.rows)
        value, number = h.declare(t, "h"), count.declare(t, "count", per_row=False)
        total = t.row_index().less(number).where(value, 0).sum_rows()
        t.output("y", total.round_shift(h.grid.fraction - self.y.fraction).clip(self.y.low, self.y.high))
        return BoundProgram(t.program, fractions(h, count), (self.y.fraction,))


@dataclass(frozen=True)
class SlotMean(Op):
    """Sum of the first ``count`` rows divided by the power of two that is at least their number, on their grid."""

    def bind(self, h: TensorSpec, count: TensorSpec) -> BoundProgram:
        """Program: exact masked sum, rounded once; it cannot leave the grid with zero in it."""
        t = Tracer("slot_mean", h.rows)
        value, number = h.declare(t, "h"), count.declare(t, "count", per_row=False)
        total = t.row_index().less(number).where(value, 0).sum_rows()
        t.output("y", total.round_shift((h.rows - 1).bit_length()))
        return BoundProgram(t.program, fractions(h, count), (h.grid.fraction,))


@dataclass(frozen=True)
class MaxPool(Op):
    """Largest of the first ``count`` rows, lane by lane, on the grid of the input; zero for an empty jet."""

    def bind(self, h: TensorSpec, count: TensorSpec) -> BoundProgram:
        """Program: rows that do not count become the least integer, maximum over the rows."""
        t = Tracer("max_pool", h.rows)
        value, number = h.declare(t, "h"), count.declare(t, "count", per_row=False)
        largest = t.row_index().less(number).where(value, h.grid.low).max_rows()
        t.output("y", number.equal(0).where(0, largest))
        return BoundProgram(t.program, fractions(h, count), (h.grid.fraction,))


@dataclass(frozen=True)
class MaskTokens(Op):
    """Zeros in the rows from ``count`` on."""

    def bind(self, h: TensorSpec, count: TensorSpec) -> BoundProgram:
        """Program: one comparison a row, one choice a value."""
        t = Tracer("mask_tokens", h.rows)
        value, number = h.declare(t, "h"), count.declare(t, "count", per_row=False)
        t.output("y", t.row_index().less(number).where(value, 0))
        return BoundProgram(t.program, fractions(h, count), (h.grid.fraction,))


def _with_zero(grid: Grid) -> Grid:
    """The grid, zero among its integers: what a row that does not count has."""
    return Grid(min(grid.low, 0), max(grid.high, 0), grid.fraction)


class TrainableSlotMean(TrainableOp):
    """The op over ``n_tokens`` rows, with a gradient."""

    def __init__(self, n_tokens: int) -> None:
        super().__init__()
        self.reference = pool.SlotMean(n_tokens)

    def frozen(self) -> SlotMean:
        """Make the op; it has no settings."""
        return SlotMean()

    def surrogate(self, h: FixedTensor, count: FixedTensor) -> FixedTensor:
        """Float sum and division, rounded where the grid is known."""
        value = self.reference(h.value, count.value)
        if h.grid is None:
            return FixedTensor(value, None)
        grid = _with_zero(h.grid)
        return FixedTensor(fake_quantize(value, grid), grid)


class TrainableChoice(TrainableOp):
    """An op that only chooses among values, with the float layer that chooses the same as its surrogate."""

    def __init__(self, op: Op, reference: pool.MaxPool | pool.MaskTokens) -> None:
        super().__init__()
        self.op, self.reference = op, reference

    def frozen(self) -> Op:
        """Give the op; it has no settings."""
        return self.op

    def surrogate(self, h: FixedTensor, count: FixedTensor) -> FixedTensor:
        """Choose in floats, which is what the program does."""
        grid = None if h.grid is None else _with_zero(h.grid)
        return FixedTensor(self.reference(h.value, count.value), grid, h.bits)
