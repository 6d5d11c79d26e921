"""Trained factor and offset per channel: norms and scales. Specification: docs/ops/channel_affine.md."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor, nn

from tritag.quant.formats.fixed import Grid
from tritag.quant.formats.tensor import FixedTensor
from tritag.quant.integer.tracer import Tracer
from tritag.quant.ops.op import BoundProgram, Op, TensorSpec, fractions
from tritag.quant.weights.cut import Cut

# Bits of the largest factor, without its sign.
_FACTOR_BITS = 11


@dataclass(frozen=True)
class ChannelAffine(Op):
    """``x * factor + offset``, channel by channel, cut to the grid ``y``."""

    y: Grid
    factors: tuple[float, ...]
    offsets: tuple[float, ...]

    def bind(self, x: TensorSpec) -> BoundProgram:
        """Program: one product with a constant, one sum, one rounding per channel."""
        y, given = self.y, x.grid.fraction
        largest = max(max(map(abs, self.factors)), 2.0**-_FACTOR_BITS)
        fraction = _FACTOR_BITS - math.frexp(largest)[1]
        # The offset joins the product where its grid is fine enough for the result.
        fraction = max(fraction, y.fraction - given)
        t = Tracer("channel_affine", x.rows)
        product = x.declare(t, "x") * t.constant([round(f * 2.0**fraction) for f in self.factors])
        total = product + t.constant([round(o * 2.0 ** (fraction + given)) for o in self.offsets])
        t.output("y", total.round_shift(fraction + given - y.fraction).clip(y.low, y.high))
        return BoundProgram(t.program, fractions(x), (y.fraction,))


class TrainableChannelAffine(nn.Module):
    """The op with factors and offsets that the caller trains, on the grid that its cut observes."""

    def __init__(self, cut: Cut) -> None:
        super().__init__()
        self.cut = cut

    def forward(self, x: FixedTensor, factor: Tensor, offset: Tensor) -> FixedTensor:
        """Map x (B, N, C) with factor and offset (C,): in training in floats, fake-quantized by the cut."""
        if self.training:
            return self.cut(FixedTensor(x.value * factor + offset, None))
        factors, offsets = (tuple(values.tolist()) for values in (factor, offset))
        return ChannelAffine(self.cut.grid, factors, offsets)(x)
