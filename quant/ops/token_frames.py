"""The frame of a jet from weights over its tokens: the float-safe block. Specification: docs/ops/lorentz_frames.md.

v_k = sum over tokens of softmax(phi_k) p, k = 0, 1, 2, then the Lorentz transformation of the three vectors. The
softmax is not normalised, because a frame does not depend on the length of its vectors.
"""

from __future__ import annotations

from dataclasses import dataclass

from tritag.models.layers.frame_vectors import TokenVectors
from tritag.models.layers.frames import PolarFrames
from tritag.quant.formats.tensor import FixedTensor
from tritag.quant.integer.blocks import WEIGHT_SPARE, exp2, logarithm_of_weight
from tritag.quant.integer.lorentz import FrameBits, frame_of_vectors
from tritag.quant.integer.tracer import Int, Tracer
from tritag.quant.ops.modules import TrainableExactly
from tritag.quant.ops.op import BoundProgram, Op, TensorSpec, fractions

# Fractional bits of base-2 logarithms of weights.
LOG_BITS = 12


def weighted_vectors(
    t: Tracer, phi: TensorSpec, tokens: TensorSpec, count: TensorSpec, n_spurions: int, weight_bits: int
) -> list[list[Int]]:
    """Declare logits (N, 3), tokens (N, 4) and count, and give v_0, v_1, v_2 (E, x, y, z), energies at least 0.

    Exact sums of tokens times weights of ``weight_bits`` bits, the largest weight of each sum at its full scale.
    """
    logit, token = phi.declare(t, "phi"), tokens.declare(t, "tokens")
    number = count.declare(t, "count", per_row=False)
    real = t.row_index().less(number + n_spurions)
    exponent = logarithm_of_weight(logit, phi.grid.fraction, 1.0, LOG_BITS).round_shift(WEIGHT_SPARE)
    largest = real.where(exponent, exponent.low).max_rows()
    weight = real.where(exp2(t, largest - exponent, LOG_BITS, weight_bits), 0)
    vectors = [[(weight.lane(k) * token.lane(i)).sum_rows() for i in range(4)] for k in range(3)]
    return [[v[0].clip(0, v[0].high), *v[1:]] for v in vectors]


@dataclass(frozen=True)
class TokenFrames(Op):
    """Logits phi (B, N, 3), tokens (B, N, 4), count (B, 1, 1) to the jet's frame, row by row (B, 1, 16).

    ``n_spurions`` tokens stand in front of the K candidates and are always real.
    """

    n_spurions: int
    bits: FrameBits
    weight_bits: int = 8

    def bind(self, phi: TensorSpec, tokens: TensorSpec, count: TensorSpec) -> BoundProgram:
        """Program: a pass for the largest logit, a pass for weights and sums, then the frame."""
        t = Tracer("token_frames", tokens.rows)
        vectors = weighted_vectors(t, phi, tokens, count, self.n_spurions, self.weight_bits)
        t.output("frame", t.stack([x for row in frame_of_vectors(t, vectors, self.bits) for x in row]))
        return BoundProgram(t.program, fractions(phi, tokens, count), (self.bits.matrix,))


class TrainableTokenFrames(TrainableExactly):
    """The op on jets of ``n_constituents`` candidates, with a gradient."""

    def __init__(self, n_constituents: int, op: TokenFrames) -> None:
        super().__init__()
        self.op = op
        self.vectors, self.frames = TokenVectors(n_constituents), PolarFrames("cross")

    def frozen(self) -> TokenFrames:
        """Give the op; its settings never change."""
        return self.op

    def surrogate(self, phi: FixedTensor, tokens: FixedTensor, count: FixedTensor) -> FixedTensor:
        """Float vectors and polar decomposition."""
        vectors = self.vectors(phi.value, tokens.value, count.value)
        return FixedTensor(self.frames(vectors).flatten(2), None)
