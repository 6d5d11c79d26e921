"""Quantized forms of frames that are never written out: vectors are handed on to where directions are computed."""

from __future__ import annotations

from torch import nn

from tritag.models.layers import gram_frames
from tritag.quant.formats.tensor import FixedTensor
from tritag.quant.integer.axes import AxesBits
from tritag.quant.layers.factory import QuantLayers, quantizes
from tritag.quant.layers.frames import SPARE_WEIGHT_BITS, JetTokens, Weighted
from tritag.quant.ops.axes_directions import TrainableGramDirections
from tritag.quant.ops.pair_masses import N_SPURIONS
from tritag.quant.ops.token_axes import TokenAxes


class QuantGramFrames(nn.Module):
    """Nothing yet: the frame of the vectors is not written out."""

    def forward(self, vectors: Weighted) -> Weighted:
        """Hand weights, tokens and count on."""
        return vectors


class QuantGramDirections(nn.Module):
    """Log energy and direction of the candidates in the frame of their jet, behind scalars if given."""

    def __init__(self, n_constituents: int, bits: AxesBits, weight_bits: int) -> None:
        super().__init__()
        self.op = TrainableGramDirections(n_constituents, TokenAxes(N_SPURIONS, bits, weight_bits))

    def forward(self, frames: Weighted, tokens: JetTokens, count: FixedTensor, *scalars: FixedTensor) -> FixedTensor:
        """Scalars if given, log energy and direction: (B, K, 4 or 11)."""
        return self.op(frames.phi, frames.tokens, tokens.candidates, count, *scalars)


@quantizes(gram_frames.GramFrames)
def quantized_gram_frames(layers: QuantLayers) -> nn.Module:
    """The vectors themselves."""
    return QuantGramFrames()


@quantizes(gram_frames.GramDirections)
def quantized_gram_directions(layers: QuantLayers, n_constituents: int) -> nn.Module:
    """Energies and directions from weights over tokens."""
    c = layers.config
    bits = AxesBits(c.frame_vector_bits - 1, c.frame_matrix_bits)
    return QuantGramDirections(n_constituents, bits, c.frame_weight_bits + SPARE_WEIGHT_BITS)
