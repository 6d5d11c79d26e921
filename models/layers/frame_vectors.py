"""Where a Frames-Net's vectors come from: weights over tokens, turned into three four-vectors.

Both kinds hand out v_0, v_1 - v_0 and v_2 - v_0, with the differences taken between the weights, before any sum: that
is what ``polar_frames`` (frames.py) needs, and in narrow arithmetic the only form that keeps its digits.

The layers on pairs keep the channels first, (C, B, R, N): four channels in the last axis leave a processor's vector
units idle, and the all-pairs network is most of the tagger's work. Rows are the last R of the N tokens.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tritag.models.layers.jet_geometry import before_candidates, inverse_pair_masses
from tritag.models.layers.lorentz import mass_squared, real_tokens
from tritag.models.layers.products import masked_softmax, weighted_sums

# Rows: v_0, v_1 - v_0, v_2 - v_0.
_DIFFERENCES = ((1.0, 0.0, 0.0), (-1.0, 1.0, 0.0), (-1.0, 0.0, 1.0))


class PairLinear(nn.Linear):
    """``W [s_i, s_j, e_ij] + b`` for all pairs of tokens, as two parts per token and an outer sum.

    Weight (n_out, 2 S + 1) and bias (n_out,) are those of one linear layer on the concatenation; splitting it takes
    ``2 N S + N^2`` products per output instead of ``N^2 (2 S + 1)``. S = 0 leaves the pair feature alone.
    """

    def __init__(self, n_scalars: int, n_out: int) -> None:
        super().__init__(2 * n_scalars + 1, n_out)
        self.n_scalars = n_scalars

    def forward(self, pairs: Tensor, scalars: Tensor | None = None) -> Tensor:
        """Map the pair feature (B, R, N) and scalars (B, K, S) to (n_out, B, R, N).

        Tokens in front of the K candidates (spurions) have scalars zero.
        """
        own, other, pair = self.weight.split([self.n_scalars, self.n_scalars, 1], dim=1)
        y = (pair @ pairs.reshape(1, -1)).unflatten(1, pairs.shape)
        if scalars is None:
            return y + self.bias[:, None, None, None]
        rows, columns = pairs.shape[1:]
        s = before_candidates(scalars.to(y.dtype), columns)
        y = y + F.linear(s[:, -rows:], own, self.bias).movedim(-1, 0)[..., None]
        return y + F.linear(s, other).movedim(-1, 0)[:, :, None]


class ChannelLinear(nn.Linear):
    """Affine map of the channels of each pair, which come first: (n_in, B, R, N) -> (n_out, B, R, N)."""

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__(n_in, n_out)

    def forward(self, x: Tensor) -> Tensor:
        """Map the first axis of x (n_in, ...)."""
        return torch.addmm(self.bias[:, None], self.weight, x.flatten(1)).unflatten(1, x.shape[1:])


class FrameLinear(nn.Linear):
    """Affine map of the last axis inside a Frames-Net, (..., n_in) -> (..., n_out); no recipe makes it ternary."""

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__(n_in, n_out)


class FrameGelu(nn.GELU):
    """GELU inside a Frames-Net, on ``n_rows`` tokens or pairs of a jet: the shape of the input."""

    def __init__(self, n_rows: int) -> None:
        super().__init__()
        self.n_rows = n_rows


class PairVectors(nn.Module):
    """Vectors from pairs (LLoCa, edge convolution).

    ``v_ik = sum over j != i of softmax_j(phi_ijk) (p_i + p_j)/m_ij``, k = 0, 1, 2; each term has unit mass. Per token
    (the candidates), or per jet: each token's vectors are divided by ``sqrt|sum_k v_ik^2|`` and averaged over all
    tokens, spurions included.

    A token without partner gets zero vectors.
    """

    def __init__(self, n_constituents: int, per_jet: bool) -> None:
        super().__init__()
        self.n_constituents, self.per_jet = n_constituents, per_jet

    def forward(self, phi: Tensor, pairs: Tensor, tokens: Tensor, count: Tensor) -> Tensor:
        """Vectors v_0, v_1 - v_0, v_2 - v_0.

        Parameters
        ----------
        phi : (3, B, R, N)
        pairs : (B, R, N)
            Standardised ``log m_ij^2``.
        tokens : (B, N, 4)
        count : (B, 1)

        Returns
        -------
        (B, R, 3, 4), or (B, 1, 3, 4) per jet.
        """
        rows, columns = pairs.shape[1:]
        real = real_tokens(count, self.n_constituents, columns)
        others = 1 - torch.eye(columns, dtype=phi.dtype, device=count.device)[-rows:]
        partners = others * real[:, None]
        weights = differences(masked_softmax(phi, partners)) * (inverse_pair_masses(pairs) * partners)
        # sum_j a_ij (p_i + p_j) = sum_j a_ij p_j + p_i sum_j a_ij, both from one product
        extended = torch.cat([tokens, torch.ones_like(tokens[..., :1])], dim=-1)
        sums = weighted_sums(weights, extended.expand(len(weights), -1, -1, -1)).movedim(0, 2)
        vectors = sums[..., :4] + sums[..., 4:] * tokens[:, -rows:, None]
        return jet_mean(vectors, real[:, -rows:]) if self.per_jet else vectors


class TokenVectors(nn.Module):
    """Vectors from single tokens: ``v_k = sum_j softmax_j(phi_jk) p_j``, k = 0, 1, 2, one set for the jet."""

    def __init__(self, n_constituents: int) -> None:
        super().__init__()
        self.n_constituents = n_constituents

    def forward(self, phi: Tensor, tokens: Tensor, count: Tensor) -> Tensor:
        """Map phi (B, N, 3), tokens (B, N, 4), count (B, 1) to v_0, v_1 - v_0, v_2 - v_0: (B, 1, 3, 4)."""
        real = real_tokens(count, self.n_constituents, tokens.shape[1])
        weights = differences(masked_softmax(phi.movedim(-1, 0), real))
        return (weights.movedim(0, 1) @ tokens)[:, None]


def differences(weights: Tensor) -> Tensor:
    """``(w_0, w_1 - w_0, w_2 - w_0)`` along the first axis; exactly zero where weights are equal."""
    return (weights.new_tensor(_DIFFERENCES) @ weights.flatten(1)).view_as(weights)


def jet_mean(vectors: Tensor, real: Tensor) -> Tensor:
    """Mean over the real tokens (B, R) of vectors (B, R, 3, 4) = (v_0, v_1 - v_0, v_2 - v_0), each token's normalised.

    The divisor ``sqrt|v_0^2 + v_1^2 + v_2^2|`` is at least sqrt(3), because each v_k is a mean of vectors of unit mass
    in the forward light cone; the bound catches rounding.
    """
    plain = torch.cat([vectors[:, :, :1], vectors[:, :, :1] + vectors[:, :, 1:]], dim=2)
    size = mass_squared(plain).sum(-1).clamp(min=3.0).sqrt()
    share = real / real.sum(1, keepdim=True).clamp(min=1)
    return (vectors * (share / size)[..., None, None]).sum(1, keepdim=True)
