"""Scores of a jet as its word holds them. Specification: docs/ops/word_score.md."""

from __future__ import annotations

import math
from dataclasses import dataclass

from tritag.quant.integer.tracer import Int, Tracer
from tritag.quant.ops.activation import CURVES
from tritag.quant.ops.op import BoundProgram, Op, TensorSpec, fractions
from tritag.quant.ops.softmax import softmax_of_lanes

# ``ap_ufixed<8,1>``: one bit before the point.
SCORE_BITS, SCORE_FRACTION = 8, 7
# A logit is taken in steps of 2**-7 or coarser; beyond 6 the sigmoid is 0 or 1 in steps of 2**-7.
_LOGIT_FRACTION, _LOGIT_REACH = 7, 6


@dataclass(frozen=True)
class WordScore(Op):
    """Probabilities from 0 to 1 in steps of ``2**-7``: sigmoid of a logit, or softmax of the first ``scores`` lanes."""

    scores: int

    def bind(self, x: TensorSpec) -> BoundProgram:
        """Program: one rounding and one table, or the program of softmax; lanes beyond ``scores`` are not read."""
        t = Tracer("word_score", x.rows)
        value = x.declare(t, "x")
        if self.scores < x.lanes:
            value = t.stack([value.lane(i) for i in range(self.scores)])
        if self.scores == 1:
            result = _sigmoid(t, value, x.grid.fraction)
        else:
            result = softmax_of_lanes(t, value, x.grid.fraction, SCORE_FRACTION)
        t.output("y", result)
        return BoundProgram(t.program, fractions(x), (SCORE_FRACTION,))


def _sigmoid(t: Tracer, x: Int, fraction: int) -> Int:
    kept = min(max(fraction, 0), _LOGIT_FRACTION)
    logit = x.round_shift(fraction - kept).clip(-_LOGIT_REACH << kept, _LOGIT_REACH << kept)

    def entry(index: int) -> float:
        return CURVES["sigmoid"](math.ldexp(index + logit.low, -kept)) * 2**SCORE_FRACTION

    table = t.table("sigmoid", entry, logit.high - logit.low + 1)
    return (logit - logit.low).lookup(table)
