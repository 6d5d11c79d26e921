"""Quantizers with free float scales, as the papers train them on GPUs: simulated, without exact form in firmware.

Each is a module ``x -> x`` on its grid with the straight-through gradient.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from tritag.quant.formats.straight_through import straight_through
from tritag.quant.weights.asymmetric import SMALLEST_RANGE, asymmetric

_HIGH = 127


class AsymmetricWeight(nn.Module):
    """Weights between their smallest and their largest value."""

    def forward(self, weight: Tensor) -> Tensor:
        """Quantize a whole tensor."""
        w = weight.detach()
        return straight_through(weight, asymmetric(w, w.amin(), w.amax()))


class AbsMaxWeight(nn.Module):
    """Symmetric int8 weights: the largest is 127 (BitNet's 8-bit layers)."""

    def forward(self, weight: Tensor) -> Tensor:
        """Quantize a whole tensor."""
        w = weight.detach()
        scale = w.abs().amax().clamp(min=SMALLEST_RANGE) / _HIGH
        return straight_through(weight, torch.round(w / scale) * scale)


class Bfloat16(nn.Module):
    """Values that bfloat16 holds; sums stay in float32, as on hardware with bfloat16 products."""

    def forward(self, x: Tensor) -> Tensor:
        """Round ``x`` to bfloat16; the gradient passes."""
        return straight_through(x, x.detach().to(torch.bfloat16).to(x.dtype))


class DynamicInput(nn.Module):
    """Asymmetric int8 of each jet between its own extremes; ``batch_axis`` counts the jets.

    The paper takes the extremes over a whole batch; over a jet a score does not depend on the other jets.
    """

    def __init__(self, batch_axis: int) -> None:
        super().__init__()
        self.batch_axis = batch_axis

    def forward(self, x: Tensor) -> Tensor:
        """Quantize ``x`` between its extremes; the gradient passes."""
        axes = [axis for axis in range(x.ndim) if axis != self.batch_axis]
        plain = x.detach()
        return straight_through(x, asymmetric(plain, plain.amin(axes, True), plain.amax(axes, True)))


class PerTokenInput(nn.Module):
    """Symmetric int8 of each token: its largest entry along ``channel_axes`` is 127 (BitNet; BitHEP)."""

    def __init__(self, channel_axes: Sequence[int]) -> None:
        super().__init__()
        self.channel_axes = list(channel_axes)

    def forward(self, x: Tensor) -> Tensor:
        """Quantize ``x`` token by token; the gradient passes."""
        plain = x.detach()
        scale = plain.abs().amax(self.channel_axes, True).clamp(min=SMALLEST_RANGE) / _HIGH
        return straight_through(x, torch.round(plain / scale) * scale)
