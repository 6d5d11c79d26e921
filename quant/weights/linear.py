"""The quantized linear layer: integer weights, exact accumulator."""

from __future__ import annotations

from typing import Any

import brevitas.nn as qnn
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tritag.models.layers.products import narrow_linear
from tritag.quant.formats.effective_bits import significant_bits
from tritag.quant.formats.fixed import Grid, accumulator_grid
from tritag.quant.formats.meter import Meter
from tritag.quant.formats.straight_through import straight_through
from tritag.quant.formats.tensor import FixedTensor, check_float32
from tritag.quant.weights.cut import Cut
from tritag.quant.weights.quantizers import Bias, ZeroBias, fraction_of_scale


class QuantLinear(qnn.QuantLinear):
    """Affine map with quantized weights and bias; the product and the sum are exact.

    The result is cut to ``cut`` bits when one is given, else it keeps every bit of the accumulator.
    """

    bias_kind: type = Bias

    def __init__(self, n_in: int, n_out: int, weights: dict[str, Any], bias_bits: int, cut: Cut | None) -> None:
        super().__init__(n_in, n_out, bias=True, bias_quant=self.bias_kind, bias_bit_width=bias_bits, **weights)
        self.cut, self.bias_bits = cut, bias_bits
        self._weight_codes, self._bias_codes = code_range(self.weight_quant), code_range(self.bias_quant)
        self.meter = Meter()

    def forward(self, x: FixedTensor) -> FixedTensor:
        """Map ``x`` (..., n_in) to (..., n_out)."""
        y = FixedTensor(self.affine(x.value), None if self.training else self.accumulator(x.known_grid()))
        self.meter.read(self, x)
        return y if self.cut is None else self.cut(y)

    def bit_operations(self, x: FixedTensor) -> Tensor | float:
        """Effective bit operations of one jet on ``x`` (B, N, n_in), differentiable in learned widths."""
        return x.value.shape[1] * x.width() * self.weight_bits()

    def weight_bits(self) -> Tensor | float:
        """Sum of the weights' effective bits."""
        return float(significant_bits(self.weight_integers()[0]).sum())

    def affine(self, x: Tensor) -> Tensor:
        """Product with the quantized weights, plus the quantized bias."""
        return F.linear(x, self.weight_value(), self.bias_value()) if self.training else super().forward(x)

    def weight_value(self) -> Tensor:
        """Quantized weights (n_out, n_in), differentiable."""
        if not self.training:
            return self.quant_weight().value
        return trained_value(self.weight, self.weight_quant, self._weight_codes)

    def bias_value(self) -> Tensor:
        """Quantized bias (n_out,), differentiable."""
        if not self.training:
            return self.quant_bias().value
        return trained_value(self.bias, self.bias_quant, self._bias_codes)

    def integers(self) -> tuple[np.ndarray, int, np.ndarray, int]:
        """``(weight (n_out, n_in), its fraction, bias (n_out,), its fraction)``, weights and bias as int64."""
        bias = self.quant_bias()
        return (*self.weight_integers(), *codes(bias.value, bias.scale))

    def weight_integers(self) -> tuple[np.ndarray, int]:
        """Weights (n_out, n_in), int64, and their fraction."""
        weight = self.quant_weight()
        return codes(weight.value, weight.scale)

    def accumulator(self, x: Grid) -> Grid:
        """Grid of the result: exact bounds from the actual weights for inputs on ``x``."""
        weight, weight_fraction, bias, bias_fraction = self.integers()
        grid = accumulator_grid(weight.T, weight_fraction, bias, bias_fraction, x)
        return check_float32(grid, f"sum of {self.in_features} products and the bias")


class QuantVectorLinear(QuantLinear):
    """Linear map of vectors' channels. Its offset is zero and stays so: firmware has one form of linear layer."""

    bias_kind = ZeroBias

    def __init__(self, n_in: int, n_out: int, weights: dict[str, Any], bias_bits: int, cut: Cut | None) -> None:
        super().__init__(n_in, n_out, weights, bias_bits, cut)
        nn.init.zeros_(self.bias).requires_grad_(False)

    def affine(self, x: Tensor) -> Tensor:
        """Product of vectors ``x`` (..., n_in) with the quantized weights, without an offset."""
        return narrow_linear(x, self.weight_value()) if self.training else super().affine(x)

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any) -> None:
        # Float weights have no offset.
        state_dict.setdefault(f"{prefix}bias", torch.zeros_like(self.bias))
        super()._load_from_state_dict(state_dict, prefix, *args)


def code_range(proxy: Any) -> tuple[Tensor, int, int]:
    """Of a Brevitas weight quantizer: what its scaling is given (half the number of codes), and its end codes."""
    quantizer = proxy.tensor_quant
    bits = quantizer.msb_clamp_bit_width_impl()
    low, high = (int(limit(bits)) for limit in (quantizer.int_quant.min_int, quantizer.int_quant.max_int))
    return quantizer.int_scaling_impl(bits), low, high


def trained_value(parameter: Tensor, proxy: Any, codes: tuple[Tensor, int, int]) -> Tensor:
    """What a Brevitas weight quantizer gives in training, in fewer calls; straight through, as its clamp is."""
    threshold, low, high = codes
    plain = parameter.detach()
    scale = proxy.tensor_quant.scaling_impl(plain, threshold)
    return straight_through(parameter, (plain / scale).round_().clamp_(low, high).mul_(scale))


def codes(value: Tensor, scale: Tensor) -> tuple[np.ndarray, int]:
    """Integer codes (int64) of values on a power-of-two scale, and its fractional bits.

    Raises
    ------
    ExportError
        The scale is not a power of two.
    """
    fraction = fraction_of_scale(scale)
    return np.rint(value.detach().double().cpu().numpy() * 2.0**fraction).astype(np.int64), fraction
