"""Ternary and binary weights with one scale per tensor, trained straight through or by PARQ.

Both keep a latent float weight that the optimizer moves with the gradient at the quantized one.

*STE* (BitNet; BitHEP): ternary ``s clip(round(w/s), -1, 1)``, binary ``s sign(w - mean w)``, s = mean |w|.

*PARQ*, piecewise-affine regularized quantization (tagger-quantization paper, Eqs. 18-22; arXiv:2503.15748): the
network sees ``clip(c + (w - c)/rho, q_low, q_high)`` between neighbouring levels q_low < q_high with midpoint c, where
rho falls from 1 (the weight itself) to 0 (hard rounding) in a short stretch of the training. s = 1.1 mean |w| for
ternary weights, mean |w| for binary ones, looked up again every ten steps.

In evaluation mode weights are always on their levels.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from tritag.quant.config import QuantConfig
from tritag.quant.formats.straight_through import straight_through
from tritag.quant.weights.quantizers import fraction_of_scale, power_of_two_near

Levels = Literal["ternary", "binary"]
_SMALLEST_SCALE = 2.0**-12
_PARQ_PERIOD = 10
_PARQ_TERNARY = 1.1


def inverse_slope(progress: float, start: float, end: float, steepness: float) -> float:
    """Parameter rho of PARQ at ``progress`` in [0, 1]: 1 before ``start``, 0 from ``end`` on, a sigmoid between."""
    if progress < start:
        return 1.0
    if progress >= end:
        return 0.0
    done = (progress - start) / (end - start)
    low, high = _sigmoid(-steepness / 2), _sigmoid(steepness / 2)
    return (_sigmoid(-steepness * (done - 0.5)) - low) / (high - low)


def _sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))


def proximal_map(weight: Tensor, levels: Tensor, rho: float) -> Tensor:
    """PARQ's map of ``weight`` (any shape) towards the sorted ``levels`` (n,): rho = 1 clips, rho = 0 rounds."""
    if rho <= 0:
        middles = (levels[:-1] + levels[1:]) / 2
        return levels[torch.bucketize(weight, middles)]
    above = torch.bucketize(weight, levels)
    low, high = levels[(above - 1).clamp(min=0)], levels[above.clamp(max=len(levels) - 1)]
    centre = (low + high) / 2
    slope = max(rho, torch.finfo(weight.dtype).tiny)
    return torch.minimum(torch.maximum(centre + (weight - centre) / slope, low), high)


class LowBitWeights(nn.Module):
    """Quantizer of one weight tensor.

    Parameters
    ----------
    config : QuantConfig
        Its ``weights``, ``weight_method``, phases, and PARQ's schedule.
    power_of_two : bool
        Round the scale to a power of two, which firmware needs, and freeze it after ``scale_frozen_fraction``: a power
        of two moves in jumps. Otherwise the scale is free and follows to the end.
    """

    scale: Tensor

    def __init__(self, config: QuantConfig, power_of_two: bool) -> None:
        super().__init__()
        self.levels: Levels = "binary" if config.weights == "binary" else "ternary"
        self.parq = config.weight_method == "parq"
        self.schedule = (config.parq_start, config.parq_end, config.parq_steepness)
        self.power_of_two = power_of_two
        self.frozen_fraction = config.scale_frozen_fraction if power_of_two else 1.0
        self.register_buffer("scale", torch.tensor(0.0))
        self.step, self.progress = 0, 0.0

    def on_step(self, step: int, total: int) -> None:
        """Tell the schedule how far the training is."""
        self.step, self.progress = step, step / max(total, 1)

    def forward(self, weight: Tensor) -> Tensor:
        """Weights that the network sees, same shape."""
        self._observe(weight)
        return straight_through(weight, self._value(weight.detach()))

    def codes(self, weight: Tensor) -> tuple[np.ndarray, int]:
        """Integers (int64, shape of ``weight``) in {-1, 0, 1} or {-1, 1}, and the scale's fractional bits.

        Raises
        ------
        ExportError
            The scale is no power of two.
        """
        self._observe(weight)
        return self._hard(weight.detach()).long().cpu().numpy(), fraction_of_scale(self.scale)

    def _value(self, weight: Tensor) -> Tensor:
        if not (self.training and self.parq):
            return self._hard(weight) * self.scale
        if self.progress < self.schedule[0]:
            return weight
        levels = self.scale.new_tensor([-1.0, 1.0] if self.levels == "binary" else [-1.0, 0.0, 1.0]) * self.scale
        return proximal_map(weight, levels, inverse_slope(self.progress, *self.schedule))

    def _hard(self, weight: Tensor) -> Tensor:
        if self.levels == "binary":
            centre = 0.0 if self.parq else weight.mean()
            return torch.where(weight > centre, 1.0, -1.0)
        return torch.round(weight / self.scale).clamp(-1, 1)

    @torch.no_grad()
    def _observe(self, weight: Tensor) -> None:
        due = not self.parq or self.step % _PARQ_PERIOD == 0
        if float(self.scale) != 0 and not (self.training and due and self.progress <= self.frozen_fraction):
            return
        factor = _PARQ_TERNARY if self.parq and self.levels == "ternary" else 1.0
        scale = (factor * weight.abs().mean()).clamp(min=_SMALLEST_SCALE)
        self.scale.copy_(power_of_two_near(scale) if self.power_of_two else scale)
