"""The factory of quantized layers: the same tagger file, made of these, is trained with quantization and exported."""

from __future__ import annotations

from typing import Any

import brevitas.nn as qnn
import numpy as np
import torch
from torch import Tensor, nn

from tritag.errors import ExportError
from tritag.models.layers import Role, Tagger
from tritag.models.registry import TaggerConfig, make_tagger
from tritag.quant import lorentz_layers
from tritag.quant.config import QuantConfig
from tritag.quant.cut import Cut
from tritag.quant.fixed import Grid, accumulator_grid
from tritag.quant.integer.lorentz import FrameBits
from tritag.quant.ops.attention import Attention
from tritag.quant.ops.gelu import Gelu
from tritag.quant.ops.jet_scalars import CODE_GRID, JetScalars
from tritag.quant.ops.layer_norm import LayerNorm
from tritag.quant.ops.mean_pool import MeanPool
from tritag.quant.part_layers import QuantPartLayers
from tritag.quant.quantizers import Bias, Int8Weight, TernaryWeight, ZeroBias
from tritag.quant.slim_layers import VECTOR_BITS, VECTOR_RESIDUAL_BITS, QuantSlimLayers
from tritag.quant.tensor import FixedTensor, check_float32


class QuantLinear(qnn.QuantLinear):
    """Affine map with quantized weights and bias; the product and the sum are exact.

    The result is cut to ``cut`` bits when one is given, else it keeps every bit of the accumulator.
    """

    bias_kind: type = Bias

    def __init__(self, n_in: int, n_out: int, weights: dict[str, Any], bias_bits: int, cut: Cut | None) -> None:
        super().__init__(n_in, n_out, bias=True, bias_quant=self.bias_kind, bias_bit_width=bias_bits, **weights)
        self.cut = cut

    def forward(self, x: FixedTensor) -> FixedTensor:  # type: ignore[override]
        """Map ``x`` (..., n_in) to (..., n_out)."""
        y = FixedTensor(super().forward(x.value), None if self.training else self.accumulator(x.known_grid()))
        return y if self.cut is None else self.cut(y)

    def integers(self) -> tuple[np.ndarray, int, np.ndarray, int]:
        """``(weight (n_out, n_in), its fraction, bias (n_out,), its fraction)``, weights and bias as int64."""
        weight, bias = self.quant_weight(), self.quant_bias()
        return (*_codes(weight.value, weight.scale), *_codes(bias.value, bias.scale))

    def accumulator(self, x: Grid) -> Grid:
        """Grid of the result: exact bounds from the actual weights for inputs on ``x``."""
        weight, weight_fraction, bias, bias_fraction = self.integers()
        grid = accumulator_grid(weight.T, weight_fraction, bias, bias_fraction, x)
        return check_float32(grid, "accumulator of a linear layer")


class QuantVectorLinear(QuantLinear):
    """Linear map of vectors' channels. Its offset is zero and stays so: firmware has one form of linear layer."""

    bias_kind = ZeroBias

    def __init__(self, n_in: int, n_out: int, weights: dict[str, Any], bias_bits: int, cut: Cut | None) -> None:
        super().__init__(n_in, n_out, weights, bias_bits, cut)
        nn.init.zeros_(self.bias).requires_grad_(False)

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any) -> None:
        # Float weights have no offset.
        state_dict.setdefault(f"{prefix}bias", torch.zeros_like(self.bias))
        super()._load_from_state_dict(state_dict, prefix, *args)


def _codes(value: Tensor, scale: Tensor) -> tuple[np.ndarray, int]:
    step = float(scale)
    fraction = -round(np.log2(step))
    if 2.0**-fraction != step:
        raise ExportError(f"scales must be powers of two to have an exact form in firmware, got {step}")
    return np.rint(value.detach().double().numpy() / step).astype(np.int64), fraction


