"""A linear layer with free scales and zero points in exact integers, as the papers train it on GPUs.

Its input x lies on a power-of-two grid, and so does its output y. Between them stand integers:

    p = clip(round(x / S_x + Z_x)) - Z_x        to_codes: proved right for every x
    a = sum over p (q_w - Z_w)                  exact; weights less their zero point have one bit more
    y = clip(round((a S_x S_w + b) / LSB))      from_sums: proved right at every threshold

S_x and Z_x follow from observed quantiles, S_w and Z_w from the smallest and the largest weight (tagger-quantization
paper, Eq. 12). The bias stays a float: it is a part of the thresholds.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tritag.quant.config import QuantConfig
from tritag.quant.formats.effective_bits import significant_bits
from tritag.quant.formats.fixed import accumulator_grid
from tritag.quant.formats.meter import Meter
from tritag.quant.formats.straight_through import straight_through
from tritag.quant.formats.tensor import FixedTensor, check_float32
from tritag.quant.ops.free_scale import FromSums, ToCodes
from tritag.quant.ops.modules import NamedOp
from tritag.quant.weights.asymmetric import StaticInput, asymmetric, code_ends, codes_less_zero, scale_and_zero
from tritag.quant.weights.coded_linear import ConstantWeight
from tritag.quant.weights.cut import Cut
from tritag.quant.weights.linear import QuantVectorLinear


class PlainAsymmetricLinear(nn.Module):
    """The layer with constant weights: an op, a plain Brevitas layer of whole numbers, an op."""

    def __init__(self, to_codes: ToCodes, weight: np.ndarray, from_sums: FromSums) -> None:
        super().__init__()
        self.codes, self.sums = NamedOp(), NamedOp()
        self.to_codes, self.from_sums = to_codes, from_sums
        bits = max(2, int(np.abs(weight).max(initial=0)).bit_length() + 1)
        settings = {"weight_quant": ConstantWeight, "weight_bit_width": bits, "weight_fraction": 0}
        self.product = QuantVectorLinear(weight.shape[1], weight.shape[0], settings, bits, None)
        with torch.no_grad():
            self.product.weight.copy_(torch.from_numpy(weight))

    def forward(self, x: FixedTensor) -> FixedTensor:
        """Map ``x`` (B, N, n_in) to (B, N, n_out)."""
        return self.sums(self.from_sums, self.product(self.codes(self.to_codes, x)))


class AsymmetricLinear(nn.Module):
    """Affine map with inputs of ``activation_bits`` and weights of 8 bits, both with a free scale and a zero point."""

    def __init__(self, n_in: int, n_out: int, config: QuantConfig, cut: Cut) -> None:
        super().__init__()
        start = nn.Linear(n_in, n_out)
        self.weight, self.bias = start.weight, start.bias
        self.in_features, self.out_features, self.cut = n_in, n_out, cut
        # A range without 0 would have a zero point that is clamped, which destroys the tensor.
        self.input = StaticInput(config, config.activation_bits, holds_zero=True)
        self.codes, self.sums = NamedOp(), NamedOp()
        self.meter = Meter()

    def forward(self, x: FixedTensor) -> FixedTensor:
        """Map ``x`` (B, N, n_in) to (B, N, n_out)."""
        self.meter.read(self, x)
        if self.training:
            rounded = straight_through(self.weight, asymmetric(self.weight.detach(), *self._weight_ends()))
            return self.cut(FixedTensor(F.linear(self.input(x.value), rounded, self.bias), None))
        codes = self.codes(self.to_codes(), x)
        weight = self.weight_integers()
        nothing = np.zeros(self.out_features, np.int64)
        grid = accumulator_grid(weight.T, 0, nothing, 0, codes.known_grid())
        check_float32(grid, f"sum of {self.in_features} products")
        sums = FixedTensor(F.linear(codes.value, torch.from_numpy(weight).to(codes.value)), grid)
        return self.sums(self.from_sums(), sums)

    def bit_operations(self, x: FixedTensor) -> Tensor | float:
        """Effective bit operations of one jet on ``x`` (B, N, n_in)."""
        return x.value.shape[1] * self.input.bits * float(significant_bits(self.weight_integers()).sum())

    def to_codes(self) -> ToCodes:
        """The op in front of the products, at the present range."""
        return ToCodes(*self.input.scale_and_zero(), *code_ends(self.input.bits))

    def from_sums(self) -> FromSums:
        """The op behind the products, at the present ranges and weights."""
        scale, _ = scale_and_zero(*self._weight_ends())
        scales = self.input.scale_and_zero()[0], float(scale)
        return FromSums(self.cut.grid, scales, tuple(self.bias.detach().tolist()))

    def weight_integers(self) -> np.ndarray:
        """Weights less their zero point (n_out, n_in), int64."""
        codes = codes_less_zero(self.weight.detach(), *scale_and_zero(*self._weight_ends()))
        return codes.cpu().numpy().astype(np.int64)

    def constant(self) -> PlainAsymmetricLinear:
        """The same map for export."""
        return PlainAsymmetricLinear(self.to_codes(), self.weight_integers(), self.from_sums()).train(self.training)

    def _weight_ends(self) -> tuple[Tensor, Tensor]:
        weight = self.weight.detach()
        return weight.amin().clamp(max=0), weight.amax().clamp(min=0)


__all__ = ["AsymmetricLinear", "PlainAsymmetricLinear"]
