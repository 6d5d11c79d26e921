"""Weights with trainable fractional bits, one number per tensor, per output channel, or per weight.

The largest weight of a tensor has at most 8 bits, so the finest grid is that of int8, where training begins. Downwards
there is no end: a weight whose grid is coarser than itself is 0, and pruned.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from tritag.quant.formats.effective_bits import significant_bits
from tritag.quant.formats.straight_through import straight_through
from tritag.quant.weights.learned_bits import magnitude_bits, round_to, whole

Granularity = Literal["tensor", "channel", "weight"]
# Magnitude bits of the largest weight, sign apart.
_MOST_BITS = 7
# Sizes below this do not matter: no grid is so fine.
_SMALLEST = 2.0**-24


class LearnedWeights(nn.Module):
    """Quantizer of one weight matrix (n_out, n_in).

    ``by_size``: the count of bits has a gradient by the weights, too, since a weight of half the size has one bit less.
    The penalty then shrinks weights until they are pruned.
    """

    initialised: Tensor

    def __init__(self, n_in: int, n_out: int, granularity: Granularity, by_size: bool = False) -> None:
        super().__init__()
        self.by_size = by_size
        shape = {"tensor": (1, 1), "channel": (n_out, 1), "weight": (n_out, n_in)}[granularity]
        self.fraction = nn.Parameter(torch.zeros(shape))
        self.register_buffer("initialised", torch.tensor(False))

    def forward(self, weight: Tensor) -> Tensor:
        """Weights that the network sees, same shape."""
        finest = self._finest(weight)
        if self.training:
            with torch.no_grad():
                if not bool(self.initialised):
                    self.fraction.fill_(finest)
                    self.initialised.fill_(True)
                self.fraction.clamp_(finest - _MOST_BITS - 1, finest)
            return round_to(weight, self.fraction)
        return round_to(weight, self._settled(finest))

    def bits(self, weight: Tensor) -> Tensor:
        """Sum of all weights' bits without signs, differentiable in fractional bits, and ``by_size`` in the weights.

        Pruned weights have no bits and no gradient.
        """
        size = magnitude_bits(round_to(weight.detach(), self.fraction.detach()))
        if self.by_size:
            size = straight_through(torch.log2(weight.abs().clamp(min=_SMALLEST)), size)
        each = (size + whole(self.fraction)).clamp(min=0)
        return each.expand_as(weight).sum()

    def codes(self, weight: Tensor) -> tuple[np.ndarray, int]:
        """Integers (int64, shape of ``weight``) and their common number of fractional bits."""
        fractions = torch.round(self._settled(self._finest(weight)))
        value = round_to(weight.detach(), fractions.detach()).double().cpu().numpy()
        fraction = int(fractions.max())
        codes = np.rint(value * 2.0**fraction).astype(np.int64)
        # Where the finest grid is not used, neither is it needed.
        while fraction > -_MOST_BITS and codes.any() and not (codes % 2).any():
            codes, fraction = codes // 2, fraction - 1
        return codes, fraction

    def effective_bits(self, weight: Tensor) -> int:
        """Sum of the weights' effective bits (:mod:`tritag.quant.formats.effective_bits`)."""
        return int(significant_bits(self.codes(weight)[0]).sum())

    def _finest(self, weight: Tensor) -> float:
        largest = float(magnitude_bits(weight).max())
        return _MOST_BITS - max(largest, -16.0)

    def _settled(self, finest: float) -> Tensor:
        if not bool(self.initialised):
            return torch.full_like(self.fraction, finest)
        return self.fraction.clamp(finest - _MOST_BITS - 1, finest)
