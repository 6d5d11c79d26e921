"""Attention between the real tokens of a jet."""

from __future__ import annotations

from torch import Tensor, nn

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
