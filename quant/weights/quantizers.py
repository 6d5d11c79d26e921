"""Brevitas quantizers of tritag: power-of-two scales, zero point 0, per tensor.

Activations: static scales from quantiles, observed batch by batch first, then as a running average, then frozen.
Weights: int8 by their maximum; ternary by their mean (BitNet's abs-mean), as 2-bit narrow integers, because
Brevitas' own ternary type exports wrong numbers.
"""

from __future__ import annotations

import math

import torch
from brevitas.core.function_wrapper import TensorClampSte
from brevitas.inject.enum import ScalingImplType
from brevitas.quant.base import IntQuant, NarrowIntQuant, PerTensorPoTScaling8bit
from brevitas.quant.fixed_point import Int8BiasPerTensorFixedPointInternalScaling
from brevitas.quant.solver.act import ActQuantSolver
from brevitas.quant.solver.weight import WeightQuantSolver
from torch import Tensor, nn

from tritag.errors import ExportError

# Quantiles are estimated on at most this many evenly spaced entries of a batch.
_QUANTILE_SAMPLE = 16384
# Smallest range a tensor is given, so that an all-zero tensor has a scale.
_SMALLEST_RANGE = 2.0**-12


def power_of_two_ceil(x: Tensor) -> Tensor:
    """Smallest power of two that is >= x, exactly."""
    mantissa, exponent = torch.frexp(x)
    return torch.ldexp(torch.ones_like(x), exponent - (mantissa == 0.5).to(exponent.dtype))


def power_of_two_near(x: Tensor) -> Tensor:
    """Power of two nearest to x in the logarithm, exactly."""
    mantissa, exponent = torch.frexp(x)
    return torch.ldexp(torch.ones_like(x), exponent - (mantissa < 0.5**0.5).to(exponent.dtype))


def fraction_of_scale(scale: Tensor) -> int:
    """Fractional bits of numbers on a power-of-two scale.

    Raises
    ------
    ExportError
        The scale is no power of two.
    """
    mantissa, exponent = math.frexp(float(scale))
    if mantissa != 0.5:
        raise ExportError(f"scales must be powers of two to have an exact form in firmware, got {float(scale)}")
    return 1 - exponent


