"""Quantized layers on all pairs of tokens.

Between them a pair tensor is (B, R, N C): R rows, and in lanes the C channels of the N columns, token by token. So an
op takes the time of R rows, not of R N.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from tritag.errors import ExportError
from tritag.models.layers import frame_vectors as kinds
from tritag.models.layers.jet_geometry import PairMasses
from tritag.models.layers.products import narrow_linear
from tritag.quant.formats.fixed import accumulator_grid
from tritag.quant.formats.tensor import FixedTensor, check_float32, concatenate_rows
from tritag.quant.layers.factory import QuantLayers, quantizes
from tritag.quant.layers.frames import JetTokens, PairWeighted
from tritag.quant.ops.modules import FixedOp
from tritag.quant.ops.pair_masses import N_SPURIONS, SpurionMasses
from tritag.quant.ops.pair_masses import PairMasses as PairMassesOp
from tritag.quant.ops.pair_sum import TokenScalars, TrainablePairSum
from tritag.quant.weights.cut import Cut
from tritag.quant.weights.linear import QuantLinear
from tritag.quant.weights.quantizers import Int8Weight


class QuantPairMasses(nn.Module):
    """Standardised log m_ij^2 of all pairs of tokens, with or without the spurions in rows."""

    def __init__(self, n_constituents: int, spurions: bool, n_rows: int) -> None:
        super().__init__()
        if not spurions:
            raise ExportError("a quantized Frames-Net needs spurions; train with spurions: true")
        self.n_constituents = n_constituents
        self.with_candidates = FixedOp(PairMassesOp())
        self.with_spurions = FixedOp(SpurionMasses()) if n_rows > n_constituents else None

    def forward(self, codes: FixedTensor, count: FixedTensor) -> FixedTensor:
        """Standardised log m_ij^2 (B, R, N)."""
        k = self.n_constituents
        lanes = codes.reshape(-1, 1, 3 * k)
        candidates = self.with_candidates(codes, lanes, count)
        if self.with_spurions is None:
            return candidates
        return concatenate_rows(self.with_spurions(lanes, count).reshape(-1, N_SPURIONS, k + N_SPURIONS), candidates)


class QuantPairLinear(QuantLinear):
    """Quantized ``PairLinear`` (frame_vectors.py): ``W [s_i, s_j, e_ij] + b`` as three products and a sum."""

    def __init__(self, n_constituents: int, n_scalars: int, n_out: int, bias_bits: int, cut: Cut) -> None:
        super().__init__(2 * n_scalars + 1, n_out, {"weight_quant": Int8Weight}, bias_bits, None)
        self.n_constituents, self.n_scalars, self.n_out, self.sum_cut = n_constituents, n_scalars, n_out, cut
        self.token_scalars = FixedOp(TokenScalars())
        self.sum_per_candidate, self.sum_per_token = TrainablePairSum(), TrainablePairSum()

    def forward(self, pairs: FixedTensor, scalars: FixedTensor) -> FixedTensor:  # type: ignore[override]
        """Map pair feature (B, R, N) and scalars (B, K, S) to (B, R, N n_out)."""
        k, n, size = self.n_constituents, self.n_constituents + N_SPURIONS, self.n_scalars
        rows = int(pairs.value.shape[1])
        of_rows = scalars
        if rows > k:
            of_rows = self.token_scalars(scalars.reshape(-1, 1, k * size)).reshape(-1, n, size)
        own = self._part(of_rows, slice(0, size), biased=True)
        other = self._part(scalars, slice(size, 2 * size)).reshape(-1, 1, k * self.n_out)
        pair = self._part(pairs.reshape(-1, rows * n, 1), slice(2 * size, 2 * size + 1))
        add = self.sum_per_token if rows > k else self.sum_per_candidate
        return self.sum_cut(add(own, other, pair.reshape(-1, rows, n * self.n_out)))

    def _part(self, x: FixedTensor, columns: slice, biased: bool = False) -> FixedTensor:
        """``W x`` for some columns of the weight, with the bias or without."""
        bias = self.bias_value()
        # A product with 0 and not new zeros: the exported node keeps a quantized bias.
        value = F.linear(x.value, self.weight_value()[:, columns], bias if biased else bias * 0.0)
        if self.training:
            return FixedTensor(value, None)
        integers, weight_fraction, bias_integers, bias_fraction = self.integers()
        grid = accumulator_grid(
            integers[:, columns].T, weight_fraction, bias_integers * int(biased), bias_fraction, x.known_grid()
        )
        return FixedTensor(value, check_float32(grid, "sum of two linear layers"))


class QuantChannelLinear(QuantLinear):
    """Affine map of the channels of each pair, which stand side by side in lanes here."""

    def __init__(self, n_in: int, n_out: int, bias_bits: int, cut: Cut) -> None:
        super().__init__(n_in, n_out, {"weight_quant": Int8Weight}, bias_bits, cut)

    def forward(self, x: FixedTensor) -> FixedTensor:
        """Map (B, R, N n_in) to (B, R, N n_out)."""
        rows, lanes = (int(size) for size in x.value.shape[1:])
        n = lanes // self.in_features
        y = super().forward(x.reshape(-1, rows * n, self.in_features))
        return y.reshape(-1, rows, n * self.out_features)

    def affine(self, x: Tensor) -> Tensor:
        """``W x + b`` of a last axis of few entries: (B, R N, n_in) to (B, R N, n_out), fast in training."""
        return narrow_linear(x, self.weight_value(), self.bias_value()) if self.training else super().affine(x)


class QuantPairVectors(nn.Module):
    """Three vectors from pairs; the vectors themselves are formed in the frames op."""

    def __init__(self, n_constituents: int, per_jet: bool) -> None:
        super().__init__()
        self.n_constituents, self.per_jet = n_constituents, per_jet

    def forward(self, phi: FixedTensor, pairs: FixedTensor, tokens: JetTokens, count: FixedTensor) -> PairWeighted:
        """Hand all four tensors on to the frames op."""
        return PairWeighted(phi, pairs, tokens, count, self.per_jet)


@quantizes(PairMasses)
def quantized_pair_masses(layers: QuantLayers, n_constituents: int, spurions: bool, n_rows: int) -> nn.Module:
    """Masses of all pairs."""
    return QuantPairMasses(n_constituents, spurions, n_rows)


@quantizes(kinds.PairLinear)
def quantized_pair_linear(layers: QuantLayers, n_scalars: int, n_out: int) -> nn.Module:
    """First layer of an all-pairs Frames-Net: int8 weights always."""
    cut = layers.cut(layers.config.frames_net_bits)
    return QuantPairLinear(layers.n_tokens, n_scalars, n_out, layers.config.bias_bits, cut)


@quantizes(kinds.ChannelLinear)
def quantized_channel_linear(layers: QuantLayers, n_in: int, n_out: int) -> nn.Module:
    """Affine map of the channels of each pair: int8 weights always."""
    return QuantChannelLinear(n_in, n_out, layers.config.bias_bits, layers.cut(layers.config.frames_net_bits))


@quantizes(kinds.PairVectors)
def quantized_pair_vectors(layers: QuantLayers, n_constituents: int, per_jet: bool) -> nn.Module:
    """Three vectors from pairs."""
    return QuantPairVectors(n_constituents, per_jet)
