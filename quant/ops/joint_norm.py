"""Joint RMSNorm of vectors and scalars in two ops. Specification: docs/ops/joint_norm.md.

Rows are tokens. Lanes of vectors are (component, head, channel), lanes of scalars (head, channel).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import nn

from tritag.models.layers.minkowski import NORM_EPS
from tritag.quant.formats.fixed import Grid
from tritag.quant.formats.tensor import FixedTensor
from tritag.quant.integer.blocks import rsqrt
from tritag.quant.integer.tracer import Int, Tracer
from tritag.quant.ops.op import BoundProgram, Op, TensorSpec, fractions
from tritag.quant.weights.cut import Cut

MANTISSA_BITS = 14
_INDEX_BITS = 9
_ROOT_BITS = 8


def common_fraction(vectors: Grid, scalars: Grid) -> int:
    """Fractional bits in which both streams are squared."""
    return max(vectors.fraction, scalars.fraction)


@dataclass(frozen=True)
class JointNormFactor(Op):
    """Vectors (B, M, 4 V) and scalars (B, M, S) to 1/sqrt(sum |v^2| + sum s^2 + (V + S) eps), head by head.

    Output (B, M, 2 heads): mantissas, then shifts; 1/sqrt = mantissa * 2**(fraction - MANTISSA_BITS - shift) with the
    common fraction of the two streams.
    """

    heads: int

    def bind(self, vectors: TensorSpec, scalars: TensorSpec) -> BoundProgram:
        """Program: exact squares and sums, one reciprocal square root per head."""
        channels = vectors.lanes // 4
        n_v, n_s = channels // self.heads, scalars.lanes // self.heads
        fraction = common_fraction(vectors.grid, scalars.grid)
        down_v, down_s = (2 * (fraction - x.grid.fraction) for x in (vectors, scalars))
        t = Tracer("joint_norm_factor", vectors.rows)
        v, s = vectors.declare(t, "vectors"), scalars.declare(t, "scalars")
        v2, s2 = v * v, s * s
        mantissas: list[Int] = []
        shifts: list[Int] = []
        for head in range(self.heads):
            own = range(head * n_v, (head + 1) * n_v)
            energy, *momentum = (t.stack([v2.lane(i * channels + c) for c in own]) for i in range(4))
            square = (energy - (momentum[0] + momentum[1] + momentum[2])).absolute().sum_lanes()
            scalar = t.stack([s2.lane(head * n_s + c) for c in range(n_s)]).sum_lanes()
            total = (square << down_v) + (scalar << down_s)
            total = total + round(NORM_EPS * (n_v + n_s) * 4.0**fraction)
            mantissa, shift = rsqrt(t, total, MANTISSA_BITS, _INDEX_BITS)
            mantissas.append(mantissa)
            shifts.append(shift)
        t.output("factor", t.stack([*mantissas, *shifts]))
        return BoundProgram(t.program, fractions(vectors, scalars), (0,))


@dataclass(frozen=True)
class JointNormScale(Op):
    """One stream (B, M, n heads C) times sqrt(V + S) and its factor (B, M, 2 heads), cut to the grid ``y``.

    Attributes
    ----------
    features : int
        V + S.
    components : int
        1 of scalars, 4 of vectors.
    common_fraction : int
        Fractional bits in which the factor's squares were taken (:func:`common_fraction`).
    lowered : bool
        Give vectors with lowered indices.
    """

    y: Grid
    heads: int
    features: int
    components: int
    common_fraction: int
    lowered: bool = False

    def bind(self, x: TensorSpec, factor: TensorSpec) -> BoundProgram:
        """Program: one product with the mantissa and one with a constant per lane, one variable shift."""
        y, heads, lanes = self.y, self.heads, x.lanes
        channels = lanes // self.components
        t = Tracer("joint_norm_scale", x.rows)
        value, given = x.declare(t, "x"), factor.declare(t, "factor")
        head_of = [lane % channels // (channels // heads) for lane in range(lanes)]
        mantissa = t.stack([given.lane(h) for h in head_of]).clip(0, 1 << MANTISSA_BITS)
        shift = t.stack([given.lane(heads + h) for h in head_of]).clip(0, 31)
        root = round(math.sqrt(self.features / heads) * 2**_ROOT_BITS)
        sign = [-1 if self.lowered and lane >= channels else 1 for lane in range(lanes)]
        scaled = value * mantissa * t.constant([root * s for s in sign])
        fixed = MANTISSA_BITS + _ROOT_BITS + x.grid.fraction - self.common_fraction - y.fraction
        scaled = scaled.round_shift(min(fixed, 0))
        result = scaled.round_shift_by(shift + max(fixed, 0))
        t.output("y", result.clip(y.low, y.high))
        return BoundProgram(t.program, fractions(x, factor), (y.fraction,))


class JointNormStream(nn.Module):
    """The second op for one stream, on the grid that its cut observes; it has no surrogate of its own."""

    def __init__(self, cut: Cut, heads: int, features: int, components: int, lowered: bool = False) -> None:
        super().__init__()
        self.cut, self.heads, self.features = cut, heads, features
        self.components, self.lowered = components, lowered

    def forward(self, x: FixedTensor, factor: FixedTensor, fraction: int) -> FixedTensor:
        """Scale x (B, M, n heads C) by its factor (B, M, 2 heads), taken of squares of ``fraction`` fractional bits."""
        op = JointNormScale(self.cut.grid, self.heads, self.features, self.components, fraction, self.lowered)
        return op(x, factor)
