"""Trainable numbers of fractional bits: rounding that the loss can refine and a penalty can coarsen.

The idea of high-granularity quantization (Sun et al., arXiv:2405.00645): a value x is rounded to q = round(x 2^f)/2^f
with a trainable f. The rounding error x - q falls like 2^-f, so dq/df is estimated by ln 2 (x - q), and dq/dx by 1.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from tritag.quant.formats.straight_through import straight_through


class _RoundTo(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, fraction: Tensor) -> Tensor:
        scale = torch.exp2(torch.round(fraction))
        q = torch.round(x * scale) / scale
        ctx.save_for_backward(x - q)
        ctx.shape = fraction.shape
        return q

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor]:
        (error,) = ctx.saved_tensors
        return gradients[0], (gradients[0] * error * math.log(2)).sum_to_size(ctx.shape)


def round_to(x: Tensor, fraction: Tensor) -> Tensor:
    """``x`` rounded half to even to the nearest integer number of ``fraction`` bits (broadcast against ``x``)."""
    return _RoundTo.apply(x, fraction)


def whole(fraction: Tensor) -> Tensor:
    """Nearest integer of ``fraction``, with its gradient."""
    return straight_through(fraction, torch.round(fraction))


def magnitude_bits(x: Tensor) -> Tensor:
    """Smallest integers i with ``|x| < 2**i`` (float32, shape of ``x``); for 0 a very negative number."""
    _, exponent = torch.frexp(x.detach())
    return torch.where(x.detach() == 0, torch.full_like(x, -1e3), exponent.to(x.dtype))
