"""Axes of a jet's frame from weights over its tokens, by products. Specification: docs/ops/token_axes.md.

v_k = sum over tokens of softmax(phi_k) p, k = 0, 1, 2. The softmax is not normalised, because a frame does not depend
on the length of its vectors.
"""

from __future__ import annotations

from dataclasses import dataclass

from tritag.quant.integer.axes import AxesBits, axes_of_vectors
from tritag.quant.integer.tracer import Tracer
from tritag.quant.ops.op import BoundProgram, Op, TensorSpec, fractions
from tritag.quant.ops.token_frames import weighted_vectors


@dataclass(frozen=True)
class TokenAxes(Op):
    """Logits phi (B, N, 3), tokens (B, N, 4), count (B, 1, 1) to the lanes of ``Axes`` (B, 1, 20), integers.

    ``n_spurions`` tokens stand in front of the K candidates and are always real.
    """

    n_spurions: int
    bits: AxesBits
    weight_bits: int = 8

    def bind(self, phi: TensorSpec, tokens: TensorSpec, count: TensorSpec) -> BoundProgram:
        """Program: a pass for the largest logit, a pass for weights and sums, then the axes."""
        t = Tracer("token_axes", tokens.rows)
        vectors = weighted_vectors(t, phi, tokens, count, self.n_spurions, self.weight_bits)
        t.output("axes", t.stack(axes_of_vectors(t, vectors, self.bits).lanes()))
        return BoundProgram(t.program, fractions(phi, tokens, count), (0,))
