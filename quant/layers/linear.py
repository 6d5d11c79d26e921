"""Quantized linear layers of scalars, and the activation function behind them."""

from __future__ import annotations

from torch import nn

from tritag.models.layers.frame_vectors import FrameGelu, FrameLinear
from tritag.models.layers.gelu import Gelu
from tritag.models.layers.linear import Linear, Role
from tritag.quant.layers.asymmetric_linear import AsymmetricLinear
from tritag.quant.layers.factory import QuantLayers, quantizes
from tritag.quant.ops.gelu import TrainableGelu


@quantizes(Linear)
def quantized_linear(
    layers: QuantLayers, n_in: int, n_out: int, role: Role = "hidden", summed: bool = False
) -> nn.Module:
    """Linear layer with the recipe's weights where they are hidden, or learned; the tagger's outputs are not cut."""
    cut = None
    if not summed and role != "output":
        cut = layers.residual_cut() if role == "input" else layers.cut()
    if layers.config.asymmetric and role == "hidden":
        return AsymmetricLinear(n_in, n_out, layers.config, layers.residual_cut() if cut is None else cut)
    everywhere = layers.config.weights == "learned" or role == "hidden"
    return layers.weighted(n_in, n_out, cut, low_bits=everywhere and not layers.config.low_bit_layers)


@quantizes(FrameLinear)
def quantized_frame_linear(layers: QuantLayers, n_in: int, n_out: int) -> nn.Module:
    """Linear layer of a Frames-Net: int8 weights, unless widths are learned."""
    learned = layers.config.weights == "learned" and not layers.config.low_bit_layers
    return layers.weighted(n_in, n_out, layers.cut(layers.config.frames_net_bits), low_bits=learned)


@quantizes(Gelu)
def quantized_gelu(layers: QuantLayers) -> nn.Module:
    """GELU of the candidates, cut as an activation."""
    return TrainableGelu(layers.cut())


@quantizes(FrameGelu)
def quantized_frame_gelu(layers: QuantLayers, n_rows: int) -> nn.Module:
    """GELU of ``n_rows`` rows, cut as an activation of a Frames-Net."""
    return TrainableGelu(layers.cut(layers.config.frames_net_bits))
