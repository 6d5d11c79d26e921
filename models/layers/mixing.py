"""Layers along the candidates' axis: transposed, mixed, flattened; and a linear layer with its batch norm."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from tritag.models.layers.linear import Linear, Role
from tritag.models.layers.norms import BatchNorm


class Transpose(nn.Module):
    """Channels become rows, candidates become lanes."""

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, N, C) to (B, C, N)."""
        return x.transpose(1, 2)


class TokenLinear(nn.Module):
    """Affine map along the candidates, the same for every channel: token mixing.

    Parameters
    ----------
    n_in, n_out : int
        Candidates, and rows of the result.
    role, summed
        As in :class:`tritag.models.layers.linear.Linear`.
    """

    def __init__(self, n_in: int, n_out: int, role: Role = "hidden", summed: bool = False) -> None:
        super().__init__()
        self.linear = Linear(n_in, n_out, role, summed)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, n_in, C) to (B, n_out, C)."""
        return self.linear(x.transpose(1, 2)).transpose(1, 2)


class Flatten(nn.Module):
    """All rows of a jet in one, for a dense layer on the whole jet."""

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, N, C) to (B, 1, N * C), candidate after candidate."""
        return x.flatten(1)[:, None]


class Conv1x1(Linear):
    """Convolution of kernel size 1 along the candidates, channels last: a linear layer of each candidate.

    It takes the weights (n_out, n_in, 1) of an ``nn.Conv1d``, too.
    """

    def _load_from_state_dict(self, state: dict[str, Any], prefix: str, *arguments: Any) -> None:
        weight = state.get(f"{prefix}weight")
        if weight is not None and weight.ndim == 3 and weight.shape[-1] == 1:
            state[f"{prefix}weight"] = weight[..., 0]
        super()._load_from_state_dict(state, prefix, *arguments)


class LinearNorm(nn.Module):
    """Affine map of the last axis, then batch normalisation of the real candidates.

    In the quantized network both are one linear layer: factors and offsets of the norm are folded into its weights when
    the float weights are loaded.
    """

    def __init__(self, n_in: int, n_out: int, n_tokens: int, role: Role = "hidden") -> None:
        super().__init__()
        self.linear, self.norm = Linear(n_in, n_out, role), BatchNorm(n_out, n_tokens)

    def forward(self, x: Tensor, count: Tensor) -> Tensor:
        """Map x (B, N, n_in) and count (B, 1) to (B, N, n_out)."""
        return self.norm(self.linear(x), count)
