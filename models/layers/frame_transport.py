"""Attention between particles that live in different frames (LLoCa: tensorial message passing).

Half the channels of a head are scalars, the rest four-vectors. Vectors of queries, keys and values leave the frame of
their particle, ``L_i^-1 v``; plain attention follows; what arrives enters the frame of the receiver, ``L_i v``. Keys go
with lowered indices, so that the plain product of a query and a key is the Minkowski product.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tritag.errors import ConfigError
from tritag.models.layers.lorentz import METRIC, inverse


class LeaveFrames(nn.Module):
    """Queries, keys and values (B, K, C) from frames L (B, K, 4, 4) to the frame of the jet, keys lowered.

    Channels are ordered head by head; within a head of width D the scalars come first, then ``D // 8`` vectors.
    """

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads, self.n_vectors = heads, vectors_per_head(channels, heads)

    def forward(self, q: Tensor, k: Tensor, v: Tensor, frames: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Map q, k, v (B, K, C) and frames (B, K, 4, 4) to q, lowered k, and v in the frame of the jet."""
        qkv = transform(torch.cat([q, k, v], dim=-1), inverse(frames), 3 * self.heads, self.n_vectors)
        q, k, v = qkv.chunk(3, dim=-1)
        head = (1.0,) * (4 * self.n_vectors) + METRIC * self.n_vectors
        return q, k * k.new_tensor(head * self.heads), v


class EnterFrames(nn.Module):
    """Attention's result x (B, K, C) from the frame of the jet into frames L (B, K, 4, 4)."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads, self.n_vectors = heads, vectors_per_head(channels, heads)

    def forward(self, x: Tensor, frames: Tensor) -> Tensor:
        """Map x (B, K, C) and frames (B, K, 4, 4) to (B, K, C)."""
        return transform(x, frames, self.heads, self.n_vectors)


def transform(x: Tensor, transformation: Tensor, heads: int, n_vectors: int) -> Tensor:
    """Transform the vectors of each head, leave the scalars: x (B, K, C), transformation (B, K, 4, 4) -> (B, K, C)."""
    head = x.unflatten(-1, (heads, -1))
    scalars, vectors = head.split([head.shape[-1] - 4 * n_vectors, 4 * n_vectors], dim=-1)
    vectors = vectors.reshape(*x.shape[:2], heads * n_vectors, 4) @ transformation.mT
    return torch.cat([scalars, vectors.unflatten(2, (heads, n_vectors)).flatten(3)], dim=-1).flatten(2)


def vectors_per_head(channels: int, heads: int) -> int:
    """Four-vectors per head: half of its width.

    Raises
    ------
    ConfigError
        The heads' width is not a multiple of 8.
    """
    if channels % (8 * heads):
        raise ConfigError(
            "local frames need heads whose width is a multiple of 8 (half scalars, half four-vectors), "
            f"got {channels} channels in {heads} heads"
        )
    return channels // (8 * heads)
