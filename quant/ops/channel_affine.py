"""Trained factor and offset per channel: norms and scales. Specification: docs/ops/channel_affine.md."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from tritag.quant.formats.fixed import Grid
from tritag.quant.formats.tensor import FixedTensor
from tritag.quant.integer.program import Tracer
from tritag.quant.ops.op import BoundProgram, IntegerOp
from tritag.quant.weights.cut import Cut

# Bits of the largest factor, without its sign.
_FACTOR_BITS = 11


class ChannelAffine(IntegerOp):
    """``x * factor + offset``, channel by channel, cut to the observed type."""

    def __init__(self, n_tokens: int, cut: Cut) -> None:
        super().__init__()
        self.n_tokens, self.cut = n_tokens, cut
        # A tuple: parameters of the caller must not become this module's.
        self.values = torch.ones(1), torch.zeros(1)

    def with_values(self, x: FixedTensor, factor: Tensor, offset: Tensor) -> FixedTensor:
        """Run the op on x (B, N, C) with factor and offset (C,)."""
        self.values = factor, offset
        return self(x)

    def bind(self, x: Grid) -> BoundProgram:
        """Program: one product with a constant, one sum, one rounding per channel."""
        y = self.cut.grid
        factors, offsets = (v.double().tolist() for v in self.values)
        largest = max(max(map(abs, factors)), 2.0**-_FACTOR_BITS)
        fraction = _FACTOR_BITS - math.frexp(largest)[1]
        # The offset joins the product where its grid is fine enough for the result.
        fraction = max(fraction, y.fraction - x.fraction)
        t = Tracer("channel_affine", self.n_tokens)
        value = t.input("x", x.low, x.high, lanes=len(factors))
        product = value * t.constant([round(f * 2.0**fraction) for f in factors])
        total = product + t.constant([round(o * 2.0 ** (fraction + x.fraction)) for o in offsets])
        t.output("y", total.round_shift(fraction + x.fraction - y.fraction).clip(y.low, y.high))
        return BoundProgram(t.program, (x.fraction,), (y.fraction,))

    def surrogate(self, x: FixedTensor) -> Tensor:  # type: ignore[override]
        """Float product and sum, fake-quantized by the observer."""
        factor, offset = self.values
        return self.cut(FixedTensor(x.value * factor + offset, None)).value

    def output_grid_in_training(self, *inputs: FixedTensor) -> Grid:
        """The observer's grid."""
        return self.cut.grid

    def learned_width(self) -> Tensor | None:
        """That of the cut."""
        return self.cut.learned_width()

    def _settings(self) -> object:
        return self.cut.grid, *(tuple(v.tolist()) for v in self.values)
