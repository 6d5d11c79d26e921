"""The parts of a Particle Transformer in float: a base of :class:`tritag.models.layers.layers.FloatLayers`."""

from __future__ import annotations

from torch import nn

from tritag.models.layers.class_attention import BiasedAttention, ClassAttention, ClassToken, Prepend
from tritag.models.layers.norms import AffineNorm, BatchNorm, ChannelScale
from tritag.models.layers.pair_features import PairFeatures


class FloatPartLayers:
    """Factory of the parts that :class:`tritag.models.layers.part_layers.PartLayers` describes."""

    def pair_features(self, n_constituents: int) -> nn.Module:
        """Four features per pair."""
        return PairFeatures(n_constituents)

    def batch_norm(
        self, channels: int, n_tokens: int, pairs: bool = False, wide: bool = False, shifts: bool = False
    ) -> nn.Module:
        """Batch normalisation over real tokens or pairs."""
        return BatchNorm(channels, n_tokens, pairs)

    def affine_norm(self, channels: int, summed: bool = False) -> nn.Module:
        """LayerNorm."""
        return AffineNorm(channels)

    def channel_scale(self, channels: int, n_factors: int) -> nn.Module:
        """Trained factors."""
        return ChannelScale(channels, n_factors)

    def biased_attention(self, n_tokens: int, channels: int, heads: int) -> nn.Module:
        """Attention with a bias per pair."""
        return BiasedAttention(n_tokens, channels, heads)

    def class_attention(self, n_tokens: int, channels: int, heads: int) -> nn.Module:
        """Attention of the class token."""
        return ClassAttention(n_tokens, channels, heads)

    def class_token(self, channels: int) -> nn.Module:
        """Trained token."""
        return ClassToken(channels)

    def prepend(self) -> nn.Module:
        """Concatenation of rows."""
        return Prepend()
