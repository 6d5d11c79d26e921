"""Outer sum of the first layer of an all-pairs Frames-Net. Specification: docs/ops/pair_sum.md.

``W [s_i, s_j, e_ij] + b`` splits into products per token, products per pair, and this sum.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch.nn import functional as F

from tritag.models.layers.scalars import N_SCALARS
from tritag.quant.formats.tensor import FixedTensor
from tritag.quant.integer.tracer import Int, Tracer
from tritag.quant.ops.modules import TrainableOp
from tritag.quant.ops.op import BoundProgram, Op, TensorSpec, fractions
from tritag.quant.ops.pair_masses import N_SPURIONS


@dataclass(frozen=True)
class PairSum(Op):
    """``a_i + b_j + c_ij`` for C channels: a (B, R, C), b (B, 1, K C), c (B, R, N C) to (B, R, N C), exact.

    N = K + 3: the spurions' b is zero. Lanes are ordered token by token.
    """

    def bind(self, own: TensorSpec, other: TensorSpec, pair: TensorSpec) -> BoundProgram:
        """Program: the two addends repeated over the lanes, on the finest of the three grids."""
        c, n = own.lanes, pair.lanes // own.lanes
        fraction = max(fractions(own, other, pair))
        t = Tracer("pair_sum", own.rows)

        def fine(name: str, x: TensorSpec, per_row: bool = True) -> Int:
            value, shift = x.declare(t, name, per_row), fraction - x.grid.fraction
            return value << shift if shift else value

        a, b, pairs = fine("own", own), fine("other", other, per_row=False), fine("pair", pair)
        of_row = t.stack([a.lane(i) for i in range(c)] * n)
        zero = t.constant(0)
        of_column = t.stack([zero] * (N_SPURIONS * c) + [b.lane(i) for i in range(other.lanes)])
        t.output("sum", of_row + of_column + pairs)
        return BoundProgram(t.program, fractions(own, other, pair), (fraction,))


class TrainablePairSum(TrainableOp):
    """The op with a gradient."""

    def frozen(self) -> PairSum:
        """Make the op; it has no settings."""
        return PairSum()

    def surrogate(self, own: FixedTensor, other: FixedTensor, pair: FixedTensor) -> FixedTensor:
        """Add in floats."""
        c = own.value.shape[-1]
        column = F.pad(other.value.unflatten(-1, (-1, c)), (0, 0, N_SPURIONS, 0))
        total = pair.value.unflatten(-1, (-1, c)) + own.value[:, :, None] + column
        return FixedTensor(total.flatten(2), None)


@dataclass(frozen=True)
class TokenScalars(Op):
    """Scalars of the candidates in one row (B, 1, 7 K) to those of all tokens (B, 1, 7 N): zeros for the spurions."""

    def bind(self, scalars: TensorSpec) -> BoundProgram:
        """Program: zeros in front."""
        t = Tracer("token_scalars", 1)
        value = scalars.declare(t, "scalars", per_row=False)
        zero = t.constant(0)
        t.output("tokens", t.stack([zero] * (N_SPURIONS * N_SCALARS) + [value.lane(i) for i in range(scalars.lanes)]))
        return BoundProgram(t.program, fractions(scalars), (scalars.grid.fraction,))
