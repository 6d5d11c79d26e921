"""The parts of a Particle Transformer, beyond those of :class:`tritag.models.layers.layers.Layers`.

Pairs are rows: (B, K * K, C), the pair (i, j) in row i * K + j.
"""

from __future__ import annotations

from typing import Protocol

from torch import nn

from tritag.models.layers.layers import Layers


class PartLayers(Layers, Protocol):
    """What a factory offers to a Particle Transformer."""

    def pair_features(self, n_constituents: int) -> nn.Module:
        """Four features per pair: ``(codes (B, K, 3), count (B, 1)) -> (B, K * K, 4)``."""

    def affine_norm(self, channels: int, summed: bool = False) -> nn.Module:
        """LayerNorm with trained factors and offsets. ``summed``: the result goes into the residual stream."""

    def channel_scale(self, channels: int, n_factors: int) -> nn.Module:
        """Trained factors on the residual stream or a branch of it: ``(..., C) -> (..., C)``."""

    def biased_attention(self, n_tokens: int, channels: int, heads: int) -> nn.Module:
        """``(q, k, v (B, N, C), bias (B, N * N, heads), count) -> (B, N, C)``."""

    def class_attention(self, n_tokens: int, channels: int, heads: int) -> nn.Module:
        """``(q (B, 1, C), k, v (B, N + 1, C), count) -> (B, 1, C)``; the class token is the first key."""

    def class_token(self, channels: int) -> nn.Module:
        """A trained token: ``count -> (B, 1, C)``."""

    def prepend(self) -> nn.Module:
        """Rows of the first tensor before those of the second."""