class QuantResidual(nn.Module):
    """Exact sum of the residual stream and a branch, cut to the residual's width."""

    def __init__(self, cut: Cut) -> None:
        super().__init__()
        self.cut = cut

    def forward(self, h: FixedTensor, branch: FixedTensor) -> FixedTensor:
        """Add and cut."""
        grid = h.grid.plus(branch.grid) if h.grid and branch.grid else None
        return self.cut(FixedTensor(h.value + branch.value, grid and check_float32(grid, "residual sum")))


class QuantLayers(QuantPartLayers, QuantSlimLayers):
    """Factory of quantized layers for :func:`tritag.models.registry.make_tagger`."""

    def __init__(self, config: QuantConfig, n_tokens: int) -> None:
        self.config, self.n_tokens = config, n_tokens

    def cut(self, bits: int | None = None) -> Cut:
        """A cut of an activation."""
        c = self.config
        return Cut(
            bits or c.activation_bits,
            range_quantile=c.range_quantile,
            range_momentum=c.range_momentum,
            dynamic_fraction=c.dynamic_fraction,
            frozen_fraction=c.frozen_fraction,
        )

    def jet_scalars(self, n_constituents: int) -> nn.Module:
        """See :class:`tritag.models.layers.Layers`."""
        return JetScalars(n_constituents)

    def linear(self, n_in: int, n_out: int, role: Role = "hidden", summed: bool = False) -> nn.Module:
        """See :class:`tritag.models.layers.Layers`."""
        bits = {"input": self.config.residual_bits, "hidden": self.config.activation_bits, "output": None}[role]
        cut = None if summed or bits is None else self.cut(bits)
        return QuantLinear(n_in, n_out, self._weights(role), self.config.bias_bits, cut)

    def vector_linear(self, n_in: int, n_out: int, role: Role = "hidden", summed: bool = False) -> nn.Module:
        """Linear map of vectors; even a branch of the residual stream is cut, so that their sum stays narrow."""
        cut = self.cut(VECTOR_BITS if summed else VECTOR_RESIDUAL_BITS)
        return QuantVectorLinear(n_in, n_out, self._weights(role), self.config.bias_bits, cut)

    def vector_residual(self) -> nn.Module:
        """Sum of vectors."""
        return QuantResidual(self.cut(VECTOR_RESIDUAL_BITS))

    def _weights(self, role: Role) -> dict[str, Any]:
        """Brevitas arguments of a linear layer's weights."""
        if role == "hidden" and self.config.weights == "ternary":
            return {
                "weight_quant": TernaryWeight,
                "weight_scale_frozen_fraction": self.config.scale_frozen_fraction,
            }
        return {"weight_quant": Int8Weight}

    def norm(self, channels: int) -> nn.Module:
        """See :class:`tritag.models.layers.Layers`."""
        return LayerNorm(self.n_tokens, channels, self.config.activation_bits)

    def gelu(self) -> nn.Module:
        """See :class:`tritag.models.layers.Layers`."""
        return Gelu(self.n_tokens, self.cut())

    def attention(self, n_tokens: int, channels: int, heads: int) -> nn.Module:
        """See :class:`tritag.models.layers.Layers`."""
        return Attention(n_tokens, channels, heads, self.config.attention_bits)

    def residual(self) -> nn.Module:
        """See :class:`tritag.models.layers.Layers`."""
        return QuantResidual(self.cut(self.config.residual_bits))

    def pool(self, n_tokens: int) -> nn.Module:
        """See :class:`tritag.models.layers.Layers`."""
        return MeanPool(n_tokens)

    def jet_frame(self, n_constituents: int, spurions: bool) -> nn.Module:
        """See :class:`tritag.models.lorentz_layers.LorentzLayers`, also for the following."""
        return lorentz_layers.QuantJetFrame(n_constituents, spurions)

    def token_features(self, n_constituents: int, spurions: bool) -> nn.Module:
        """Features of single tokens."""
        return lorentz_layers.QuantTokenFeatures(n_constituents, spurions)

    def frame_linear(self, n_in: int, n_out: int) -> nn.Module:
        """Affine map inside a Frames-Net: int8 weights always."""
        cut = self.cut(self.config.frames_net_bits)
        return QuantLinear(n_in, n_out, {"weight_quant": Int8Weight}, self.config.bias_bits, cut)

    def frame_gelu(self, n_rows: int) -> nn.Module:
        """GELU inside a Frames-Net."""
        return Gelu(n_rows, self.cut(self.config.frames_net_bits))

    def token_vectors(self, n_constituents: int) -> nn.Module:
        """Three vectors from tokens."""
        return lorentz_layers.QuantTokenVectors()

    def frames(self) -> nn.Module:
        """Lorentz transformation from three vectors."""
        bits = FrameBits(self.config.frame_vector_bits, self.config.frame_matrix_bits)
        return lorentz_layers.QuantFrames(self.n_tokens, bits, self.config.frame_weight_bits)

    def local_scalars(self, n_constituents: int) -> nn.Module:
        """Seven scalars in the frame."""
        return lorentz_layers.QuantLocalScalars(n_constituents)

    def pair_masses(self, n_constituents: int, spurions: bool, n_rows: int) -> nn.Module:
        """Not there yet."""
        lorentz_layers.refuse("all-pairs Frames-Nets")

    def pair_linear(self, n_scalars: int, n_out: int) -> nn.Module:
        """Not there yet."""
        lorentz_layers.refuse("all-pairs Frames-Nets")

    def pair_vectors(self, n_constituents: int, per_jet: bool) -> nn.Module:
        """Not there yet."""
        lorentz_layers.refuse("all-pairs Frames-Nets")

    def leave_frames(self, channels: int, heads: int) -> nn.Module:
        """Not there yet."""
        lorentz_layers.refuse("local frames")

    def enter_frames(self, channels: int, heads: int) -> nn.Module:
        """Not there yet."""
        lorentz_layers.refuse("local frames")


