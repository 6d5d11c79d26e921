"""Products of many small matrices with one short side, and the softmax between them, as attention has them.

With d channels and N tokens, d << N, the library multiplies a matrix (N, N) by one (N, d) three times slower than their
transposes in the other order. Forward and backward are written so that the long side is last.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

# Tallies of multiplications by entries that are known to be 0, 1 or -1.
_TALLIES: list[list[int]] = []


@contextmanager
def trivial_macs() -> Iterator[list[int]]:
    """Multiply-accumulates inside the block that only write a sum or an order: a list with their number."""
    tally = [0]
    _TALLIES.append(tally)
    try:
        yield tally
    finally:
        _TALLIES.remove(tally)


def _add_trivial(macs: int) -> None:
    for tally in _TALLIES:
        tally[0] += macs


def fixed_product(x: Tensor, matrix: Tensor) -> Tensor:
    """``x @ matrix`` with a matrix of 0, 1 and -1, for a sum with signs or another order of the last axis."""
    _add_trivial(x.numel() * matrix.shape[-1])
    return x @ matrix.to(x.dtype)


class _RowProducts(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor) -> Tensor:
        ctx.save_for_backward(a, b)
        return a @ b.mT

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor]:
        (a, b), (g,) = ctx.saved_tensors, gradients
        return (b.mT @ g.mT).mT, (a.mT @ g).mT


class _WeightedSums(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, weights: Tensor, values: Tensor) -> Tensor:
        ctx.save_for_backward(weights, values)
        return (values.mT @ weights.mT).mT

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor | None]:
        (weights, values), (g,) = ctx.saved_tensors, gradients
        by_values = (g.mT @ weights).mT if ctx.needs_input_grad[1] else None
        return g @ values.mT, by_values


class _Attention(torch.autograd.Function):
    """Attention head by head: products of slices, which the library takes as they lie, and no copy in another order."""

    @staticmethod
    def forward(
        ctx: Any, q: Tensor, k: Tensor, v: Tensor, mask: Tensor, heads: int, scale: float, together: bool
    ) -> Tensor:
        ctx.scale = scale
        if together:
            a, b, c = (x.unflatten(-1, (heads, -1)).transpose(1, 2) for x in (q, k, v))
            w = ((a * scale) @ b.mT + mask[:, None]).softmax(-1)
            ctx.save_for_backward(q, k, v, *w.unbind(1))
            return (c.mT @ w.mT).mT.transpose(1, 2).flatten(2)
        weights, results = [], []
        for a, b, c in zip(*(_heads(x, heads) for x in (q, k, v)), strict=True):
            weights.append(torch.baddbmm(mask, a, b.mT, alpha=scale).softmax(-1))
            results.append(weights[-1] @ c)
        ctx.save_for_backward(q, k, v, *weights)
        return torch.cat(results, dim=-1)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        q, k, v, *weights = ctx.saved_tensors
        rows = (_heads(x, len(weights)) for x in (q, k, v, gradients[0]))
        by_q, by_k, by_v = [], [], []
        for a, b, c, g, w in zip(*rows, weights, strict=True):
            by_scores = torch.ops.aten._softmax_backward_data(g @ c.mT, w, -1, w.dtype)
            by_q.append(by_scores @ b)
            by_k.append(by_scores.mT @ a)
            by_v.append(w.mT @ g)
        scaled = [torch.cat(parts, dim=-1).mul_(ctx.scale) for parts in (by_q, by_k)]
        return *scaled, torch.cat(by_v, dim=-1), None, None, None, None


def _heads(x: Tensor, heads: int) -> tuple[Tensor, ...]:
    return x.chunk(heads, dim=-1)


def attention(
    q: Tensor, k: Tensor, v: Tensor, heads: int, real: Tensor | None = None, *, together: bool = False
) -> Tensor:
    """Multi-head attention, scale 1/sqrt(d_head): q (B, N, C), k and v (B, M, C) to (B, N, C), heads side by side.

    ``real`` (B, 1, M): which of the M rows count; all by default. A jet without any has equal weights.
    ``together``: the forward pass takes all heads at once, which adds in another order and is slower.
    """
    limit = torch.finfo(q.dtype).max
    mask = q.new_zeros(()) if real is None else (real.to(q.dtype) - 1) * limit
    mask = mask.expand(len(q), 1, k.shape[1])
    return _Attention.apply(q, k, v, mask, heads, (q.shape[-1] // heads) ** -0.5, together)


def row_products(a: Tensor, b: Tensor) -> Tensor:
    """Products of the rows, ``a b^T``: (..., N, d) and (..., M, d) to (..., N, M)."""
    return _RowProducts.apply(a, b)


def weighted_sums(weights: Tensor, values: Tensor) -> Tensor:
    """Sums of the rows of ``values`` (..., M, d) with ``weights`` (..., N, M): (..., N, d)."""
    return _WeightedSums.apply(weights, values)


def narrow_linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Affine map of a last axis of few entries: x (..., n_in), weight (n_out, n_in), bias (n_out,) to (..., n_out).

    Four neighbouring rows share a product with a block-diagonal matrix where their number allows it: the library is
    twice as fast with 16 entries as with four times as many rows of four.
    """
    n_out, n_in = weight.shape
    group = math.gcd(x.numel() // n_in, 4)
    _add_trivial(x.numel() * n_out * (group - 1))
    blocks = torch.kron(torch.eye(group, dtype=weight.dtype, device=weight.device), weight)
    y = F.linear(x.reshape(-1, group * n_in), blocks, None if bias is None else bias.repeat(group))
    return y.reshape(*x.shape[:-1], n_out)


def masked_softmax(logits: Tensor, real: Tensor) -> Tensor:
    """Softmax over the last axis where ``real`` (broadcast against ``logits``) is true or 1; equal weights if nowhere.

    The mask is added: filling under a mask takes ten times longer.
    """
    return (logits + (real.to(logits.dtype) - 1) * torch.finfo(logits.dtype).max).softmax(-1)
