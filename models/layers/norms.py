"""Norms: without parameters, and with trained factors as the Particle Transformer has them (NormFormer blocks)."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tritag.models.layers.lorentz import real_tokens

_EPS = 1e-5
# Share of the newest batch in the running statistics.
_MOMENTUM = 0.1


class LayerNorm(nn.Module):
    """LayerNorm over the last axis without parameters, eps 1e-5: (..., C) -> (..., C)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.shape = (channels,)

    def forward(self, x: Tensor) -> Tensor:
        """Normalise the last axis of ``x`` (..., C)."""
        return F.layer_norm(x, self.shape, eps=_EPS)


class AffineNorm(nn.LayerNorm):
    """LayerNorm over the last axis with a trained factor and offset per channel, eps 1e-5: (..., C) -> (..., C).

    Parameters
    ----------
    channels : int
    summed : bool
        The result goes into the residual stream. Its quantized form is as wide as that stream.
    """

    def __init__(self, channels: int, summed: bool = False) -> None:
        super().__init__(channels, eps=_EPS)
        self.summed = summed


class BatchNorm(nn.Module):
    """Batch normalisation of the last axis; statistics come from real tokens, or pairs of real tokens, alone.

    Parameters
    ----------
    channels : int
    n_tokens : int
        K; a tensor has K rows, or K * K when ``pairs``.
    pairs : bool
        The rows are pairs of tokens, the pair (i, j) in row i * K + j.
    wide : bool
        The result is an input feature. Its quantized form is as wide as the residual stream.
    shifts : bool
        The factors of the quantized form are powers of two.
    """

    running_mean: Tensor
    running_var: Tensor

    def __init__(
        self, channels: int, n_tokens: int, pairs: bool = False, wide: bool = False, shifts: bool = False
    ) -> None:
        super().__init__()
        self.n_tokens, self.pairs, self.wide, self.shifts = n_tokens, pairs, wide, shifts
        self.weight, self.bias = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))

    def forward(self, x: Tensor, count: Tensor) -> Tensor:
        """Normalise x (B, R, C) with count (B, 1): by the batch in training mode, else by the running statistics."""
        mean, var = self._observe(x, count) if self.training else (self.running_mean, self.running_var)
        factor = self.weight * (var + _EPS).rsqrt()
        return x * factor + (self.bias - mean * factor)

    def _observe(self, x: Tensor, count: Tensor) -> tuple[Tensor, Tensor]:
        real = real_tokens(count, self.n_tokens, self.n_tokens)
        if self.pairs:
            real = (real[:, :, None] & real[:, None]).flatten(1)
        weight = real[..., None].to(x.dtype)
        n = weight.sum().clamp(min=1)
        mean = (x * weight).sum((0, 1)) / n
        var = ((x - mean).square() * weight).sum((0, 1)) / n
        with torch.no_grad():
            unbiased = var * n / (n - 1).clamp(min=1)
            self.running_mean.lerp_(mean, _MOMENTUM)
            self.running_var.lerp_(unbiased, _MOMENTUM)
        return mean, var


def fold_into(weight: Tensor, bias: Tensor, norm: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Weights (n_out, n_in) and biases (n_out,) of a linear layer with the batch norm behind it folded in.

    ``norm`` is the state of a :class:`BatchNorm`, whose running statistics count.
    """
    factor = norm["weight"] * (norm["running_var"] + _EPS).rsqrt()
    return weight * factor[:, None], (bias - norm["running_mean"]) * factor + norm["bias"]


class ChannelScale(nn.Module):
    """Trained factors: ``n_factors`` of them, each for C / n_factors neighbouring channels. (..., C) -> (..., C)."""

    def __init__(self, channels: int, n_factors: int) -> None:
        super().__init__()
        self.repeats = channels // n_factors
        self.weight = nn.Parameter(torch.ones(n_factors))

    def forward(self, x: Tensor) -> Tensor:
        """Multiply x (..., C) by the factors of its channels."""
        return x * self.weight.repeat_interleave(self.repeats)