class QuantTagger(Tagger):
    """A tagger made of quantized layers; takes integer codes, gives a logit on a fixed grid."""

    def __init__(self, config: TaggerConfig, quant: QuantConfig) -> None:
        super().__init__()
        self.config, self.quant = config, quant
        self.tagger: Tagger = make_tagger(config, QuantLayers(quant, config.n_constituents))

    def load_float(self, state: dict[str, Tensor]) -> None:
        """Start from the weights of the float tagger.

        Raises
        ------
        ExportError
            The float weights are those of another network.
        """
        missing, unexpected = self.tagger.load_state_dict(state, strict=False)
        lost = [name for name in missing if name.endswith(("weight", "bias"))]
        if lost or unexpected:
            raise ExportError(f"float weights must be those of the same tagger; missing {lost}, unknown {unexpected}")

    def fixed_inputs(self, codes: Tensor, count: Tensor) -> tuple[FixedTensor, FixedTensor]:
        """Put plain tensors of integer codes (B, K, 3) and count (B, 1) on their grids."""
        return (
            FixedTensor(codes.float(), CODE_GRID),
            FixedTensor(count.float(), Grid(0, self.config.n_constituents, 0)),
        )

    def inputs(self, codes: Tensor, count: Tensor) -> Any:
        """Parameter-free part of the tagger; see :class:`tritag.models.layers.Tagger`."""
        return self.tagger.inputs(*self.fixed_inputs(codes, count))

    def score(self, inputs: Any, count: Tensor) -> FixedTensor:
        """Logit (B, 1, 1)."""
        return self.tagger.score(inputs, FixedTensor(count.float(), Grid(0, self.config.n_constituents, 0)))

    def forward(self, codes: Tensor, count: Tensor) -> Tensor:
        """Logit (B, 1, 1) as a plain tensor: what is exported."""
        return self.score(self.inputs(codes, count), count).value
