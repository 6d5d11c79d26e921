"""Outer sum of the first layer of an all-pairs Frames-Net. Specification: docs/ops/pair_sum.md.

``W [s_i, s_j, e_ij] + b`` splits into products per token, products per pair, and this sum.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from tritag.models.layers.scalars import N_SCALARS
from tritag.quant.formats.fixed import Grid
from tritag.quant.formats.tensor import FixedTensor
from tritag.quant.integer.program import Int, Tracer
from tritag.quant.ops.op import BoundProgram, FixedOp, IntegerOp
from tritag.quant.ops.pair_masses import N_SPURIONS


class PairSum(IntegerOp):
    """``a_i + b_j + c_ij`` for C channels: a (B, R, C), b (B, 1, K C), c (B, R, N C) to (B, R, N C), exact.

    N = K + 3: the spurions' b is zero. Lanes are ordered token by token.
    """

    def __init__(self, rows: int, n_constituents: int, channels: int) -> None:
        super().__init__()
        self.rows, self.n_constituents, self.channels = rows, n_constituents, channels

    def bind(self, own: Grid, other: Grid, pair: Grid) -> BoundProgram:
        """Program: the two addends repeated over the lanes, on the finest of the three grids."""
        k, n, c = self.n_constituents, self.n_constituents + N_SPURIONS, self.channels
        fraction = max(own.fraction, other.fraction, pair.fraction)
        t = Tracer("pair_sum", self.rows)

        def fine(value: Int, grid: Grid) -> Int:
            shift = fraction - grid.fraction
            return value << shift if shift else value

        a = fine(t.input("own", own.low, own.high, lanes=c), own)
        b = fine(t.input("other", other.low, other.high, lanes=k * c, per_row=False), other)
        pairs = fine(t.input("pair", pair.low, pair.high, lanes=n * c), pair)
        of_row = t.stack([a.lane(i) for i in range(c)] * n)
        zero = t.constant(0)
        of_column = t.stack([zero] * (N_SPURIONS * c) + [b.lane(i) for i in range(k * c)])
        t.output("sum", of_row + of_column + pairs)
        return BoundProgram(t.program, (own.fraction, other.fraction, pair.fraction), (fraction,))

    def surrogate(self, own: FixedTensor, other: FixedTensor, pair: FixedTensor) -> Tensor:  # type: ignore[override]
        """The same sum."""
        c = self.channels
        column = F.pad(other.value.unflatten(-1, (-1, c)), (0, 0, N_SPURIONS, 0))
        return (pair.value.unflatten(-1, (-1, c)) + own.value[:, :, None] + column).flatten(2)


class TokenScalars(FixedOp):
    """Scalars of the candidates in one row (B, 1, 7 K) to those of all tokens (B, 1, 7 N): zeros for the spurions."""

    def __init__(self, n_constituents: int) -> None:
        super().__init__()
        self.n_constituents = n_constituents

    def bind(self, scalars: Grid) -> BoundProgram:
        """Program: zeros in front."""
        t, n = Tracer("token_scalars", 1), N_SCALARS * self.n_constituents
        value = t.input("scalars", scalars.low, scalars.high, lanes=n, per_row=False)
        zero = t.constant(0)
        t.output("tokens", t.stack([zero] * (N_SPURIONS * N_SCALARS) + [value.lane(i) for i in range(n)]))
        return BoundProgram(t.program, (scalars.fraction,), (scalars.fraction,))
