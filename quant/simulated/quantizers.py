"""Quantizers with free float scales, as the papers train them on GPUs: simulated, without exact form in firmware.

Each is a module ``x -> x`` on its grid with the straight-through gradient.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from tritag.quant.config import QuantConfig
from tritag.quant.formats.straight_through import straight_through

_LOW, _HIGH = -128, 127
# Smallest range a tensor is given, so that a constant tensor has a scale.
_SMALLEST_RANGE = 2.0**-12
_QUANTILE_SAMPLE = 16384


def asymmetric_int8(x: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """``x`` in int8 between ``low`` and ``high`` (broadcast), with zero point (tagger-quantization paper, Eq. 12).

    ``S = (high - low)/255, Z = clamp(round(-128 - low/S))``. The clamp of Z destroys a tensor whose range excludes 0;
    the paper has it, so it stays.
    """
    scale = (high - low).clamp(min=_SMALLEST_RANGE) / (_HIGH - _LOW)
    zero = torch.round(_LOW - low / scale).clamp(_LOW, _HIGH)
    return (torch.round(x / scale + zero).clamp(_LOW, _HIGH) - zero) * scale


class AsymmetricWeight(nn.Module):
    """Weights between their smallest and their largest value."""

    def forward(self, weight: Tensor) -> Tensor:
        """Quantize a whole tensor."""
        w = weight.detach()
        return straight_through(weight, asymmetric_int8(w, w.amin(), w.amax()))


class AbsMaxWeight(nn.Module):
    """Symmetric int8 weights: the largest is 127 (BitNet's 8-bit layers)."""

    def forward(self, weight: Tensor) -> Tensor:
        """Quantize a whole tensor."""
        w = weight.detach()
        scale = w.abs().amax().clamp(min=_SMALLEST_RANGE) / _HIGH
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
        return straight_through(x, asymmetric_int8(plain, plain.amin(axes, True), plain.amax(axes, True)))


class StaticInput(nn.Module):
    """Asymmetric int8 between quantiles: of the batch at first, then a running average, then frozen.

    ``on_step`` drives the phases as in ``StaticQuantileScaling`` (weights/quantizers.py); evaluation changes
    nothing.
    """

    range: Tensor
    observed: Tensor

    def __init__(self, config: QuantConfig) -> None:
        super().__init__()
        self.quantile, self.momentum = config.range_quantile, config.range_momentum
        self.dynamic_fraction, self.frozen_fraction = config.dynamic_fraction, config.frozen_fraction
        self.register_buffer("range", torch.tensor([-1.0, 1.0]))
        self.register_buffer("observed", torch.tensor(0, dtype=torch.int64))
        self.progress = 0.0

    def on_step(self, step: int, total: int) -> None:
        """Tell the observer how far the training is."""
        self.progress = step / max(total, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Quantize ``x`` (any shape)."""
        plain = x.detach()
        if self.training and self.progress < self.frozen_fraction:
            self._observe(plain)
        return straight_through(x, asymmetric_int8(plain, self.range[0], self.range[1]))

    def _observe(self, x: Tensor) -> None:
        flat = x.reshape(-1)
        sample = flat[:: max(1, flat.numel() // _QUANTILE_SAMPLE)]
        now = torch.quantile(sample, torch.tensor([self.quantile, 1 - self.quantile]))
        dynamic = self.progress < self.dynamic_fraction or int(self.observed) == 0
        self.range.copy_(now if dynamic else self.momentum * self.range + (1 - self.momentum) * now)
        self.observed += 1


class PerTokenInput(nn.Module):
    """Symmetric int8 of each token: its largest entry along ``channel_axes`` is 127 (BitNet; BitHEP)."""

    def __init__(self, channel_axes: Sequence[int]) -> None:
        super().__init__()
        self.channel_axes = list(channel_axes)

    def forward(self, x: Tensor) -> Tensor:
        """Quantize ``x`` token by token; the gradient passes."""
        plain = x.detach()
        scale = plain.abs().amax(self.channel_axes, True).clamp(min=_SMALLEST_RANGE) / _HIGH
        return straight_through(x, torch.round(plain / scale) * scale)
