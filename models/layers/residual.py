"""The sum at the end of a residual branch."""

from __future__ import annotations

from torch import Tensor, nn


class Residual(nn.Module):
    """Sum of the residual stream and a branch."""

    def __init__(self) -> None:
        super().__init__()

    def forward(self, h: Tensor, branch: Tensor) -> Tensor:
        """Add the stream ``h`` (B, N, C) and its branch (B, N, C)."""
        return h + branch
