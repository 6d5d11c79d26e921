"""Quantized layers on four-vectors and scalars side by side (L-GATr-slim).

Vectors are wider than scalars: spurions and soft candidates share one scale.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tritag.errors import ConfigError, ExportError
from tritag.models.layers import minkowski as kinds
from tritag.models.layers.linear import Role
from tritag.models.layers.lorentz import real_tokens
from tritag.models.layers.products import masked_softmax, row_products, weighted_sums
from tritag.quant.formats.tensor import FixedTensor, check_float32, concatenate_rows, fake_quantize
from tritag.quant.layers.factory import QuantLayers, quantizes
from tritag.quant.layers.transformer import QuantResidual
from tritag.quant.ops.attention import ExpWeights, exact_product
from tritag.quant.ops.constant_rows import ConstantRows
from tritag.quant.ops.first_token import TrainableFirstToken
from tritag.quant.ops.four_momenta import FourMomenta
from tritag.quant.ops.gated_unit import TrainableGatedUnit
from tritag.quant.ops.head_mean import HeadMean
from tritag.quant.ops.jet_frame import JetVelocity
from tritag.quant.ops.joint_norm import JointNormFactor, JointNormStream, common_fraction
from tritag.quant.ops.minkowski_product import TrainableMinkowskiProduct
from tritag.quant.ops.modules import FixedOp, NamedOp
from tritag.quant.ops.slim_tokens import SlimReferences, SlimTokens
from tritag.quant.weights.cut import Cut

# Tokens before the candidates: the global one and three spurions.
N_FIRST = 4
# Bits of vectors: in the residual stream, before and after linear layers, in attention; of their products.
VECTOR_RESIDUAL_BITS = 16
VECTOR_BITS = 14
VECTOR_ATTENTION_BITS = 11
PRODUCT_BITS = 14
GATE_BITS = 10

Streams = tuple[FixedTensor, FixedTensor]


class QuantSlimTokens(nn.Module):
    """Vectors of all tokens: the global one, the spurions, and the candidates in the rest frame of the jet."""

    def __init__(self, n_constituents: int) -> None:
        super().__init__()
        self.momenta, self.velocity = FixedOp(FourMomenta()), FixedOp(JetVelocity())
        self.tokens, self.references = FixedOp(SlimTokens()), FixedOp(SlimReferences())
        self.rows = 4 * (n_constituents + N_FIRST)

    def forward(self, codes: FixedTensor, count: FixedTensor) -> FixedTensor:
        """Vectors (B, 4 M, 1)."""
        momenta = self.momenta(codes, count)
        velocity = self.velocity(momenta)
        first, candidates = self.references(velocity).reshape(-1, N_FIRST, 4), self.tokens(momenta, velocity)
        return concatenate_rows(first, candidates).reshape(-1, self.rows, 1)


class QuantSlimScalars(nn.Module):
    """Scalars of global token and spurions, on the grid of the candidates' scalars, before those."""

    def __init__(self, n_constituents: int, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(nn.init.uniform_(torch.empty(channels), -1.0, 1.0) * channels**-0.5)
        self.rows = NamedOp()

    def forward(self, scalars: FixedTensor, offset: Tensor, count: FixedTensor) -> FixedTensor:
        """Map embedded candidates (B, K, S) and the embedding's offset (S,) to (B, M, S)."""
        grid = scalars.known_grid()
        first = fake_quantize(torch.cat([self.weight[None], offset.expand(N_FIRST - 1, -1)]), grid)
        if self.training:
            return concatenate_rows(FixedTensor(first.expand(len(scalars), -1, -1), grid), scalars)
        constant = ConstantRows.of(FixedTensor(first.detach(), grid))
        return concatenate_rows(self.rows(constant, count).reshape(-1, *first.shape), scalars)


class QuantJointNorm(nn.Module):
    """Norm of vectors and scalars together, head by head, with a cut for each of the two."""

    def __init__(
        self, n_tokens: int, vectors: int, scalars: int, heads: int, lowered: bool, cuts: tuple[Cut, Cut]
    ) -> None:
        super().__init__()
        self.n_tokens, self.vectors, features = n_tokens, vectors, vectors + scalars
        self.reference = kinds.JointNorm(vectors, scalars, heads, lowered)
        self.cut_vectors, self.cut_scalars = cuts
        self.factor = FixedOp(JointNormFactor(heads))
        self.scale_vectors = JointNormStream(cuts[0], heads, features, components=4, lowered=lowered)
        self.scale_scalars = JointNormStream(cuts[1], heads, features, components=1)

    def forward(self, vectors: FixedTensor, scalars: FixedTensor) -> Streams:
        """Normalise vectors (B, 4 M, V) and scalars (B, M, S)."""
        if self.training:
            v, s = self.reference(vectors.value, scalars.value)
            return self.cut_vectors(FixedTensor(v, None)), self.cut_scalars(FixedTensor(s, None))
        rows = vectors.reshape(-1, self.n_tokens, 4 * self.vectors)
        factor = self.factor(rows, scalars)
        fraction = common_fraction(rows.known_grid(), scalars.known_grid())
        scaled = self.scale_vectors(rows, factor, fraction).reshape(-1, 4 * self.n_tokens, self.vectors)
        return scaled, self.scale_scalars(scalars, factor, fraction)


class QuantMinkowskiProduct(nn.Module):
    """Minkowski products of vectors, channel by channel."""

    def __init__(self, n_tokens: int, cut: Cut) -> None:
        super().__init__()
        self.n_tokens, self.op = n_tokens, TrainableMinkowskiProduct(n_tokens, cut)

    def forward(self, a: FixedTensor, b: FixedTensor) -> FixedTensor:
        """Products (B, M, V) of vectors (B, 4 M, V)."""
        lanes = 4 * int(a.value.shape[-1])
        return self.op(a.reshape(-1, self.n_tokens, lanes), b.reshape(-1, self.n_tokens, lanes))


class QuantGatedUnit(nn.Module):
    """GELU of a gate times a value; the components of a vector share their gate."""

    def __init__(self, n_tokens: int, cut: Cut) -> None:
        super().__init__()
        self.n_tokens, self.op = n_tokens, TrainableGatedUnit(cut)

    def forward(self, gate: FixedTensor, value: FixedTensor) -> FixedTensor:
        """GELU(gate) times value, in the shape of value."""
        rows, channels = map(int, value.value.shape[1:])
        lanes = rows // self.n_tokens * channels
        return self.op(gate, value.reshape(-1, self.n_tokens, lanes)).reshape(-1, rows, channels)


class QuantMinkowskiAttention(nn.Module):
    """Attention on vectors and scalars; the results have the grids of the values."""

    def __init__(self, n_constituents: int, heads: int, weight_bits: int, cut: Cut) -> None:
        super().__init__()
        self.n_constituents, self.n_tokens, self.heads = n_constituents, n_constituents + N_FIRST, heads
        self.weight_bits, self.cut = weight_bits, cut
        self.exp_weights, self.mean_vectors, self.mean_scalars = NamedOp(), NamedOp(), NamedOp()

    def forward(self, q: Streams, k: Streams, v: Streams, count: FixedTensor) -> Streams:
        """Map vectors (B, 4 M, V) and scalars (B, M, S) of queries (lowered), keys, values and count (B, 1)."""
        n, heads = self.n_tokens, self.heads
        channels, n_s = (int(x.value.shape[-1]) for x in q)
        n_v = channels // heads
        vectors = [x[0].reshape(-1, n, 4, heads, n_v) for x in (q, k, v)]
        scalars = [x[1].reshape(-1, n, heads, n_s // heads) for x in (q, k, v)]
        scale = (4 * n_v + n_s // heads) ** -0.5
        if self.training:
            return self._surrogate(vectors, scalars, count, scale)
        first = self.cut(exact_product("bnuhc,bmuhc->bnhm", vectors[0], vectors[1], terms=4 * n_v))
        second = exact_product("bnhc,bmhc->bnhm", scalars[0], scalars[1], terms=n_s // heads)
        grid = check_float32(first.known_grid().plus(second.known_grid()), "attention score")
        scores = FixedTensor(first.value + second.value, grid).reshape(-1, n * heads, n)
        weights = self.exp_weights(ExpWeights(scale, self.weight_bits, n_first=N_FIRST), scores, count)
        keys = weights.reshape(-1, n, heads, n)
        rows = weights.reshape(-1, n, heads * n)
        means = []
        for mean, equation, value, components, lanes in (
            (self.mean_vectors, "bnhm,bmuhc->bnuhc", vectors[2], 4, 4 * channels),
            (self.mean_scalars, "bnhm,bmhc->bnhc", scalars[2], 1, n_s),
        ):
            numerator = exact_product(equation, keys, value, terms=n)
            op = HeadMean(value.known_grid(), heads, components)
            means.append(mean(op, numerator.reshape(-1, n, lanes), rows))
        return means[0].reshape(-1, 4 * n, channels), means[1]

    def _surrogate(
        self, vectors: list[FixedTensor], scalars: list[FixedTensor], count: FixedTensor, scale: float
    ) -> Streams:
        (q, k, v), (q_s, k_s, v_s) = ([x.value for x in part] for part in (vectors, scalars))
        # one row of a head holds the four components of its vectors
        q, k, v = (x.permute(0, 3, 1, 2, 4).flatten(3) for x in (q, k, v))
        q_s, k_s, v_s = (x.transpose(1, 2) for x in (q_s, k_s, v_s))
        first = self.cut(FixedTensor(row_products(q, k), None)).value
        scores = (first + row_products(q_s, k_s)) * scale
        real = real_tokens(count.value, self.n_constituents, self.n_tokens)[:, None, None]
        weights = masked_softmax(scores, real)
        mean_v, mean_s = weighted_sums(weights, v).unflatten(-1, (4, -1)), weighted_sums(weights, v_s)
        grid_v, grid_s = vectors[2].known_grid(), scalars[2].known_grid()
        return (
            FixedTensor(fake_quantize(mean_v.permute(0, 2, 3, 1, 4).flatten(3).flatten(1, 2), grid_v), grid_v),
            FixedTensor(fake_quantize(mean_s.transpose(1, 2).flatten(2), grid_s), grid_s),
        )


@quantizes(kinds.SlimTokens)
def quantized_slim_tokens(layers: QuantLayers, n_constituents: int, spurions: bool) -> nn.Module:
    """Vectors of all tokens.

    Raises
    ------
    ExportError
        No spurions.
    """
    if not spurions:
        raise ExportError("a quantized L-GATr-slim needs spurions; train with spurions: true")
    return QuantSlimTokens(n_constituents)


@quantizes(kinds.SlimScalars)
def quantized_slim_scalars(layers: QuantLayers, channels: int, spurions: bool) -> nn.Module:
    """Scalars of all tokens, on the grid of the candidates'."""
    return QuantSlimScalars(layers.n_tokens, channels)


@quantizes(kinds.VectorLinear)
def quantized_vector_linear(
    layers: QuantLayers, n_in: int, n_out: int, role: Role = "hidden", summed: bool = False
) -> nn.Module:
    """Linear map of vectors; even a branch of the residual stream is cut, so that their sum stays narrow.

    Raises
    ------
    ConfigError
        Learned weights.
    """
    c = layers.config
    if c.weights == "learned":
        raise ConfigError("linear maps of vectors have no learned widths; choose int8, ternary or binary weights")
    cut = layers.cut(VECTOR_BITS if summed else VECTOR_RESIDUAL_BITS)
    return layers.weighted(n_in, n_out, cut, role == "hidden" and not c.low_bit_layers, vectors=True)


@quantizes(kinds.VectorResidual)
def quantized_vector_residual(layers: QuantLayers) -> nn.Module:
    """Sum of the vectors' residual stream and a branch."""
    return QuantResidual(layers.cut(VECTOR_RESIDUAL_BITS))


@quantizes(kinds.JointNorm)
def quantized_joint_norm(
    layers: QuantLayers, vectors: int, scalars: int, heads: int = 1, lowered: bool = False, attended: bool = False
) -> nn.Module:
    """Norm of vectors and scalars together; one before a linear layer keeps more bits than one in attention."""
    cuts = layers.cut(VECTOR_ATTENTION_BITS if attended else VECTOR_BITS), layers.cut()
    return QuantJointNorm(layers.n_tokens + N_FIRST, vectors, scalars, heads, lowered, cuts)


@quantizes(kinds.MinkowskiProduct)
def quantized_minkowski_product(layers: QuantLayers) -> nn.Module:
    """Products of vectors, cut to the width of gates."""
    return QuantMinkowskiProduct(layers.n_tokens + N_FIRST, layers.cut(GATE_BITS))


@quantizes(kinds.GatedUnit)
def quantized_gated_unit(layers: QuantLayers) -> nn.Module:
    """Gated unit, cut to the width of gates."""
    return QuantGatedUnit(layers.n_tokens + N_FIRST, layers.cut(GATE_BITS))


@quantizes(kinds.MinkowskiAttention)
def quantized_minkowski_attention(layers: QuantLayers, n_constituents: int, n_first: int, heads: int) -> nn.Module:
    """Attention on vectors and scalars, whose weights have ``attention_bits`` bits."""
    return QuantMinkowskiAttention(n_constituents, heads, layers.config.attention_bits, layers.cut(PRODUCT_BITS))


@quantizes(kinds.FirstToken)
def quantized_first_token(layers: QuantLayers) -> nn.Module:
    """The global token's row."""
    return TrainableFirstToken()
