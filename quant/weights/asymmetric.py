"""Asymmetric integers with a free scale and a zero point: the tagger-quantization paper's int8."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tritag.quant.config import QuantConfig
from tritag.quant.formats.straight_through import straight_through

# Smallest range a tensor is given, so that a constant tensor has a scale.
SMALLEST_RANGE = 2.0**-12
_QUANTILE_SAMPLE = 16384


def code_ends(bits: int) -> tuple[int, int]:
    """Smallest and largest code of ``bits`` bits."""
    return -(1 << (bits - 1)), (1 << (bits - 1)) - 1


def scale_and_zero(low: Tensor, high: Tensor, bits: int = 8) -> tuple[Tensor, Tensor]:
    """Scale and zero point of the integers of ``bits`` bits between ``low`` and ``high`` (paper, Eq. 12).

    ``S = (high - low)/255, Z = clamp(round(-128 - low/S))``. The clamp of Z destroys a tensor whose range excludes 0;
    the paper has it, so it stays.
    """
    least, most = code_ends(bits)
    scale = (high - low).clamp(min=SMALLEST_RANGE) / (most - least)
    return scale, torch.round(least - low / scale).clamp(least, most)


def codes_less_zero(x: Tensor, scale: Tensor, zero: Tensor, bits: int = 8) -> Tensor:
    """``x`` in units of the scale: codes less their zero point, whole numbers in float32."""
    return torch.round(x / scale + zero).clamp(*code_ends(bits)) - zero


def asymmetric(x: Tensor, low: Tensor, high: Tensor, bits: int = 8) -> Tensor:
    """``x`` rounded to ``bits`` bits between ``low`` and ``high`` (broadcast), with a zero point."""
    scale, zero = scale_and_zero(low, high, bits)
    return codes_less_zero(x, scale, zero, bits) * scale


class StaticInput(nn.Module):
    """Asymmetric integers between quantiles: of the batch at first, then a running average, then frozen.

    ``on_step`` drives the phases as in ``StaticQuantileScaling`` (quantizers.py); evaluation changes nothing.

    Parameters
    ----------
    config : QuantConfig
        Settings of the observer.
    bits : int
        Width of the codes.
    holds_zero : bool
        The range is widened until it holds 0.
    """

    range: Tensor
    observed: Tensor

    def __init__(self, config: QuantConfig, bits: int = 8, holds_zero: bool = False) -> None:
        super().__init__()
        self.bits, self.holds_zero = bits, holds_zero
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
        return straight_through(x, asymmetric(plain, *self.ends(), self.bits))

    def ends(self) -> tuple[Tensor, Tensor]:
        """Ends of the range at present."""
        low, high = self.range[0], self.range[1]
        return (low.clamp(max=0), high.clamp(min=0)) if self.holds_zero else (low, high)

    def scale_and_zero(self) -> tuple[float, int]:
        """Scale and zero point at the present range."""
        scale, zero = scale_and_zero(*self.ends(), self.bits)
        return float(scale), int(zero)

    def _observe(self, x: Tensor) -> None:
        flat = x.ravel()
        sample = flat[:: max(1, flat.numel() // _QUANTILE_SAMPLE)]
        now = torch.quantile(sample, sample.new_tensor([self.quantile, 1 - self.quantile]))
        dynamic = self.progress < self.dynamic_fraction or int(self.observed) == 0
        self.range.copy_(now if dynamic else self.momentum * self.range + (1 - self.momentum) * now)
        self.observed += 1


__all__ = ["SMALLEST_RANGE", "StaticInput", "asymmetric", "code_ends", "codes_less_zero", "scale_and_zero"]
