"""Ternary weights fixed one after the other while the rest of the network adapts.

Incremental network quantization (Zhou et al., arXiv:1702.03044): weights that stand closest to a level are rounded to
it and fixed first; those that are still free go on training in float and make up for the rounding. Unlike with the
straight-through estimator no weight gets the gradient of another value than its own, and nothing flips back.

The share of fixed weights of each tensor rises with the progress x of the training as 1 - (1 - x/x_end)^2, in steps of
ten optimizer steps: fast while weights near a level are left, slowly for the last ones. Free weights are clipped to the
outer levels.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn

from tritag.quant.config import QuantConfig
from tritag.quant.formats.straight_through import straight_through
from tritag.quant.weights.quantizers import fraction_of_scale, power_of_two_near

_PERIOD = 10
_SMALLEST_SCALE = 2.0**-12


def fixed_share(progress: float, end: float) -> float:
    """Share of the weights that are fixed at ``progress`` in [0, 1]: all of them from ``end`` on."""
    return 1 - max(0.0, 1 - progress / end) ** 2


class IncrementalTernary(nn.Module):
    """Quantizer of one weight tensor to {-1, 0, 1} times a power of two.

    The power of two is the one nearest to ``incremental_scale`` times the mean absolute weight at the start.

    Parameters
    ----------
    config : QuantConfig
        Its ``incremental_end`` and ``incremental_scale``.
    shape : tuple of int
        Of the weight.
    """

    scale: Tensor
    level: Tensor
    fixed: Tensor

    def __init__(self, config: QuantConfig, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.end, self.factor = config.incremental_end, config.incremental_scale
        self.register_buffer("scale", torch.tensor(0.0))
        self.register_buffer("level", torch.zeros(shape))
        self.register_buffer("fixed", torch.zeros(shape, dtype=torch.bool))
        self.share, self.due = 0.0, False

    def on_step(self, step: int, total: int) -> None:
        """Tell the schedule how far the training is."""
        self.due = step % _PERIOD == 0
        self.share = fixed_share(step / max(total, 1), self.end)

    def forward(self, weight: Tensor) -> Tensor:
        """Weights that the network sees, same shape; the gradient of a fixed weight is zero."""
        self._observe(weight)
        if not self.training:
            return self._levels(weight) * self.scale
        if self.due:
            self.due = False
            self._fix(weight.detach())
        free = straight_through(weight, torch.clamp(weight.detach(), -self.scale, self.scale))
        return torch.where(self.fixed, self.level * self.scale, free)

    def codes(self, weight: Tensor) -> tuple[np.ndarray, int]:
        """Integers (int64, shape of ``weight``) in {-1, 0, 1}, and the scale's fractional bits."""
        self._observe(weight)
        return self._levels(weight).long().cpu().numpy(), fraction_of_scale(self.scale)

    def _levels(self, weight: Tensor) -> Tensor:
        return torch.where(self.fixed, self.level, torch.round(weight.detach() / self.scale).clamp(-1, 1))

    @torch.no_grad()
    def _observe(self, weight: Tensor) -> None:
        if float(self.scale) == 0:
            self.scale.copy_(power_of_two_near((self.factor * weight.abs().mean()).clamp(min=_SMALLEST_SCALE)))

    def _fix(self, weight: Tensor) -> None:
        """Fix free weights, the closest to their level first, until the share is reached."""
        missing = math.floor(self.share * weight.numel() + 0.5) - int(self.fixed.sum())
        if missing <= 0:
            return
        level = torch.round(weight / self.scale).clamp(-1, 1)
        distance = (weight.clamp(-self.scale, self.scale) - level * self.scale).abs()
        distance[self.fixed] = math.inf
        chosen = distance.flatten().topk(missing, largest=False).indices
        self.fixed.view(-1)[chosen] = True
        self.level.view(-1)[chosen] = level.flatten()[chosen]
