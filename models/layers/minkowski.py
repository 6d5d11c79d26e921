"""Layers on four-vectors and scalars side by side (L-GATr-slim; tagger-quantization paper, Sec. 2.1).

Of M tokens with V vectors and S scalars each, the vectors are (B, 4 M, V), component E, px, py, pz of token n in rows
4 n to 4 n + 3, and the scalars (B, M, S). A linear map of the last axis is then the same for every component: it
commutes with Lorentz transformations. Heads are neighbouring channels.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tritag.models.layers.jet_geometry import JetGeometry
from tritag.models.layers.linear import Role
from tritag.models.layers.lorentz import METRIC, into_jet_frame, real_tokens
from tritag.models.layers.products import fixed_product, masked_softmax, narrow_linear, row_products, weighted_sums
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
        squares = fixed_product(minkowski_sums(vectors.square(), self.metric).abs(), v_of_head)
        squares = squares + fixed_product(scalars.square(), s_of_head)
        factor = (squares / (n_v + n_s) + NORM_EPS).rsqrt()
        signs = self.metric if self.lowered else torch.ones_like(self.metric)
        lanes = fixed_product(factor, torch.kron(signs, v_of_head.mT.contiguous()))
        return vectors * lanes.view_as(vectors), scalars * fixed_product(factor, s_of_head.mT)


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
        query, key, value = (self._heads(*x) for x in (q, k, v))
        real = real_tokens(count, self.n_constituents, self.n_constituents + self.n_first)[:, None, None, :]
        weights = masked_softmax(row_products(query * query.shape[-1] ** -0.5, key), real)
        mean = weighted_sums(weights, value).transpose(1, 2)
        own = 4 * q[0].shape[-1] // self.heads
        vectors = fixed_product(mean[..., :own].flatten(2), self._head_order(mean, q[0].shape[-1]))
        return vectors.reshape_as(q[0]), mean[..., own:].flatten(2)

    def _heads(self, vectors: Tensor, scalars: Tensor) -> Tensor:
        """(B, heads, M, 4 V_head + S_head)."""
        size = vectors.shape[-1]
        v = fixed_product(vectors.reshape(len(vectors), -1, 4 * size), self._head_order(vectors, size).mT)
        parts = [x.unflatten(-1, (self.heads, -1)) for x in (v, scalars)]
        return torch.cat(parts, dim=-1).transpose(1, 2)

    def _head_order(self, like: Tensor, size: int) -> Tensor:
        """Permutation (4 V, 4 V) of lanes from (component, head, channel) to (head, component, channel)."""
        lanes = torch.eye(4 * size, dtype=like.dtype, device=like.device)
        return lanes.unflatten(0, (4, self.heads, -1)).transpose(0, 1).flatten(0, 2)


class FirstToken(nn.Module):
    """The first row: (B, M, S) -> (B, 1, S)."""

    def forward(self, x: Tensor) -> Tensor:
        """Take the first of the rows of x (B, M, S): (B, 1, S)."""
        return x[:, :1]


class VectorResidual(Residual):
    """Sum of the vectors' residual stream and a branch, both (B, 4 M, V)."""
