"""Quantized layers of the Particle Transformer: pair features, norms with factors, and attention of two kinds.

Pairs are rows: (B, K * K, C), the pair (i, j) in row i * K + j.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from tritag.models.layers.class_attention import BiasedAttention, ClassAttention, ClassToken, Prepend
from tritag.models.layers.norms import AffineNorm, BatchNorm, ChannelScale
from tritag.models.layers.pair_features import PairFeatures
from tritag.quant.formats.straight_through import straight_through
from tritag.quant.formats.tensor import FixedTensor, concatenate_rows, fake_quantize
from tritag.quant.layers.factory import QuantLayers, quantizes
from tritag.quant.ops.attention import ExpWeights, WeightedMean, exact_product
from tritag.quant.ops.biased_weights import BiasedWeights
from tritag.quant.ops.channel_affine import TrainableChannelAffine
from tritag.quant.ops.constant_rows import ConstantRows
from tritag.quant.ops.layer_norm import TrainableLayerNorm
from tritag.quant.ops.modules import FixedOp, NamedOp
from tritag.quant.ops.pair_features import PairFeatures as PairFeaturesOp
from tritag.quant.weights.cut import Cut


class QuantPairFeatures(nn.Module):
    """Four features of each pair of candidates, as rows: (B, K * K, 4)."""

    def __init__(self, n_constituents: int) -> None:
        super().__init__()
        self.n_constituents, self.op = n_constituents, FixedOp(PairFeaturesOp())

    def forward(self, codes: FixedTensor, count: FixedTensor) -> FixedTensor:
        """Features (B, K * K, 4)."""
        k = self.n_constituents
        return self.op(codes, codes.reshape(-1, 1, 3 * k), count).reshape(-1, k * k, 4)


class QuantBatchNorm(nn.Module):
    """Batch norm with the statistics of the float training, frozen: a factor and an offset per channel.

    With ``shifts`` the factors are the nearest powers of two (on a logarithmic scale), in training too.
    """

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, channels: int, n_tokens: int, cut: Cut, shifts: bool = False, eps: float = 1e-5) -> None:
        super().__init__()
        self.shifts, self.eps = shifts, eps
        self.weight, self.bias = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))
        self.affine = TrainableChannelAffine(cut)

    def forward(self, x: FixedTensor, count: FixedTensor) -> FixedTensor:
        """Normalise x (B, R, C)."""
        factor = self.weight * (self.running_var + self.eps).rsqrt()
        if self.shifts:
            factor = straight_through(factor, factor.sign() * torch.exp2(torch.round(torch.log2(factor.abs()))))
        return self.affine(x, factor, self.bias - self.running_mean * factor)


class QuantAffineNorm(nn.Module):
    """LayerNorm, then a factor and an offset per channel."""

    def __init__(self, n_tokens: int, channels: int, norm_bits: int, cut: Cut) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))
        self.norm, self.affine = TrainableLayerNorm(n_tokens, channels, norm_bits), TrainableChannelAffine(cut)

    def forward(self, x: FixedTensor) -> FixedTensor:
        """Normalise x (B, N, C)."""
        return self.affine(self.norm(x), self.weight, self.bias)


class QuantChannelScale(nn.Module):
    """A factor per channel or head."""

    def __init__(self, n_tokens: int, channels: int, n_factors: int, cut: Cut) -> None:
        super().__init__()
        self.repeats = channels // n_factors
        self.weight = nn.Parameter(torch.ones(n_factors))
        self.affine = TrainableChannelAffine(cut)

    def forward(self, x: FixedTensor) -> FixedTensor:
        """Scale x (B, N, C)."""
        factor = self.weight.repeat_interleave(self.repeats)
        return self.affine(x, factor, torch.zeros_like(factor))


class QuantBiasedAttention(nn.Module):
    """Attention with a bias per pair on int8 queries, keys, values and biases; the result has the values' grid."""

    def __init__(self, n_tokens: int, channels: int, heads: int, weight_bits: int) -> None:
        super().__init__()
        self.n_tokens, self.heads, self.d_head = n_tokens, heads, channels // heads
        self.reference = BiasedAttention(n_tokens, channels, heads)
        self.biased_weights = FixedOp(BiasedWeights(heads, 1 / math.sqrt(self.d_head), weight_bits))
        self.weighted_mean = NamedOp()

    def forward(
        self, q: FixedTensor, k: FixedTensor, v: FixedTensor, bias: FixedTensor, count: FixedTensor
    ) -> FixedTensor:
        """Map q, k, v (B, N, C), bias (B, N * N, heads) and count (B, 1) to (B, N, C)."""
        if self.training:
            mean = self.reference(q.value, k.value, v.value, bias.value, count.value)
            return FixedTensor(fake_quantize(mean, v.known_grid()), v.grid)
        n, heads, d = self.n_tokens, self.heads, self.d_head
        query, key, value = (x.reshape(-1, n, heads, d) for x in (q, k, v))
        scores = exact_product("bnhd,bmhd->bnhm", query, key, terms=d).reshape(-1, n, heads * n)
        weights = self.biased_weights(scores, bias.reshape(-1, n, n * heads), count)
        numerator = exact_product("bnhm,bmhd->bnhd", weights.reshape(-1, n, heads, n), value, terms=n)
        rows = numerator.reshape(-1, n * heads, d), weights.reshape(-1, n * heads, n)
        return self.weighted_mean(WeightedMean(v.known_grid()), *rows).reshape(-1, n, heads * d)


