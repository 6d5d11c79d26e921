"""Quantized layers of a plain transformer: input scalars, norm, attention, residual sum and pool."""

from __future__ import annotations

from torch import nn

from tritag.data.jets.candidate_grid import PLAIN, CandidateInputs
from tritag.models.layers.attention import Attention
from tritag.models.layers.norms import LayerNorm
from tritag.models.layers.pool import MeanPool
from tritag.models.layers.residual import Residual
from tritag.models.layers.scalars import JetScalars
from tritag.models.layers.seed_scalars import SeedScalars
from tritag.quant.formats.tensor import FixedTensor, fits_float32
from tritag.quant.layers.factory import QuantLayers, quantizes
from tritag.quant.ops.attention import Attention as QuantAttention
from tritag.quant.ops.combined import Add
from tritag.quant.ops.jet_scalars import JetScalars as JetScalarsOp
from tritag.quant.ops.layer_norm import TrainableLayerNorm
from tritag.quant.ops.mean_pool import TrainableMeanPool
from tritag.quant.ops.modules import FixedOp, NamedOp
from tritag.quant.ops.seed_scalars import SeedScalars as SeedScalarsOp
from tritag.quant.weights.cut import Cut


class QuantResidual(nn.Module):
    """Exact sum of the residual stream and a branch, cut to the residual's width.

    Where the branch is so much smaller than the stream that float32 does not carry their sum between two nodes of the
    exported graph, sum and cut are one integer program.
    """

    def __init__(self, cut: Cut) -> None:
        super().__init__()
        self.cut, self.add = cut, NamedOp()

    def forward(self, h: FixedTensor, branch: FixedTensor) -> FixedTensor:
        """Add and cut tensors (B, rows, lanes)."""
        if self.training:
            return self.cut(FixedTensor(h.value + branch.value, None))
        grid = h.known_grid().plus(branch.known_grid())
        if not fits_float32(grid):
            return self.add(Add(self.cut.grid), h, branch)
        return self.cut(FixedTensor(h.value + branch.value, grid))


class NormAndCut(nn.Module):
    """A norm whose result is cut further."""

    def __init__(self, norm: nn.Module, cut: Cut) -> None:
        super().__init__()
        self.norm, self.cut = norm, cut

    def forward(self, x: FixedTensor) -> FixedTensor:
        """Norm and cut."""
        return self.cut(self.norm(x))


@quantizes(JetScalars)
def quantized_jet_scalars(layers: QuantLayers, n_constituents: int, candidates: CandidateInputs = PLAIN) -> nn.Module:
    """Seven scalars per candidate, and the inputs of its fields."""
    return FixedOp(JetScalarsOp(candidates))


@quantizes(SeedScalars)
def quantized_seed_scalars(layers: QuantLayers, n_constituents: int, candidates: CandidateInputs = PLAIN) -> nn.Module:
    """Five scalars per candidate about the leading one, and the inputs of its fields."""
    return FixedOp(SeedScalarsOp(candidates))


@quantizes(LayerNorm)
def quantized_norm(layers: QuantLayers, channels: int) -> nn.Module:
    """LayerNorm on the width of activations; where widths are learned, a cut behind it learns one."""
    norm = TrainableLayerNorm(layers.n_tokens, channels, layers.config.tensor_bits)
    return NormAndCut(norm, layers.cut()) if layers.config.learned_cuts else norm


@quantizes(Attention)
def quantized_attention(layers: QuantLayers, n_tokens: int, channels: int, heads: int) -> nn.Module:
    """Attention whose weights have ``attention_bits`` bits, or as many of them as they learn."""
    c = layers.config
    return QuantAttention(n_tokens, channels, heads, c.attention_bits, learned=c.learned_attention)


@quantizes(Residual)
def quantized_residual(layers: QuantLayers) -> nn.Module:
    """Sum of the residual stream and a branch, on the width of the stream."""
    return QuantResidual(layers.residual_cut())


@quantizes(MeanPool)
def quantized_pool(layers: QuantLayers, n_tokens: int) -> nn.Module:
    """Mean over the candidates, on the grid of the residual stream."""
    return TrainableMeanPool(n_tokens)
