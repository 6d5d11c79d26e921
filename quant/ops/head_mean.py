"""Weighted mean over keys, all heads of a token in one row. Specification: docs/ops/head_mean.md."""

from __future__ import annotations

from tritag.quant.formats.fixed import Grid
from tritag.quant.integer.blocks import reciprocal
from tritag.quant.integer.program import Tracer
from tritag.quant.ops.op import BoundProgram, IntegerOp

_MANTISSA_BITS = 12
_INDEX_BITS = 9


class HeadMean(IntegerOp):
    """Sums of weighted values (B, M, n heads C), lanes (component, head, channel), over sums of weights.

    Weights are (B, M, heads N), lanes (head, key). The result lies on the grid of the values.
    """

    def __init__(self, n_tokens: int, channels: int, heads: int, n_keys: int) -> None:
        super().__init__()
        self.n_tokens, self.channels, self.heads, self.n_keys = n_tokens, channels, heads, n_keys
        self.lanes = channels
        self.value_grid = Grid(-128, 127, 0)

    def bind(self, numerator: Grid, weights: Grid) -> BoundProgram:
        """Program: reciprocal of the weights' sum per head, one product per lane; the mean of nothing is zero."""
        t = Tracer("head_mean", self.n_tokens)
        value = t.input("numerator", numerator.low, numerator.high, lanes=self.lanes)
        weight = t.input("weights", weights.low, weights.high, lanes=self.heads * self.n_keys)
        inverses, shifts = [], []
        for head in range(self.heads):
            keys = range(head * self.n_keys, (head + 1) * self.n_keys)
            total = t.stack([weight.lane(key) for key in keys]).sum_lanes()
            inverse, shift = reciprocal(t, total, _MANTISSA_BITS, _INDEX_BITS)
            inverses.append(inverse)
            shifts.append(shift)
        head_of = [lane % self.channels // (self.channels // self.heads) for lane in range(self.lanes)]
        scaled = value * t.stack([inverses[h] for h in head_of])
        mean = scaled.round_shift_by(t.stack([shifts[h] for h in head_of]) + _MANTISSA_BITS)
        t.output("mean", mean.clip(self.value_grid.low, self.value_grid.high))
        return BoundProgram(t.program, (numerator.fraction, weights.fraction), (self.value_grid.fraction,))

    def _settings(self) -> object:
        return self.value_grid, self.lanes
