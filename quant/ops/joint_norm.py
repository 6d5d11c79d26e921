"""Joint RMSNorm of vectors and scalars in two ops. Specification: docs/ops/joint_norm.md.

Rows are tokens. Lanes of vectors are (component, head, channel), lanes of scalars (head, channel).
"""

from __future__ import annotations

import math

from tritag.models.layers.minkowski import NORM_EPS
from tritag.quant.formats.fixed import Grid
from tritag.quant.integer.blocks import rsqrt
from tritag.quant.integer.program import Int, Tracer
from tritag.quant.ops.op import BoundProgram, IntegerOp
from tritag.quant.weights.cut import Cut

MANTISSA_BITS = 14
_INDEX_BITS = 9
_ROOT_BITS = 8


def common_fraction(vectors: Grid, scalars: Grid) -> int:
    """Fractional bits in which both streams are squared."""
    return max(vectors.fraction, scalars.fraction)


class JointNormFactor(IntegerOp):
    """Vectors (B, M, 4 V) and scalars (B, M, S) to 1/sqrt(sum |v^2| + sum s^2 + (V + S) eps), head by head.

    Output (B, M, 2 heads): mantissas, then shifts; 1/sqrt = mantissa * 2**(fraction - MANTISSA_BITS - shift) with the
    common fraction of the two streams.
    """

    def __init__(self, n_tokens: int, vectors: int, scalars: int, heads: int) -> None:
        super().__init__()
        self.n_tokens, self.vectors, self.scalars, self.heads = n_tokens, vectors, scalars, heads

    def bind(self, vectors: Grid, scalars: Grid) -> BoundProgram:
        """Program: exact squares and sums, one reciprocal square root per head."""
        n_v, n_s = self.vectors // self.heads, self.scalars // self.heads
        fraction = common_fraction(vectors, scalars)
        t = Tracer("joint_norm_factor", self.n_tokens)
        v = t.input("vectors", vectors.low, vectors.high, lanes=4 * self.vectors)
        s = t.input("scalars", scalars.low, scalars.high, lanes=self.scalars)
        v2, s2 = v * v, s * s
        mantissas: list[Int] = []
        shifts: list[Int] = []
        for head in range(self.heads):
            own = range(head * n_v, (head + 1) * n_v)
            energy, *momentum = (t.stack([v2.lane(i * self.vectors + c) for c in own]) for i in range(4))
            square = (energy - (momentum[0] + momentum[1] + momentum[2])).absolute().sum_lanes()
            scalar = t.stack([s2.lane(head * n_s + c) for c in range(n_s)]).sum_lanes()
            total = (square << (2 * (fraction - vectors.fraction))) + (scalar << (2 * (fraction - scalars.fraction)))
            total = total + round(NORM_EPS * (n_v + n_s) * 4.0**fraction)
            mantissa, shift = rsqrt(t, total, MANTISSA_BITS, _INDEX_BITS)
            mantissas.append(mantissa)
            shifts.append(shift)
        t.output("factor", t.stack([*mantissas, *shifts]))
        return BoundProgram(t.program, (vectors.fraction, scalars.fraction), (0,))


class JointNormScale(IntegerOp):
    """One stream (B, M, n heads C) times sqrt(V + S) and its factor (B, M, 2 heads), cut to the observed type.

    ``lowered``: vectors with lowered indices.
    """

    def __init__(self, n_tokens: int, channels: int, heads: int, features: int, cut: Cut, lowered: bool) -> None:
        super().__init__()
        self.n_tokens, self.channels, self.heads, self.features = n_tokens, channels, heads, features
        self.cut, self.lowered = cut, lowered
        self.lanes, self.common_fraction = channels, 0

    def bind(self, x: Grid, factor: Grid) -> BoundProgram:
        """Program: one product with the mantissa and one with a constant per lane, one variable shift."""
        y, heads, lanes = self.cut.grid, self.heads, self.lanes
        t = Tracer("joint_norm_scale", self.n_tokens)
        value = t.input("x", x.low, x.high, lanes=lanes)
        given = t.input("factor", factor.low, factor.high, lanes=2 * heads)
        head_of = [lane % self.channels // (self.channels // heads) for lane in range(lanes)]
        mantissa = t.stack([given.lane(h) for h in head_of]).clip(0, 1 << MANTISSA_BITS)
        shift = t.stack([given.lane(heads + h) for h in head_of]).clip(0, 31)
        root = round(math.sqrt(self.features / heads) * 2**_ROOT_BITS)
        sign = [-1 if self.lowered and lane >= self.channels else 1 for lane in range(lanes)]
        scaled = value * mantissa * t.constant([root * s for s in sign])
        fixed = MANTISSA_BITS + _ROOT_BITS + x.fraction - self.common_fraction - y.fraction
        scaled = scaled.round_shift(min(fixed, 0))
        result = scaled.round_shift_by(shift + max(fixed, 0))
        t.output("y", result.clip(y.low, y.high))
        return BoundProgram(t.program, (x.fraction, factor.fraction), (y.fraction,))

    def _settings(self) -> object:
        return self.cut.grid, self.lanes, self.common_fraction