class QuantClassAttention(nn.Module):
    """Attention of one query over itself and the real tokens; the result has the values' grid."""

    def __init__(self, n_tokens: int, channels: int, heads: int, weight_bits: int) -> None:
        super().__init__()
        self.n_keys, self.heads, self.d_head = n_tokens + 1, heads, channels // heads
        self.reference = ClassAttention(n_tokens, channels, heads)
        self.exp_weights = FixedOp(ExpWeights(1 / math.sqrt(self.d_head), weight_bits, n_first=1))
        self.weighted_mean = NamedOp()

    def forward(self, q: FixedTensor, k: FixedTensor, v: FixedTensor, count: FixedTensor) -> FixedTensor:
        """Map q (B, 1, C), k and v (B, N + 1, C) and count (B, 1) to (B, 1, C)."""
        if self.training:
            mean = self.reference(q.value, k.value, v.value, count.value)
            return FixedTensor(fake_quantize(mean, v.known_grid()), v.grid)
        m, heads, d = self.n_keys, self.heads, self.d_head
        key, value = (x.reshape(-1, m, heads, d) for x in (k, v))
        scores = exact_product("bhd,bmhd->bhm", q.reshape(-1, heads, d), key, terms=d)
        weights = self.exp_weights(scores, count)
        numerator = exact_product("bhm,bmhd->bhd", weights, value, terms=m)
        return self.weighted_mean(WeightedMean(v.known_grid()), numerator, weights).reshape(-1, 1, heads * d)


class QuantClassToken(nn.Module):
    """A trained token on an observed grid."""

    def __init__(self, n_tokens: int, channels: int, cut: Cut) -> None:
        super().__init__()
        self.weight = nn.Parameter(nn.init.trunc_normal_(torch.empty(channels), std=0.02))
        self.cut, self.rows = cut, NamedOp()

    def forward(self, count: FixedTensor) -> FixedTensor:
        """Token (B, 1, C)."""
        if self.training:
            return self.cut(FixedTensor(self.weight.expand(len(count), 1, -1), None))
        grid = self.cut.grid
        token = FixedTensor(fake_quantize(self.weight.detach(), grid), grid)
        return self.rows(ConstantRows.of(token), count)


class QuantPrepend(nn.Module):
    """Rows of the first tensor before those of the second; both have one LSB."""

    def forward(self, first: FixedTensor, second: FixedTensor) -> FixedTensor:
        """Concatenate (B, n, C) and (B, m, C)."""
        if self.training:
            # While ranges are observed, one cut that made both may have changed its LSB in between.
            return FixedTensor(torch.cat([first.value, second.value], dim=1), None)
        return concatenate_rows(first, second)


@quantizes(PairFeatures)
def quantized_pair_features(layers: QuantLayers, n_constituents: int) -> nn.Module:
    """Four features per pair."""
    return QuantPairFeatures(n_constituents)


@quantizes(BatchNorm)
def quantized_batch_norm(
    layers: QuantLayers, channels: int, n_tokens: int, pairs: bool = False, wide: bool = False, shifts: bool = False
) -> nn.Module:
    """Batch norm with frozen statistics, cut as an activation or, when ``wide``, to the residual stream's width."""
    return QuantBatchNorm(channels, n_tokens, layers.residual_cut() if wide else layers.cut(), shifts)


@quantizes(AffineNorm)
def quantized_affine_norm(layers: QuantLayers, channels: int, summed: bool = False) -> nn.Module:
    """LayerNorm with factors and offsets, cut as an activation or, when ``summed``, to the residual stream's width."""
    cut = layers.residual_cut() if summed else layers.cut()
    return QuantAffineNorm(layers.n_tokens, channels, layers.config.residual_bits, cut)


@quantizes(ChannelScale)
def quantized_channel_scale(layers: QuantLayers, channels: int, n_factors: int) -> nn.Module:
    """Trained factors, on the width of the residual stream."""
    return QuantChannelScale(layers.n_tokens, channels, n_factors, layers.residual_cut())


@quantizes(BiasedAttention)
def quantized_biased_attention(layers: QuantLayers, n_tokens: int, channels: int, heads: int) -> nn.Module:
    """Attention with a bias per pair, whose weights have ``attention_bits`` bits."""
    return QuantBiasedAttention(n_tokens, channels, heads, layers.config.attention_bits)


@quantizes(ClassAttention)
def quantized_class_attention(layers: QuantLayers, n_tokens: int, channels: int, heads: int) -> nn.Module:
    """Attention of the class token, whose weights have ``attention_bits`` bits."""
    return QuantClassAttention(n_tokens, channels, heads, layers.config.attention_bits)


@quantizes(ClassToken)
def quantized_class_token(layers: QuantLayers, channels: int) -> nn.Module:
    """The trained token, on the width of the residual stream."""
    return QuantClassToken(layers.n_tokens, channels, layers.residual_cut())


@quantizes(Prepend)
def quantized_prepend(layers: QuantLayers) -> nn.Module:
    """Rows of one tensor before those of another, without arithmetic."""
    return QuantPrepend()
