"""Weighted mean over keys, all heads of a token in one row. Specification: docs/ops/head_mean.md."""

from __future__ import annotations

from dataclasses import dataclass

from tritag.quant.formats.fixed import Grid
from tritag.quant.integer.blocks import reciprocal
from tritag.quant.integer.tracer import Tracer
from tritag.quant.ops.op import BoundProgram, Op, TensorSpec, fractions

_MANTISSA_BITS = 12
_INDEX_BITS = 9


@dataclass(frozen=True)
class HeadMean(Op):
    """Sums of weighted values (B, M, n heads C), lanes (component, head, channel), over sums of weights.

    Weights are (B, M, heads N), lanes (head, key). The result lies on the grid ``y`` of the values, which have
    ``components`` components each: 1 of a scalar, 4 of a vector.
    """

    y: Grid
    heads: int
    components: int

    def bind(self, numerator: TensorSpec, weights: TensorSpec) -> BoundProgram:
        """Program: reciprocal of the weights' sum per head, one product per lane; the mean of nothing is zero."""
        t = Tracer("head_mean", numerator.rows)
        value, weight = numerator.declare(t, "numerator"), weights.declare(t, "weights")
        n_keys = weights.lanes // self.heads
        inverses, shifts = [], []
        for head in range(self.heads):
            keys = range(head * n_keys, (head + 1) * n_keys)
            total = t.stack([weight.lane(key) for key in keys]).sum_lanes()
            inverse, shift = reciprocal(t, total, _MANTISSA_BITS, _INDEX_BITS)
            inverses.append(inverse)
            shifts.append(shift)
        channels = numerator.lanes // self.components
        head_of = [lane % channels // (channels // self.heads) for lane in range(numerator.lanes)]
        scaled = value * t.stack([inverses[h] for h in head_of])
        mean = scaled.round_shift_by(t.stack([shifts[h] for h in head_of]) + _MANTISSA_BITS)
        t.output("mean", mean.clip(self.y.low, self.y.high))
        return BoundProgram(t.program, fractions(numerator, weights), (self.y.fraction,))
