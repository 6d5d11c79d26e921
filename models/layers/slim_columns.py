"""Vectors and scalars of L-GATr-slim with the tokens last: what a training step of the float network computes.

Vectors are (4, V, N), with the components E, px, py, pz first, and scalars (S, N); N = B M tokens, jet by jet. One
channel of all tokens lies in one piece of memory, which is long where channels are few. A norm writes columns: for each
head the components of its vectors and below them its scalars, as the attention takes them. Numbers are those of
``tritag.models.layers.minkowski`` up to the order of sums; gradients are written by hand.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import gelu

from tritag.models.layers.minkowski import NORM_EPS


def vector_linear(weight: Tensor, v: Tensor, stream: Tensor | None = None) -> Tensor:
    """Linear map of vectors (4, V, N), added to ``stream`` if given; the weight is (V', V), or (4, V', V)."""
    weight = weight.expand(4, -1, -1)
    return torch.bmm(weight, v) if stream is None else torch.baddbmm(stream, weight, v)


def scalar_linear(weight: Tensor, offset: Tensor, s: Tensor, stream: Tensor | None = None) -> Tensor:
    """Affine map of scalars (S, N) with a weight (S', S) and an offset (S',), added to ``stream`` if given."""
    if stream is None:
        return torch.addmm(offset[:, None], weight, s)
    return torch.addmm(stream, weight, s).add_(offset[:, None])


def product(v: Tensor, w: Tensor) -> Tensor:
    """Minkowski products (..., N) of vectors (4, ..., N)."""
    products = v * w
    return products[0] - products[1:].sum(0)


class _JointNorm(torch.autograd.Function):
    """Vectors and scalars times f = (m / n + eps)^(-1/2), with m = sum |<v, v>| + sum s^2 of a group of n of them.

    With y = f x and u = <v, v>, the gradient is f (g + y t): t is -(1/n) sum(g y), for lanes of vectors times the signs
    of u and of the metric.
    """

    @staticmethod
    def forward(ctx: Any, v: Tensor, s: Tensor) -> Tensor:
        u = product(v, v)
        n = v.shape[2] + s.shape[1]
        m = u.abs().sum(1, keepdim=True).add_((s * s).sum(1, keepdim=True))
        factor = m.mul_(1 / n).add_(NORM_EPS).rsqrt_()
        y = v.new_empty(len(s), 4 * v.shape[2] + s.shape[1], s.shape[2])
        vectors, scalars = _parts(y, v.shape[2])
        torch.mul(v, factor, out=vectors)
        torch.mul(s, factor, out=scalars)
        ctx.save_for_backward(y, u.sign_(), factor)
        ctx.n = n
        return y

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor]:
        (y, signs, factor), (g,) = ctx.saved_tensors, gradients
        t = (g * y).sum(1, keepdim=True).mul_(-1 / ctx.n)
        (y_v, y_s), (g_v, g_s) = (_parts(x, signs.shape[1]) for x in (y, g))
        by_v, of_vectors = torch.empty(g_v.shape, dtype=g.dtype, device=g.device), t * signs
        torch.addcmul(g_v[0], y_v[0], of_vectors, out=by_v[0])
        torch.addcmul(g_v[1:], y_v[1:], of_vectors, value=-1, out=by_v[1:])
        return by_v.mul_(factor), torch.addcmul(g_s, y_s, t).mul_(factor)


def _parts(columns: Tensor, vectors: int) -> tuple[Tensor, Tensor]:
    """Views of columns (G, 4 V + S, N) of G groups: vectors (4, G, V, N) and scalars (G, S, N)."""
    v, s = columns[:, : 4 * vectors], columns[:, 4 * vectors :]
    return v.unflatten(1, (4, vectors)).permute(1, 0, 2, 3), s


def joint_norm(v: Tensor, s: Tensor, groups: int = 1) -> Tensor:
    """Columns (G, (4 V + S) / G, N) of vectors (4, V, N) and scalars (S, N): each of G groups is normed alone."""
    return _JointNorm.apply(v.unflatten(1, (groups, -1)), s.unflatten(0, (groups, -1)))


class _ColumnAttention(torch.autograd.Function):
    """Attention head by head: columns of queries (H, d, B, n), of keys and of values (H, d, B, M).

    The queries stand before keys and values, or are columns of their own.
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, own: Tensor | None, mask: Tensor, vectors: int, scale: float
    ) -> tuple[Tensor, Tensor]:
        q, keys, values = _three(x, own)
        heads, lanes, *tokens = q.shape
        of_v = x.new_empty(4, heads, vectors, *tokens)
        of_s = x.new_empty(heads, lanes - 4 * vectors, *tokens)
        weights = []
        for a, b, c, v, s in zip(q, keys, values, of_v.unbind(1), of_s, strict=True):
            weights.append(torch.baddbmm(mask, a.permute(1, 2, 0), _jets(b), alpha=scale).softmax(-1))
            mean = _jets(_jets(c) @ weights[-1].mT)
            v.copy_(mean[: 4 * vectors].unflatten(0, (4, vectors)))
            s.copy_(mean[4 * vectors :])
        ctx.save_for_backward(x, own, *weights)
        ctx.scale = scale
        return of_v, of_s

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        x, own, *weights = ctx.saved_tensors
        by_v, by_s = gradients
        by_x, by_own = torch.empty_like(x), None if own is None else torch.empty_like(own)
        for w, a, b, c, by_a, by_b, by_c, v, s in zip(
            weights, *_three(x, own), *_three(by_x, by_own), by_v.unbind(1), by_s, strict=True
        ):
            g = torch.cat([v.flatten(0, 1), s])
            by_weights = g.permute(1, 2, 0) @ _jets(c)
            by_scores = torch.ops.aten._softmax_backward_data(by_weights, w, -1, w.dtype).mul_(ctx.scale)
            by_a.copy_(_jets(_jets(b) @ by_scores.mT))
            _add_up(a, by_scores, by_b)
            _add_up(g, w, by_c)
        return by_x, by_own, None, None, None


