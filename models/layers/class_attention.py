"""Attention with a bias per pair, and attention of a class token (Particle Transformer)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tritag.models.layers.lorentz import real_tokens
from tritag.models.layers.products import masked_softmax, row_products, weighted_sums


def _heads(x: Tensor, heads: int) -> Tensor:
    return x.unflatten(-1, (heads, -1)).transpose(1, 2)


class BiasedAttention(nn.Module):
    """Multi-head attention with a bias on every score: softmax(q k / sqrt(d_head) + bias) v."""

    def __init__(self, n_tokens: int, channels: int, heads: int) -> None:
        super().__init__()
        self.n_tokens, self.heads, self.scale = n_tokens, heads, (channels // heads) ** -0.5

    def forward(self, q: Tensor, k: Tensor, v: Tensor, bias: Tensor, count: Tensor) -> Tensor:
        """Map q, k, v (B, N, C), bias (B, N * N, heads) and count (B, 1) to (B, N, C)."""
        n = self.n_tokens
        query, key, value = (_heads(x, self.heads) for x in (q, k, v))
        scores = row_products(query * self.scale, key) + bias.unflatten(1, (n, n)).permute(0, 3, 1, 2)
        # A jet without constituents attends to its first token: a finite number instead of NaN.
        real = real_tokens(count.clamp(min=1), n, n)[:, None, None, :]
        return weighted_sums(masked_softmax(scores, real), value).transpose(1, 2).flatten(2)


class ClassAttention(nn.Module):
    """Multi-head attention of one query over itself and the real tokens."""

    def __init__(self, n_tokens: int, channels: int, heads: int) -> None:
        super().__init__()
        self.n_tokens, self.heads, self.scale = n_tokens, heads, (channels // heads) ** -0.5

    def forward(self, q: Tensor, k: Tensor, v: Tensor, count: Tensor) -> Tensor:
        """Map q (B, 1, C), k and v (B, N + 1, C), the class token first, and count (B, 1) to (B, 1, C)."""
        query, key, value = (_heads(x, self.heads) for x in (q, k, v))
        real = real_tokens(count, self.n_tokens, self.n_tokens + 1)[:, None, None, :]
        weights = masked_softmax(row_products(query * self.scale, key), real)
        return weighted_sums(weights, value).transpose(1, 2).flatten(2)


class ClassToken(nn.Module):
    """A trained token, the same for every jet: ``count (B, 1) -> (B, 1, C)``."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(nn.init.trunc_normal_(torch.empty(channels), std=0.02))

    def forward(self, count: Tensor) -> Tensor:
        """Repeat the token for each jet."""
        return self.weight.expand(len(count), 1, -1)


class Prepend(nn.Module):
    """Rows of the first tensor before those of the second."""

    def __init__(self) -> None:
        super().__init__()

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Concatenate (B, n, C) and (B, m, C)."""
        return torch.cat([first, second], dim=1)
