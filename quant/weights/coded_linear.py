"""Linear layers whose weights come from a quantizer of our own (binary, PARQ, learned widths), and their export.

Brevitas trains and exports scale-and-round quantizers. These layers train with any quantizer that has integer codes on
a power-of-two scale. For export they turn into plain Brevitas layers with the codes as constant weights.
"""

from __future__ import annotations

import copy
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from brevitas.inject.enum import ScalingImplType
from brevitas.quant.base import NarrowIntQuant, PerTensorPoTScaling8bit
from brevitas.quant.solver.weight import WeightQuantSolver
from torch import Tensor, nn
from torch.nn import functional as F

from tritag.quant.weights.cut import Cut
from tritag.quant.weights.learned_cut import LearnedCut
from tritag.quant.weights.learned_weights import LearnedWeights
from tritag.quant.weights.linear import QuantLinear, QuantVectorLinear
from tritag.quant.weights.quantizers import Int8Weight


class WeightCoder(Protocol):
    """What a :class:`CodedLinear` needs of its quantizer, an ``nn.Module``."""

    def __call__(self, weight: Tensor) -> Tensor:
        """Quantized weights, differentiable."""

    def codes(self, weight: Tensor) -> tuple[np.ndarray, int]:
        """Integers (int64) and their fractional bits."""


class ConstantScaling(nn.Module):
    """Scale of a quantizer that is known beforehand and never observed."""

    def __init__(self, fraction: int) -> None:
        super().__init__()
        self.fraction = fraction

    def forward(self, x: Tensor, threshold: Tensor) -> Tensor:
        """The scale ``2**-fraction``, whatever is given."""
        return torch.tensor(2.0**-self.fraction)


class ConstantWeight(NarrowIntQuant, PerTensorPoTScaling8bit, WeightQuantSolver):
    """Weights that are on their grid already: ``bit_width`` and ``fraction`` are arguments of the Brevitas layer."""

    scaling_impl = ConstantScaling
    scaling_impl_type = ScalingImplType.STATS
    fraction = 0


class CodedLinear(QuantLinear):
    """Affine map with weights from ``coder``; otherwise a :class:`QuantLinear`."""

    plain: type[QuantLinear] = QuantLinear

    def __init__(self, n_in: int, n_out: int, coder: Any, bias_bits: int, cut: Cut | None) -> None:
        super().__init__(n_in, n_out, {"weight_quant": Int8Weight}, bias_bits, cut)
        self.coder = coder

    def affine(self, x: Tensor) -> Tensor:
        """Product of ``x`` (..., n_in) with the coded weights, plus the quantized bias."""
        return F.linear(x, self.coder(self.weight), self.bias_value())

    def weight_integers(self) -> tuple[np.ndarray, int]:
        """Weights (n_out, n_in), int64, as the coder rounds them, and their fraction."""
        return self.coder.codes(self.weight)

    def weight_bits(self) -> Tensor | float:
        """Sum of the weights' effective bits; it has a gradient when widths are learned."""
        return self.coder.bits(self.weight) if isinstance(self.coder, LearnedWeights) else super().weight_bits()

    def constant(self) -> QuantLinear:
        """The same map as a plain Brevitas layer."""
        codes, fraction = self.weight_integers()
        bits = max(2, int(np.abs(codes).max(initial=0)).bit_length() + 1)
        settings = {"weight_quant": ConstantWeight, "weight_bit_width": bits, "weight_fraction": fraction}
        plain = self.plain(self.in_features, self.out_features, settings, self.bias_bits, self.cut)
        with torch.no_grad():
            plain.weight.copy_(torch.from_numpy(codes * 2.0**-fraction))
            plain.bias.copy_(self.bias)
        return plain.train(self.training)


class CodedVectorLinear(CodedLinear, QuantVectorLinear):
    """Linear map of vectors' channels with weights from ``coder``."""

    plain = QuantVectorLinear


@runtime_checkable
class WithPlainForm(Protocol):
    """A layer that is exported as another one."""

    def constant(self) -> nn.Module:
        """The same map of plain Brevitas layers and ops, with constant weights."""


def with_plain_layers(tagger: Any) -> Any:
    """A copy of ``tagger`` with plain layers only: constant weights and widths; itself when it has no others."""
    kinds = (LearnedCut, WithPlainForm)  # in this order: linear layers hand their cuts on
    if not any(isinstance(module, kinds) for module in tagger.modules()):
        return tagger
    tagger = copy.deepcopy(tagger)
    for kind in kinds:
        for parent in list(tagger.modules()):
            for name, child in list(parent.named_children()):
                if isinstance(child, kind):
                    setattr(parent, name, child.constant())
    return tagger


__all__ = ["CodedLinear", "CodedVectorLinear", "WeightCoder", "with_plain_layers"]
