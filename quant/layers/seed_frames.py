"""Quantized layers of the LLoCa in the frame along its leading candidate."""

from __future__ import annotations

from torch import nn

from tritag.models.layers import seed_tokens
from tritag.quant.integer.axes import AxesBits
from tritag.quant.layers.factory import QuantLayers, quantizes
from tritag.quant.ops.modules import FixedOp
from tritag.quant.ops.seed_directions import SeedDirections, TrainableSeedDirections
from tritag.quant.ops.seed_tokens import SeedFeatures, SeedTokens


@quantizes(seed_tokens.SeedTokens)
def quantized_seed_tokens(layers: QuantLayers, n_constituents: int) -> nn.Module:
    """Candidates in the frame along their leading one."""
    return FixedOp(SeedTokens())


@quantizes(seed_tokens.SeedFeatures)
def quantized_seed_features(layers: QuantLayers, n_constituents: int) -> nn.Module:
    """Features of candidates for a Frames-Net."""
    return FixedOp(SeedFeatures())


@quantizes(seed_tokens.SeedDirections)
def quantized_seed_directions(layers: QuantLayers, n_constituents: int) -> nn.Module:
    """Scalars, energy and direction of the candidates in the frame of the jet."""
    return TrainableSeedDirections(n_constituents, SeedDirections(AxesBits()))
