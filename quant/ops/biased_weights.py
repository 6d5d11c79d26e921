"""Attention weights from scores and biases. Specification: docs/ops/biased_weights.md."""

from __future__ import annotations

import math
from dataclasses import dataclass

from tritag.quant.integer.tracer import Tracer
from tritag.quant.ops.op import BoundProgram, Op, TensorSpec, fractions

# Fractional bits of the logits, and of the table's index.
_LOGIT_BITS = 8
_INDEX_BITS = 6
_SCALE_BITS = 10


@dataclass(frozen=True)
class BiasedWeights(Op):
    """Weights exp(score * scale + bias - largest) of N keys for each head: rows are queries.

    Scores (B, N, heads * N) with the keys of a head side by side, biases (B, N, N * heads) with the heads of a key side
    by side, count (B, 1, 1) to weights of ``bits`` bits, laid out like the scores.
    """

    heads: int
    scale: float
    bits: int = 8

    def bind(self, scores: TensorSpec, bias: TensorSpec, count: TensorSpec) -> BoundProgram:
        """Program: logits with one rounding each, their largest, one table of exp, head by head."""
        n, heads, top = scores.lanes // self.heads, self.heads, (1 << self.bits) - 1
        drop = _LOGIT_BITS - _INDEX_BITS
        size = math.ceil(math.log(2 * top) * 2**_INDEX_BITS) + 1
        # The differences of one table step are rounded down, so the entry belongs to their middle.
        middle = 0.5 - 0.5 / (1 << drop)
        t = Tracer("biased_weights", scores.rows)
        score, biases = scores.declare(t, "scores"), bias.declare(t, "bias")
        number = count.declare(t, "count", per_row=False)
        real = t.constant(list(range(n))).less(number)
        table = t.table("exp", lambda i: top * math.exp(-(i + middle) * 2.0**-_INDEX_BITS), size)
        scaled = score * round(self.scale * 2**_SCALE_BITS)
        scaled = scaled.round_shift(scores.grid.fraction + _SCALE_BITS - _LOGIT_BITS)
        shifted = biases.round_shift(bias.grid.fraction - _LOGIT_BITS)
        weights = []
        for h in range(heads):
            own = t.stack([scaled.lane(h * n + m) for m in range(n)])
            logit = own + t.stack([shifted.lane(m * heads + h) for m in range(n)])
            largest = real.where(logit, logit.low).max_lanes()
            index = ((largest - logit).clip(0, (size - 1) << drop) >> drop).clip(0, size - 1)
            weight = real.where(index.lookup(table), 0)
            weights += [weight.lane(m) for m in range(n)]
        t.output("weights", t.stack(weights))
        return BoundProgram(t.program, fractions(scores, bias, count), (0,))
