"""Sums and products of two tensors, of which one may be a row that belongs to the whole jet; sums over edges."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from tritag.models.layers.activations import Relu, Sigmoid
from tritag.models.layers.factory import Layers
from tritag.models.layers.linear import Linear
from tritag.models.layers.lorentz import real_tokens
from tritag.models.layers.pool import MeanPool


class Add(nn.Module):
    """Sum of two tensors; a row of the jet is added to each candidate."""

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Map x (B, N, C) and y (B, N, C) or (B, 1, C) to (B, N, C)."""
        return x + y


class Multiply(nn.Module):
    """Product of two tensors, element by element; a row of the jet multiplies each candidate."""

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Map x (B, N, C) and y (B, N, C) or (B, 1, C) to (B, N, C)."""
        return x * y


class EdgeSum(nn.Module):
    """Sum of ``relu(x_i + y_j)`` over the other real candidates j: messages along all edges of a jet.

    With x and y two linear maps of the candidates this is an interaction network whose edge function has one layer.
    """

    def __init__(self, n_tokens: int) -> None:
        super().__init__()
        self.n_tokens = n_tokens

    def forward(self, x: Tensor, y: Tensor, count: Tensor) -> Tensor:
        """Map x, y (B, N, C) and count (B, 1) to (B, N, C)."""
        edges = (x[:, :, None] + y[:, None]).relu()
        others = ~torch.eye(self.n_tokens, dtype=torch.bool, device=x.device)
        mask = real_tokens(count, self.n_tokens, self.n_tokens)[:, None] & others
        return (edges * mask[..., None]).sum(2)


class ChannelAttention(nn.Module):
    """Squeeze and excitation: the mean over the candidates decides how much each channel counts.

    ``y = x * sigmoid(W2 relu(W1 mean(x)))``. It is made of kinds of layers, and so has no quantized form of its own.
    """

    def __init__(self, layers: Layers, n_tokens: int, channels: int, hidden: int) -> None:
        super().__init__()
        self.pool = layers(MeanPool, n_tokens)
        self.squeeze, self.relu = layers(Linear, channels, hidden), layers(Relu)
        self.excite, self.sigmoid = layers(Linear, hidden, channels), layers(Sigmoid)
        self.multiply = layers(Multiply)

    def forward(self, x: Any, count: Any) -> Any:
        """Map x (B, N, C) and count (B, 1) to (B, N, C)."""
        gate = self.sigmoid(self.excite(self.relu(self.squeeze(self.pool(x, count)))))
        return self.multiply(x, gate)
