"""Functions of single values, and the softmax of a row."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tritag.errors import ConfigError


class Relu(nn.Module):
    """Positive values as they are, zero in place of the others: ``max(x, 0)``."""

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., C) to (..., C)."""
        return x.relu()


class Clip(nn.Module):
    """Values below ``low`` become ``low``, those above ``high`` become ``high``."""

    def __init__(self, low: float = -1.0, high: float = 1.0) -> None:
        super().__init__()
        if not low < high:
            raise ConfigError(f"a clip must have low < high, got {low:g} and {high:g}")
        self.low, self.high = low, high

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., C) to (..., C)."""
        return x.clamp(self.low, self.high)


class Sigmoid(nn.Module):
    """``1 / (1 + exp(-x))``."""

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., C) to (..., C)."""
        return torch.sigmoid(x)


class Tanh(nn.Module):
    """Hyperbolic tangent of each value, between -1 and 1."""

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., C) to (..., C)."""
        return torch.tanh(x)


class Softmax(nn.Module):
    """Softmax over the last axis: numbers in [0, 1] whose sum is 1."""

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, N, C) to (B, N, C)."""
        return x.softmax(-1)
