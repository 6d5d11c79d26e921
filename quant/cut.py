"""Cuts: the places where an activation is rounded and saturated to a few bits (a Brevitas quantizer each)."""

from __future__ import annotations

from typing import Any

import brevitas.nn as qnn
import torch
from torch import nn

from tritag.quant.fixed import Grid
from tritag.quant.quantizers import ActivationQuantizer, StaticQuantileScaling
from tritag.quant.tensor import FixedTensor


class Cut(nn.Module):
    """Round half to even and saturate to ``bits`` bits with an observed power-of-two scale."""

    def __init__(self, bits: int, **observer: Any) -> None:
        super().__init__()
        self.bits = bits
        self.quantizer = qnn.QuantIdentity(
            act_quant=ActivationQuantizer, bit_width=bits, return_quant_tensor=False, **observer
        )

    @property
    def grid(self) -> Grid:
        """Grid of the cut's output at the present range."""
        scaling = next(m for m in self.quantizer.modules() if isinstance(m, StaticQuantileScaling))
        scale = scaling.scale(torch.tensor(2.0 ** (self.bits - 1)))
        fraction = 1 - int(torch.frexp(scale).exponent)
        return Grid(-(1 << (self.bits - 1)), (1 << (self.bits - 1)) - 1, fraction)

    def learned_width(self) -> torch.Tensor | None:
        """Bits as a number with a gradient, when they are learned."""
        return None

    def forward(self, x: FixedTensor) -> FixedTensor:
        """Cut ``x``."""
        value = self.quantizer(x.value)
        return FixedTensor(value, self.grid)
