"""Vectors and scalars of L-GATr-slim as one row for each token: what a training step of the float network computes.

A row (C,) has C = 4 V + S lanes: component E of all V vectors, then px, py, pz, then the S scalars. In the rows of an
attention the heads lie side by side, each with the components of its own vectors and then its scalars. The linear maps
of vectors and scalars, and those of keys and values, are then one product with one block matrix, and a norm reads
every row once. Numbers are those of ``tritag.models.layers.minkowski`` up to the order of sums; gradients are written
by hand.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import gelu

from tritag.models.layers.lorentz import METRIC
from tritag.models.layers.minkowski import NORM_EPS

# A factor of so few lanes is faster written out for each lane than broadcast.
_FEW_LANES = 16


@dataclass(frozen=True)
class Lanes:
    """Where vectors and scalars lie in a row.

    Attributes
    ----------
    vectors, scalars : int
        V and S, multiples of ``heads``.
    heads : int
        1, or the heads that lie side by side.
    """

    vectors: int
    scalars: int
    heads: int = 1

    @property
    def size(self) -> int:
        """Lanes of a row."""
        return 4 * self.vectors + self.scalars

    def of_vectors(self) -> Tensor:
        """Lanes (4, V) of the components of all vectors."""
        own = self.vectors // self.heads
        lanes = torch.arange(4)[:, None, None] * own + torch.arange(own)
        return (lanes + self._starts()[:, None]).flatten(1)

    def of_scalars(self) -> Tensor:
        """Lanes (S,) of the scalars."""
        own = 4 * self.vectors // self.heads + torch.arange(self.scalars // self.heads)
        return (self._starts()[:, None] + own).flatten()

    def _starts(self) -> Tensor:
        return torch.arange(self.heads) * (self.size // self.heads)


@dataclass(frozen=True)
class Part:
    """Linear maps of vectors and scalars, whose results lie in lanes of their own, from ``start`` on.

    Attributes
    ----------
    given, made : Lanes
        Rows that go in, and that come out; of a map without vectors or scalars their number is 0.
    start : int
        First lane of the result in the whole row.
    lowered : bool
        The vectors come out with lowered indices.
    """

    given: Lanes
    made: Lanes
    start: int = 0
    lowered: bool = False


@lru_cache(maxsize=256)
def _table(parts: tuple[Part, ...], n_out: int, device: torch.device) -> Tensor:
    """Places (n_in + 1, n_out) of the entries of a block matrix among all weights, the last of which is zero.

    The weights come part by part: of the vectors, of the scalars, offsets of the scalars. The last row is the offset.
    """
    n_in = parts[0].given.size
    places = torch.full((n_in + 1, n_out), -1)
    offset = 0
    for part in parts:
        given, made = part.given, part.made
        streams = [(given.of_vectors(), made.of_vectors()), (given.of_scalars()[None], made.of_scalars()[None])]
        for lanes, new in streams:
            weights = offset + torch.arange(lanes.shape[1] * new.shape[1]).view(new.shape[1], lanes.shape[1]).T
            for rows, columns in zip(lanes, new + part.start, strict=True):
                places[rows[:, None], columns] = weights
            offset += weights.numel()
        places[-1, made.of_scalars() + part.start] = offset + torch.arange(made.scalars)
        offset += made.scalars
    return torch.where(places < 0, offset, places).to(device)


def row_linear(x: Tensor, parts: Sequence[Part], weights: Sequence[Tensor], stream: Tensor | None = None) -> Tensor:
    """Linear maps of rows x (..., C) as one product: (..., n_out), added to ``stream`` when there is one.

    Parameters
    ----------
    parts : sequence of Part
        All read the same rows; what they make lies side by side.
    weights : sequence of Tensor
        Of each part that makes them: weights of the vectors (V', V), of the scalars (S', S), and their offsets (S',).
    """
    n_out = max(part.start + part.made.size for part in parts)
    places = _table(tuple(parts), n_out, x.device)
    flat = torch.cat([*(w.flatten() for w in weights), x.new_zeros(1)])
    matrix = flat.index_select(0, places.flatten()).view(places.shape)
    if any(part.lowered for part in parts):
        matrix = matrix * _signs(tuple(parts), n_out, x.dtype, x.device)
    matrix, offset = matrix.split([len(matrix) - 1, 1])
    y = torch.addmm(offset, x.flatten(0, -2), matrix).view(*x.shape[:-1], n_out)
    return y if stream is None else stream + y


@lru_cache(maxsize=256)
def _signs(parts: tuple[Part, ...], n_out: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    signs = torch.ones(n_out)
    for part in parts:
        if part.lowered:
            signs[part.made.of_vectors() + part.start] = torch.tensor(METRIC)[:, None].expand(-1, part.made.vectors)
    return signs.to(device, dtype)


class _RowNorm(torch.autograd.Function):
    """A row times f = (m / n + eps)^(-1/2), with m = sum |<v, v>| + sum s^2 of its n vectors and scalars.

    With y = f x and the signs of the squares u, the gradient is f (g + y t), t = -(1/n) sum(g y) sign(u) in the lanes
    of u.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, squares: Tensor, n: int) -> Tensor:
        u = x.square() @ squares
        factor = (u.abs() @ x.new_ones(u.shape[1], 1)).mul_(1 / n).add_(NORM_EPS).rsqrt_()
        if x.shape[1] < _FEW_LANES:
            factor = factor @ x.new_ones(1, x.shape[1])
        y = x * factor
        ctx.save_for_backward(y, u.sign_(), factor, squares)
        ctx.n = n
        return y

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (y, signs, factor, squares), (g,) = ctx.saved_tensors, gradients
        sums = (g * y) @ g.new_full(squares.shape, -1 / ctx.n)
        return torch.addcmul(g, y, sums.mul_(signs) @ squares.mT).mul_(factor), None, None


