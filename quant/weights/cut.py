"""Cuts: the places where an activation is rounded and saturated to a few bits (a Brevitas quantizer each)."""

from __future__ import annotations

from typing import Any

import brevitas.nn as qnn
import torch
from torch import nn

from tritag.quant.formats.fixed import Grid
from tritag.quant.formats.tensor import FixedTensor, fake_quantize
from tritag.quant.weights.quantizers import ActivationQuantizer, StaticQuantileScaling


class Cut(nn.Module):
    """Round half to even and saturate to ``bits`` bits with an observed power-of-two scale."""

    def __init__(self, bits: int, **observer: Any) -> None:
        super().__init__()
        self.bits = bits
        self.quantizer = qnn.QuantIdentity(
            act_quant=ActivationQuantizer, bit_width=bits, return_quant_tensor=False, **observer
        )

    @property
    def scaling(self) -> StaticQuantileScaling:
        """The observer; Brevitas makes another one when weights are loaded."""
        return self.quantizer.act_quant.fused_activation_quant_proxy.tensor_quant.scaling_impl

    @property
    def grid(self) -> Grid:
        """Grid of the cut's output at the present range."""
        size = 1 << (self.bits - 1)
        return Grid(-size, size - 1, self.scaling.fraction(size))

    def learned_width(self) -> torch.Tensor | None:
        """Bits as a number with a gradient, when they are learned."""
        return None

    def forward(self, x: FixedTensor) -> FixedTensor:
        """Cut ``x``; in training without Brevitas, whose quantizer gives the same values and takes a hundred calls."""
        if self.training:
            self.scaling.observe(x.value)
            grid = self.grid
            return FixedTensor(fake_quantize(x.value, grid), grid)
        return FixedTensor(self.quantizer(x.value), self.grid)
