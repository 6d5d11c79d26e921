"""Attention between the real tokens of a jet, or over a few rows that were made of them."""

from __future__ import annotations

from torch import Tensor, nn

from tritag.errors import ConfigError
from tritag.models.layers.lorentz import real_tokens
from tritag.models.layers.products import attention


class Attention(nn.Module):
    """Multi-head attention over the first ``count`` tokens, scale 1/sqrt(d_head)."""

    def __init__(self, n_tokens: int, channels: int, heads: int) -> None:
        super().__init__()
        self.n_tokens, self.heads, self.d_head = n_tokens, heads, channels // heads

    def forward(self, q: Tensor, k: Tensor, v: Tensor, count: Tensor) -> Tensor:
        """Map q, k, v (B, N, C) and count (B, 1) to (B, N, C)."""
        # A jet without constituents attends to its first (zero) token: a finite number instead of NaN.
        real = real_tokens(count.clamp(min=1), self.n_tokens, self.n_tokens)[:, None, :]
        return attention(q, k, v, self.heads, real)


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
        return attention(q, k, v, self.heads)