@lru_cache(maxsize=256)
def _squares(lanes: Lanes, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Matrix (C, V + 1) from squares of lanes to those of all vectors, and to the sum of those of all scalars."""
    v = lanes.vectors
    squares = torch.zeros(lanes.size, v + 1)
    squares[lanes.of_vectors(), torch.arange(v)] = torch.tensor(METRIC)[:, None].expand(-1, v)
    squares[lanes.of_scalars(), v] = 1.0
    return squares.to(device, dtype)


def row_norm(x: Tensor, lanes: Lanes) -> Tensor:
    """Joint norm of rows x (..., C), head by head."""
    own = Lanes(lanes.vectors // lanes.heads, lanes.scalars // lanes.heads)
    squares = _squares(own, x.dtype, x.device)
    return _RowNorm.apply(x.reshape(-1, own.size), squares, own.vectors + own.scalars).view(x.shape)


class _RowAttention(torch.autograd.Function):
    """Attention head by head on slices of the rows, which the library takes as they lie."""

    @staticmethod
    def forward(ctx: Any, q: Tensor, kv: Tensor, mask: Tensor, heads: int, scale: float) -> Tensor:
        pairs = kv.chunk(2 * heads, dim=-1)
        weights, results = [], []
        for a, b, c in zip(q.chunk(heads, dim=-1), pairs[:heads], pairs[heads:], strict=True):
            weights.append(torch.add(mask, a @ b.mT, alpha=scale).softmax(-1))
            results.append(weights[-1] @ c)
        ctx.save_for_backward(q, kv, *weights)
        ctx.scale = scale
        return torch.cat(results, dim=-1)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        q, kv, *weights = ctx.saved_tensors
        heads = len(weights)
        pairs = kv.chunk(2 * heads, dim=-1)
        rows = q.chunk(heads, dim=-1), pairs[:heads], pairs[heads:], gradients[0].chunk(heads, dim=-1)
        by_q, by_k, by_v = [], [], []
        for a, b, c, g, w in zip(*rows, weights, strict=True):
            by_scores = torch.ops.aten._softmax_backward_data(g @ c.mT, w, -1, w.dtype).mul_(ctx.scale)
            by_q.append(by_scores @ b)
            by_k.append(_row_sums(by_scores, a))
            by_v.append(_row_sums(w, g))
        return torch.cat(by_q, dim=-1), torch.cat([*by_k, *by_v], dim=-1), None, None, None


def _row_sums(weights: Tensor, rows: Tensor) -> Tensor:
    """Sums of rows (B, N, d) with weights (B, N, M): (B, M, d); of one row only its multiples, which are faster so."""
    return weights.mT * rows if rows.shape[1] == 1 else weights.mT @ rows


def row_attention(q: Tensor, kv: Tensor, heads: int, real: Tensor) -> Tensor:
    """Attention of rows q (B, N, C) over keys and values (B, M, 2 C), of which ``real`` (B, 1, M) count: (B, N, C)."""
    mask = (real.to(q.dtype) - 1) * torch.finfo(q.dtype).max
    return _RowAttention.apply(q, kv, mask, heads, (q.shape[-1] // heads) ** -0.5)


class _VectorGate(torch.autograd.Function):
    """Rows of two gates and a value, (R, 4 V) each: GELU of the gates' Minkowski products, times the value."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        a, b, value = x.chunk(3, dim=-1)
        sums, copies = _components(x.shape[1] // 12, x.dtype, x.device)
        gate = (a * b) @ sums
        factor = gelu(gate) @ copies
        ctx.save_for_backward(x, gate, factor, sums, copies)
        return value * factor

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (x, gate, factor, sums, copies), (g,) = ctx.saved_tensors, gradients
        a, b, value = x.chunk(3, dim=-1)
        by_products = torch.ops.aten.gelu_backward((g * value) @ copies.mT, gate) @ sums.mT
        by_x = torch.empty_like(x)
        for parts, by_part in zip(
            ((by_products, b), (by_products, a), (g, factor)), by_x.chunk(3, dim=-1), strict=True
        ):
            torch.mul(*parts, out=by_part)
        return by_x


class _ScalarGate(torch.autograd.Function):
    """Rows of a value and a gate, (R, S) each: GELU of the gate, times the value."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        value, gate = x.chunk(2, dim=-1)
        factor = gelu(gate)
        ctx.save_for_backward(x, factor)
        return value * factor

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (x, factor), (g,) = ctx.saved_tensors, gradients
        value, gate = x.chunk(2, dim=-1)
        by_x = torch.empty_like(x)
        by_value, by_gate = by_x.chunk(2, dim=-1)
        torch.mul(g, factor, out=by_value)
        torch.ops.aten.gelu_backward.grad_input(g * value, gate, grad_input=by_gate)
        return by_x


@lru_cache(maxsize=256)
def _components(vectors: int, dtype: torch.dtype, device: torch.device) -> tuple[Tensor, Tensor]:
    """Matrices (4 V, V), which sums components with the signs of the metric, and (V, 4 V), which copies for each."""
    own = torch.eye(vectors, dtype=dtype, device=device)
    metric = torch.tensor(METRIC, dtype=dtype, device=device)
    return torch.kron(metric[:, None], own), own.repeat(1, 4)


def vector_gate(x: Tensor) -> Tensor:
    """Gated vectors (..., 4 V): GELU of the Minkowski products of two gates, times a value; all in x (..., 12 V)."""
    return _VectorGate.apply(x.flatten(0, -2)).unflatten(0, x.shape[:-1])


def scalar_gate(x: Tensor) -> Tensor:
    """Gated scalars (..., S): a value times GELU of a gate; x (..., 2 S) holds them in this order."""
    return _ScalarGate.apply(x.flatten(0, -2)).unflatten(0, x.shape[:-1])


__all__ = ["Lanes", "Part", "row_attention", "row_linear", "row_norm", "scalar_gate", "vector_gate"]
