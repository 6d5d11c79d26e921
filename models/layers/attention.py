"""Attention between the real tokens of a jet, or over a few rows that were made of them."""

from __future__ import annotations

from torch import Tensor, nn

from tritag.errors import ConfigError
from tritag.models.layers.lorentz import real_tokens
from tritag.models.layers.products import masked_softmax, row_products, weighted_sums


class Attention(nn.Module):
    """Multi-head attention over the first ``count`` tokens, scale 1/sqrt(d_head)."""

    def __init__(self, n_tokens: int, channels: int, heads: int) -> None:
        super().__init__()
        self.n_tokens, self.heads, self.d_head = n_tokens, heads, channels // heads

    def forward(self, q: Tensor, k: Tensor, v: Tensor, count: Tensor) -> Tensor:
        """Map q, k, v (B, N, C) and count (B, 1) to (B, N, C)."""
        query, key, value = (x.unflatten(-1, (self.heads, self.d_head)).transpose(1, 2) for x in (q, k, v))
        # A jet without constituents attends to its first (zero) token: a finite number instead of NaN.
        real = real_tokens(count.clamp(min=1), self.n_tokens, self.n_tokens)[:, None, None, :]
        weights = masked_softmax(row_products(query * self.d_head**-0.5, key), real)
        return weighted_sums(weights, value).transpose(1, 2).flatten(2)


class LinearAttention(nn.Module):
    """Multi-head attention of N tokens over M rows of keys and values, all of which count; scale 1/sqrt(d_head).

    With keys and values that a :class:`tritag.models.layers.mixing.TokenLinear` has brought from N to M rows, the cost
    grows with N and not with its square (Linformer).
    """

    def __init__(self, n_tokens: int, n_keys: int, channels: int, heads: int) -> None:
        super().__init__()
        if channels % heads:
            raise ConfigError(f"channels must be a multiple of heads, got {channels} and {heads}")
        self.n_tokens, self.n_keys, self.heads, self.d_head = n_tokens, n_keys, heads, channels // heads

    def forward(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Map q (B, N, C) and k, v (B, M, C) to (B, N, C)."""
        query, key, value = (x.unflatten(-1, (self.heads, self.d_head)).transpose(1, 2) for x in (q, k, v))
        weights = row_products(query * self.d_head**-0.5, key).softmax(-1)
        return weighted_sums(weights, value).transpose(1, 2).flatten(2)