def _three(x: Tensor, own: Tensor | None) -> tuple[Tensor, ...]:
    """Queries, keys and values as parts of x, or the queries as they are given."""
    return x.chunk(3) if own is None else (own, *x.chunk(2))


def _jets(x: Tensor) -> Tensor:
    """Columns (d, B, M) of each jet as a view (B, d, M), and back."""
    return x.permute(1, 0, 2)


def _add_up(columns: Tensor, weights: Tensor, out: Tensor) -> None:
    """Write sums (d, B, M) of columns (d, B, n) with weights (B, n, M); of one column only its multiples."""
    if columns.shape[2] == 1:
        torch.mul(columns, _jets(weights), out=out)
    else:
        out.copy_(_jets(_jets(columns) @ weights))


def column_attention(
    columns: Tensor, real: Tensor, vectors: int, queries: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Attention over tokens of which ``real`` (B, 1, M) count: vectors (4, H V, B n) and scalars (H S, B n).

    Parameters
    ----------
    columns : (3 H, 4 V + S, B M) or (2 H, 4 V + S, B M)
        Those of :func:`joint_norm` for queries with lowered indices, keys and values of H heads; without the queries
        where these are given.
    vectors : int
        V, those of a head.
    queries : (H, 4 V + S, B n), optional
        Those of other tokens.
    """
    jets = len(real)
    mask = (real.to(columns.dtype) - 1) * torch.finfo(columns.dtype).max
    x, own = (None if part is None else part.unflatten(-1, (jets, -1)) for part in (columns, queries))
    v, s = _ColumnAttention.apply(x, own, mask, vectors, columns.shape[1] ** -0.5)
    return v.flatten(3).flatten(1, 2), s.flatten(2).flatten(0, 1)


class _VectorGate(torch.autograd.Function):
    """Two gates and a value, (4, 3, V, N): GELU of the gates' Minkowski products, times the value."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        a, b, value = x.unbind(1)
        gate = product(a, b)
        factor = gelu(gate)
        ctx.save_for_backward(x, gate, factor)
        return value * factor

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (x, gate, factor), (g,) = ctx.saved_tensors, gradients
        by_x = torch.empty_like(x)
        by_gate = torch.ops.aten.gelu_backward((g * x[:, 2]).sum(0), gate)
        torch.mul(x[0, :2].flip(0), by_gate, out=by_x[0, :2])
        torch.mul(x[1:, :2].flip(1), -by_gate, out=by_x[1:, :2])
        torch.mul(g, factor, out=by_x[:, 2])
        return by_x


class _ScalarGate(torch.autograd.Function):
    """A value and a gate, (2, S, N): GELU of the gate, times the value."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        value, gate = x
        factor = gelu(gate)
        ctx.save_for_backward(x, factor)
        return value * factor

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (x, factor), (g,) = ctx.saved_tensors, gradients
        (value, gate), by_x = x, torch.empty_like(x)
        torch.mul(g, factor, out=by_x[0])
        torch.ops.aten.gelu_backward.grad_input(g * value, gate, grad_input=by_x[1])
        return by_x


def vector_gate(x: Tensor) -> Tensor:
    """Gated vectors (4, V, N): GELU of the Minkowski products of two gates, times a value; all in x (4, 3 V, N)."""
    return _VectorGate.apply(x.unflatten(1, (3, -1)))


def scalar_gate(x: Tensor) -> Tensor:
    """Gated scalars (S, N): a value times GELU of a gate; x (2 S, N) holds them in this order."""
    return _ScalarGate.apply(x.unflatten(0, (2, -1)))


__all__ = ["column_attention", "joint_norm", "product", "scalar_gate", "scalar_linear", "vector_gate", "vector_linear"]
