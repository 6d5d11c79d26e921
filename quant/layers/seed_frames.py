"""Quantized layers of the LLoCa in the frame along its leading candidate."""

from __future__ import annotations

from torch import nn

from tritag.models.layers import seed_tokens
from tritag.quant.formats.tensor import FixedTensor
from tritag.quant.integer.lorentz import FrameBits
from tritag.quant.layers.factory import QuantLayers, quantizes
from tritag.quant.layers.frames import JetTokens
from tritag.quant.ops.modules import FixedOp
from tritag.quant.ops.seed_tokens import SeedFeatures, SeedFrames, SeedTokens, TrainableSeedFrames


class QuantSeedTokens(nn.Module):
    """Candidates in the frame along their leading one."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens = FixedOp(SeedTokens())

    def forward(self, codes: FixedTensor, count: FixedTensor) -> JetTokens:
        """Tokens (B, K, 4); there are none beside those of candidates."""
        tokens = self.tokens(codes, count)
        return JetTokens(tokens, tokens)


class QuantSeedFrames(nn.Module):
    """The frame of a jet from weights over its candidates."""

    def __init__(self, n_constituents: int, bits: FrameBits) -> None:
        super().__init__()
        self.op = TrainableSeedFrames(n_constituents, SeedFrames(bits))

    def forward(self, phi: FixedTensor, tokens: JetTokens, count: FixedTensor) -> FixedTensor:
        """Frame (B, 1, 16), row by row."""
        return self.op(phi, tokens.every, count)


@quantizes(seed_tokens.SeedTokens)
def quantized_seed_tokens(layers: QuantLayers, n_constituents: int) -> nn.Module:
    """Candidates in the frame along their leading one."""
    return QuantSeedTokens()


@quantizes(seed_tokens.SeedFeatures)
def quantized_seed_features(layers: QuantLayers, n_constituents: int) -> nn.Module:
    """Features of candidates for a Frames-Net."""
    return FixedOp(SeedFeatures())


@quantizes(seed_tokens.SeedFrames)
def quantized_seed_frames(layers: QuantLayers, n_constituents: int) -> nn.Module:
    """The frame of a jet from weights over its candidates."""
    bits = FrameBits(layers.config.frame_vector_bits, layers.config.frame_matrix_bits)
    return QuantSeedFrames(n_constituents, bits)
