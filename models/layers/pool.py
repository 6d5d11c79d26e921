"""From tokens to one row of features per jet."""

from __future__ import annotations

from torch import Tensor, nn

from tritag.models.layers.lorentz import real_tokens


class MeanPool(nn.Module):
    """Mean over the first ``count`` tokens; zero for a jet without constituents."""

    def __init__(self, n_tokens: int) -> None:
        super().__init__()
        self.n_tokens = n_tokens

    def forward(self, h: Tensor, count: Tensor) -> Tensor:
        """Map h (B, N, C) and count (B, 1) to (B, 1, C)."""
        mask = real_tokens(count, self.n_tokens, self.n_tokens)[..., None]
        return (h * mask).sum(1, keepdim=True) / count.clamp(min=1)[..., None]


class SumPool(nn.Module):
    """Sum over the first ``count`` tokens."""

    def __init__(self, n_tokens: int) -> None:
        super().__init__()
        self.n_tokens = n_tokens

    def forward(self, h: Tensor, count: Tensor) -> Tensor:
        """Map h (B, N, C) and count (B, 1) to (B, 1, C)."""
        mask = real_tokens(count, self.n_tokens, self.n_tokens)[..., None]
        return (h * mask).sum(1, keepdim=True)


class SlotMean(nn.Module):
    """Sum over the first ``count`` tokens divided by the power of two that is at least ``n_tokens``.

    For a full jet of 16 tokens it is their mean; firmware needs no product for it.
    """

    def __init__(self, n_tokens: int) -> None:
        super().__init__()
        self.n_tokens, self.shift = n_tokens, (n_tokens - 1).bit_length()

    def forward(self, h: Tensor, count: Tensor) -> Tensor:
        """Map h (B, N, C) and count (B, 1) to (B, 1, C)."""
        mask = real_tokens(count, self.n_tokens, self.n_tokens)[..., None]
        return (h * mask).sum(1, keepdim=True) / 2**self.shift


class MaxPool(nn.Module):
    """Largest value of the first ``count`` tokens, channel by channel; zero for a jet without constituents."""

    def __init__(self, n_tokens: int) -> None:
        super().__init__()
        self.n_tokens = n_tokens

    def forward(self, h: Tensor, count: Tensor) -> Tensor:
        """Map h (B, N, C) and count (B, 1) to (B, 1, C)."""
        mask = real_tokens(count, self.n_tokens, self.n_tokens)[..., None]
        largest = h.masked_fill(~mask, -float("inf")).amax(1, keepdim=True)
        return largest.masked_fill(count[..., None] == 0, 0)


class MaskTokens(nn.Module):
    """Zeros in the tokens from ``count`` on, for layers that mix tokens."""

    def __init__(self, n_tokens: int) -> None:
        super().__init__()
        self.n_tokens = n_tokens

    def forward(self, h: Tensor, count: Tensor) -> Tensor:
        """Map h (B, N, C) and count (B, 1) to (B, N, C)."""
        return h * real_tokens(count, self.n_tokens, self.n_tokens)[..., None]
