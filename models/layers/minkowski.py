"""Layers on four-vectors and scalars side by side (L-GATr-slim; tagger-quantization paper, Sec. 2.1).

Of M tokens with V vectors and S scalars each, the vectors are (B, 4 M, V), component E, px, py, pz of token n in rows
4 n to 4 n + 3, and the scalars (B, M, S). A linear map of the last axis is then the same for every component: it
commutes with Lorentz transformations. Heads are neighbouring channels.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tritag.models.layers.jet_geometry import JetGeometry
from tritag.models.layers.linear import Role
from tritag.models.layers.lorentz import METRIC, into_jet_frame, real_tokens
from tritag.models.layers.products import attention, fixed_product, narrow_linear
from tritag.models.layers.residual import Residual

# Momenta are counted in this unit beside spurions of order one. A power of two (the paper has 20): a shift in firmware.
MOMENTUM_UNIT_GEV = 16.0
NORM_EPS = 0.01


def components(vectors: Tensor) -> Tensor:
    """Vectors (B, 4 M, V) as (B, M, 4, V)."""
    return vectors.unflatten(1, (-1, 4))


def minkowski_sums(products: Tensor, metric: Tensor) -> Tensor:
    """Sums over the components of ``products`` (B, 4 M, V) with the signs of ``metric`` (4,): (B, M, V).

    Written as a product with a small matrix, like all that follows: axes of two or four entries are slow.
    """
    size = products.shape[-1]
    channels = torch.eye(size, dtype=products.dtype, device=products.device)
    signs = torch.kron(metric.to(products.dtype)[:, None], channels)
    return fixed_product(products.reshape(len(products), -1, 4 * size), signs)


class VectorLinear(nn.Linear):
    """Linear map of the vectors' channels, without offset: (B, 4 M, V) -> (B, 4 M, V').

    Parameters
    ----------
    n_in, n_out : int
        V and V'.
    role : "input", "hidden" or "output"
        Where the layer stands in the tagger.
    summed : bool
        The result goes straight into the residual stream. Its quantized form is narrower then, so that the sum is not
        too wide.
    """

    def __init__(self, n_in: int, n_out: int, role: Role = "hidden", summed: bool = False) -> None:
        super().__init__(n_in, n_out, bias=False)
        self.role, self.summed = role, summed

    def forward(self, x: Tensor) -> Tensor:
        """Map vectors (B, 4 M, V) to (B, 4 M, V')."""
        return narrow_linear(x, self.weight)


class SlimTokens(JetGeometry):
    """Vectors of all tokens in the rest frame of the jet: ``(codes (B, K, 3), count) -> (B, 4 M, 1)``.

    A global token (the zero vector), the spurions when there are any, then the candidates in units of
    ``MOMENTUM_UNIT_GEV``. The network is Lorentz-equivariant, so the frame does not matter to it; in narrow arithmetic
    it does: vectors are short there, and products of nearly parallel vectors do not cancel.
    """

    def of_tokens(self, tokens: Tensor, codes: Tensor, count: Tensor) -> Tensor:
        """Vectors (B, 4 M, 1) from the tokens' laboratory momenta (B, N, 4)."""
        tokens = into_jet_frame(tokens, self.n_constituents)
        candidates = tokens[:, -self.n_constituents :] / MOMENTUM_UNIT_GEV
        spurions = tokens[:, : -self.n_constituents]
        return torch.cat([torch.zeros_like(tokens[:, :1]), spurions, candidates], dim=1).flatten(1)[..., None]


class SlimScalars(nn.Module):
    """Embedded scalars of all tokens: those of a trained global token, of the spurions, of the candidates.

    Spurions have scalars zero, so what is left of their embedding is its offset.
    """

    def __init__(self, channels: int, spurions: bool) -> None:
        super().__init__()
        self.n_spurions = 3 if spurions else 0
        self.weight = nn.Parameter(nn.init.uniform_(torch.empty(channels), -1.0, 1.0) * channels**-0.5)

    def forward(self, scalars: Tensor, offset: Tensor, count: Tensor) -> Tensor:
        """Map embedded candidates (B, K, S) and the embedding's offset (S,) to (B, M, S)."""
        first = torch.cat([self.weight[None], offset.expand(self.n_spurions, -1)])
        return torch.cat([first.expand(len(scalars), -1, -1), scalars], dim=1)


class _JointNorm(torch.autograd.Function):
    """The norm of rows of lanes: the long formula of the gradient is written out, which halves its time.

    With u = v^2, m = sum |u| + sum s^2 of a head and f = (m / n + eps)^(-1/2): v f, s f. ``sums`` adds the lanes of a
    vector, ``v_of_head`` and ``s_of_head`` the channels of a head; ``lanes`` brings a head's factor to its vectors.
    """

    @staticmethod
    def forward(
        ctx: Any, v: Tensor, s: Tensor, sums: Tensor, v_of_head: Tensor, s_of_head: Tensor, lanes: Tensor, n: int
    ) -> tuple[Tensor, Tensor]:
        u = fixed_product(v.square(), sums)
        squares = fixed_product(u.abs(), v_of_head) + fixed_product(s.square(), s_of_head)
        factor = (squares / n + NORM_EPS).rsqrt()
        of_v, of_s = fixed_product(factor, lanes), fixed_product(factor, s_of_head.mT)
        ctx.save_for_backward(v, s, u, factor, of_v, of_s, sums, v_of_head, s_of_head, lanes)
        ctx.n = n
        return v * of_v, s * of_s

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        v, s, u, factor, of_v, of_s, sums, v_of_head, s_of_head, lanes = ctx.saved_tensors
        by_v, by_s = gradients
        by_factor = (by_v * v) @ lanes.mT + (by_s * s) @ s_of_head
        by_squares = by_factor * factor.pow(3) * (-1 / ctx.n)
        by_u = (by_squares @ v_of_head.mT) * u.sign()
        through_v, through_s = by_u @ sums.mT, by_squares @ s_of_head.mT
        return (by_v * of_v).addcmul_(v, through_v), (by_s * of_s).addcmul_(s, through_s), *(None,) * 5


class JointNorm(nn.Module):
    """Norm of vectors and scalars together: both times one factor, head by head.

    The factor is ``((sum |v^2| + sum s^2) / (V + S) + 0.01)^(-1/2)``.

    Parameters
    ----------
    vectors, scalars : int
        Channels V and S, both multiples of ``heads``.
    heads : int
    lowered : bool
        The vectors come out with lowered indices, g v.
    attended : bool
        The result is a query, key or value of an attention, and not the input of linear layers. Vectors of its
        quantized form are narrower then.
    """

    metric: Tensor

    def __init__(
        self, vectors: int, scalars: int, heads: int = 1, lowered: bool = False, attended: bool = False
    ) -> None:
        super().__init__()
        self.vectors, self.scalars = vectors, scalars
        self.heads, self.lowered, self.attended = heads, lowered, attended
        self.register_buffer("metric", torch.tensor(METRIC), persistent=False)

    def forward(self, vectors: Tensor, scalars: Tensor) -> tuple[Tensor, Tensor]:
        """Map vectors (B, 4 M, V) and scalars (B, M, S) to the same shapes."""
        n_v, n_s = vectors.shape[-1] // self.heads, scalars.shape[-1] // self.heads
        of_head = torch.eye(self.heads, dtype=scalars.dtype, device=scalars.device)
        v_of_head, s_of_head = (of_head.repeat_interleave(n, dim=0) for n in (n_v, n_s))
        metric = self.metric.to(vectors.dtype)
        sums = torch.kron(metric[:, None], torch.eye(self.vectors, dtype=vectors.dtype, device=vectors.device))
        signs = metric if self.lowered else torch.ones_like(metric)
        lanes = torch.kron(signs, v_of_head.mT.contiguous())
        rows = vectors.reshape(-1, 4 * self.vectors), scalars.reshape(-1, self.scalars)
        v, s = _JointNorm.apply(*rows, sums, v_of_head, s_of_head, lanes, n_v + n_s)
        return v.view_as(vectors), s.view_as(scalars)


class MinkowskiProduct(nn.Module):
    """Products <a, b> of vectors, channel by channel: two (B, 4 M, V) -> (B, M, V)."""

    metric: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("metric", torch.tensor(METRIC), persistent=False)

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """Multiply vectors a and b (B, 4 M, V) to (B, M, V)."""
        return minkowski_sums(a * b, self.metric)


class GatedUnit(nn.Module):
    """GELU(gate) times value (gated linear unit); a vector's components share the gate.

    ``(gate (B, M, C), value (B, n M, C)) -> (B, n M, C)`` with n = 1 for scalars, 4 for vectors.
    """

    def forward(self, gate: Tensor, value: Tensor) -> Tensor:
        """Gate a value (B, n M, C) with (B, M, C)."""
        shared = value.shape[1] // gate.shape[1]
        return (F.gelu(gate)[:, :, None] * value.unflatten(1, (-1, shared))).flatten(1, 2)


class MinkowskiAttention(nn.Module):
    """Attention with the score (<q_v, k_v> + q_s k_s) / sqrt(4 V_head + S_head) of vectors and scalars.

    Queries come with lowered indices. ``n_first`` tokens stand before the K candidates and are always real.
    """

    def __init__(self, n_constituents: int, n_first: int, heads: int) -> None:
        super().__init__()
        self.n_constituents, self.n_first, self.heads = n_constituents, n_first, heads

    def forward(
        self, q: tuple[Tensor, Tensor], k: tuple[Tensor, Tensor], v: tuple[Tensor, Tensor], count: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Map vectors (B, 4 M, V) and scalars (B, M, S) of queries, keys, values and count (B, 1) to the same."""
        of_vectors, of_scalars = self._places(*q)
        query, key, value = (
            fixed_product(vectors.reshape(len(vectors), -1, len(of_vectors)), of_vectors)
            + fixed_product(scalars, of_scalars)
            for vectors, scalars in (q, k, v)
        )
        real = real_tokens(count, self.n_constituents, self.n_constituents + self.n_first)[:, None, :]
        # untrained, the norms divide by what roundings leave, and an output follows the order of sums by 1e-3: keep it
        mean = attention(query, key, value, self.heads, real, together=True)
        return fixed_product(mean, of_vectors.mT).reshape_as(q[0]), fixed_product(mean, of_scalars.mT)

    def _places(self, vectors: Tensor, scalars: Tensor) -> tuple[Tensor, Tensor]:
        """Matrices (4 V, C) and (S, C) that bring vectors and scalars into their heads' channels, C = 4 V + S in all.

        A head has the components of its vectors, then its scalars; ``vectors`` come as (component, head, channel).
        """
        size, device = 4 * vectors.shape[-1], scalars.device
        own = torch.arange(size, device=device).view(4, self.heads, -1).transpose(0, 1).flatten(1)
        others = torch.arange(size, size + scalars.shape[-1], device=device).view(self.heads, -1)
        order = torch.cat([own, others], dim=1).flatten()
        places = torch.eye(len(order), dtype=scalars.dtype, device=device)[:, order]
        return places[:size], places[size:]


class FirstToken(nn.Module):
    """The first row: (B, M, S) -> (B, 1, S)."""

    def forward(self, x: Tensor) -> Tensor:
        """Take the first of the rows of x (B, M, S): (B, 1, S)."""
        return x[:, :1]


class VectorResidual(Residual):
    """Sum of the vectors' residual stream and a branch, both (B, 4 M, V)."""
