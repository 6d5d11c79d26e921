"""Attention weights from scores and biases. Specification: docs/ops/biased_weights.md."""

from __future__ import annotations

import math

from tritag.quant.formats.fixed import Grid
from tritag.quant.integer.program import Tracer
from tritag.quant.ops.op import BoundProgram, IntegerOp

# Fractional bits of the logits, and of the table's index.
_LOGIT_BITS = 8
_INDEX_BITS = 6
_SCALE_BITS = 10


class BiasedWeights(IntegerOp):
    """Weights exp(score * scale + bias - largest) of N keys for each head: rows are queries.

    Scores (B, N, heads * N) with the keys of a head side by side, biases (B, N, N * heads) with the heads of a key side
    by side, count (B, 1, 1) to weights like the scores.
    """

    def __init__(self, n_tokens: int, heads: int, scale: float, bits: int = 8) -> None:
        super().__init__()
        self.n_tokens, self.heads, self.scale, self.bits = n_tokens, heads, scale, bits

    def bind(self, scores: Grid, bias: Grid, count: Grid) -> BoundProgram:
        """Program: logits with one rounding each, their largest, one table of exp, head by head."""
        n, heads, top = self.n_tokens, self.heads, (1 << self.bits) - 1
        drop = _LOGIT_BITS - _INDEX_BITS
        size = math.ceil(math.log(2 * top) * 2**_INDEX_BITS) + 1
        # The differences of one table step are rounded down, so the entry belongs to their middle.
        middle = 0.5 - 0.5 / (1 << drop)
        t = Tracer("biased_weights", n)
        score = t.input("scores", scores.low, scores.high, lanes=heads * n)
        biases = t.input("bias", bias.low, bias.high, lanes=n * heads)
        number = t.input("count", 0, n, per_row=False)
        real = t.constant(list(range(n))).less(number)
        table = t.table("exp", lambda i: top * math.exp(-(i + middle) * 2.0**-_INDEX_BITS), size)
        scaled = (score * round(self.scale * 2**_SCALE_BITS)).round_shift(scores.fraction + _SCALE_BITS - _LOGIT_BITS)
        shifted = biases.round_shift(bias.fraction - _LOGIT_BITS)
        weights = []
        for h in range(heads):
            own = t.stack([scaled.lane(h * n + m) for m in range(n)])
            logit = own + t.stack([shifted.lane(m * heads + h) for m in range(n)])
            largest = real.where(logit, logit.low).max_lanes()
            index = ((largest - logit).clip(0, (size - 1) << drop) >> drop).clip(0, size - 1)
            weight = real.where(index.lookup(table), 0)
            weights += [weight.lane(m) for m in range(n)]
        t.output("weights", t.stack(weights))
        return BoundProgram(t.program, (scores.fraction, bias.fraction, count.fraction), (0,))