class StaticQuantileScaling(nn.Module):
    """Scale of an activation from the quantiles of its values (paper, App. A: 1e-3 and 1 - 1e-3, momentum 0.99).

    Three phases of a training, driven by ``on_step``: *dynamic* (each batch sets the range), *momentum* (running
    average), *frozen*. Evaluation never changes the range.
    """

    range: Tensor
    observed: Tensor

    def __init__(
        self,
        range_quantile: float,
        range_momentum: float,
        dynamic_fraction: float,
        frozen_fraction: float,
    ) -> None:
        super().__init__()
        self.quantile, self.momentum = range_quantile, range_momentum
        self.dynamic_fraction, self.frozen_fraction = dynamic_fraction, frozen_fraction
        self.register_buffer("range", torch.tensor(1.0))
        self.register_buffer("observed", torch.tensor(0, dtype=torch.int64))
        self.progress = 0.0

    def on_step(self, step: int, total: int) -> None:
        """Tell the observer how far the training is."""
        self.progress = step / max(total, 1)

    def forward(self, x: Tensor, threshold: Tensor) -> Tensor:
        """Scale of the tensor; ``threshold`` is the number of positive codes (128 for int8)."""
        self.observe(x)
        return self.scale(threshold)

    def scale(self, threshold: Tensor) -> Tensor:
        """Scale at the present range: the smallest power of two that reaches it."""
        return power_of_two_ceil(self.range / (threshold - 1))

    def fraction(self, threshold: int) -> int:
        """Fractional bits of :meth:`scale`, which is ``2**-fraction``."""
        mantissa, exponent = math.frexp(float(self.range / (threshold - 1)))
        return int(mantissa == 0.5) - exponent

    @torch.no_grad()
    def observe(self, x: Tensor) -> None:
        """Let the values of a training step move the range, unless it is frozen."""
        if not self.training or self.progress >= self.frozen_fraction:
            return
        flat = x.reshape(-1)
        # An odd stride: one that divides the number of channels would see some of the channels only.
        sample = flat[:: flat.numel() // _QUANTILE_SAMPLE | 1].abs()
        # Both tails share one symmetric range; each holds `quantile` of the values.
        rank = max(1, round(sample.numel() * (1 - 2 * self.quantile)))
        now = sample.kthvalue(rank).values.clamp(min=_SMALLEST_RANGE)
        dynamic = self.progress < self.dynamic_fraction or int(self.observed) == 0
        self.range.copy_(now if dynamic else self.momentum * self.range + (1 - self.momentum) * now)
        self.observed += 1


class AbsMaxWeightScaling(nn.Module):
    """Weight scale: the largest weight is the largest code."""

    def __init__(self) -> None:
        super().__init__()

    def forward(self, x: Tensor, threshold: Tensor) -> Tensor:
        """Scale of a weight tensor: the smallest power of two that reaches its largest weight."""
        return power_of_two_ceil(x.detach().abs().amax().clamp(min=_SMALLEST_RANGE) / (threshold - 1))


class AbsMeanWeightScaling(nn.Module):
    """Ternary weight scale: mean of the absolute weights (BitNet b1.58), as the nearest power of two.

    A power of two jumps by a factor of 2, and the ternary thresholds with it, so the scale is frozen early
    (``scale_frozen_fraction`` of the training) and the weights move against fixed thresholds from then on.
    """

    scale: Tensor
    progress: float

    def __init__(self, scale_frozen_fraction: float) -> None:
        super().__init__()
        self.frozen_fraction = scale_frozen_fraction
        self.register_buffer("scale", torch.tensor(0.0))
        self.progress = 0.0

    def on_step(self, step: int, total: int) -> None:
        """Tell the observer how far the training is."""
        self.progress = step / max(total, 1)

    def forward(self, x: Tensor, threshold: Tensor) -> Tensor:
        """Scale of a weight tensor: the power of two near its mean, until it is frozen."""
        if float(self.scale) == 0 or (self.training and self.progress <= self.frozen_fraction):
            self.scale.copy_(power_of_two_near(x.detach().abs().mean().clamp(min=_SMALLEST_RANGE)))
        return self.scale.clone()


class ActivationQuantizer(IntQuant, PerTensorPoTScaling8bit, ActQuantSolver):
    """Signed activation; ``bit_width`` and the observer's settings are keyword arguments of the Brevitas layer."""

    scaling_impl = StaticQuantileScaling
    scaling_impl_type = ScalingImplType.STATS
    range_quantile = 1e-3
    range_momentum = 0.99
    dynamic_fraction = 0.05
    frozen_fraction = 0.8


class Int8Weight(NarrowIntQuant, PerTensorPoTScaling8bit, WeightQuantSolver):
    """Narrow signed weight of ``bit_width`` bits (8)."""

    scaling_impl = AbsMaxWeightScaling
    scaling_impl_type = ScalingImplType.STATS
    tensor_clamp_impl = TensorClampSte


class TernaryWeight(NarrowIntQuant, PerTensorPoTScaling8bit, WeightQuantSolver):
    """Weights in {-1, 0, +1} times a power of two: 2-bit narrow integers."""

    bit_width = 2
    scaling_impl = AbsMeanWeightScaling
    scale_frozen_fraction = 0.05
    scaling_impl_type = ScalingImplType.STATS
    tensor_clamp_impl = TensorClampSte


class Bias(Int8BiasPerTensorFixedPointInternalScaling):
    """Bias with a power-of-two scale of its own."""

    scaling_impl = AbsMaxWeightScaling


class UnitScaling(nn.Module):
    """Scale 1: for an offset that is zero, so that it does not refine the grid of the sum."""

    def __init__(self) -> None:
        super().__init__()

    def forward(self, x: Tensor, threshold: Tensor) -> Tensor:
        """Scale 1, whatever ``x`` is."""
        return torch.ones_like(threshold)


class ZeroBias(Bias):
    """Quantizer of an offset that is zero and stays zero."""

    scaling_impl = UnitScaling  # type: ignore[assignment]


__all__ = [
    "ActivationQuantizer",
    "Bias",
    "Int8Weight",
    "StaticQuantileScaling",
    "TernaryWeight",
    "ZeroBias",
    "fraction_of_scale",
    "power_of_two_ceil",
    "power_of_two_near",
]
