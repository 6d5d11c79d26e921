"""Quantized activations, pools, and sums and products of two tensors: ops on the grids that their cuts observe."""

from __future__ import annotations

from functools import partial

from torch import nn

from tritag.models.layers import activations, broadcast, pool
from tritag.quant.formats.tensor import FixedTensor
from tritag.quant.layers.factory import QuantLayers, quantizes
from tritag.quant.ops import combined, pools
from tritag.quant.ops.activation import Clamp, Relu, Table
from tritag.quant.ops.modules import TrainableOnGrid
from tritag.quant.ops.softmax import TrainableSoftmax


class QuantEdgeSum(nn.Module):
    """Sums over edges; the second tensor goes in as one row of the jet."""

    def __init__(self, edges: combined.TrainableEdgeSum) -> None:
        super().__init__()
        self.edges = edges

    def forward(self, x: FixedTensor, y: FixedTensor, count: FixedTensor) -> FixedTensor:
        """Map x, y (B, N, C) and count (B, 1) to (B, N, C)."""
        rows, lanes = (int(size) for size in y.value.shape[1:])
        return self.edges(x, y.reshape(-1, 1, rows * lanes), count)


@quantizes(activations.Relu)
def quantized_relu(layers: QuantLayers) -> nn.Module:
    """Cut as an activation."""
    return TrainableOnGrid(layers.cut(), Relu, activations.Relu())


@quantizes(activations.Clip)
def quantized_clip(layers: QuantLayers, low: float = -1.0, high: float = 1.0) -> nn.Module:
    """Cut as an activation, whose observed range need not reach the ends."""
    return TrainableOnGrid(layers.cut(), partial(Clamp, low=low, high=high), activations.Clip(low, high))


@quantizes(activations.Sigmoid)
def quantized_sigmoid(layers: QuantLayers) -> nn.Module:
    """A table of all codes."""
    return TrainableOnGrid(layers.cut(), partial(Table, curve="sigmoid"), activations.Sigmoid())


@quantizes(activations.Tanh)
def quantized_tanh(layers: QuantLayers) -> nn.Module:
    """A table of all codes."""
    return TrainableOnGrid(layers.cut(), partial(Table, curve="tanh"), activations.Tanh())


@quantizes(activations.Softmax)
def quantized_softmax(layers: QuantLayers) -> nn.Module:
    """From 0 to 1 in steps of ``2**-activation_bits``."""
    return TrainableSoftmax(layers.config.activation_bits)


@quantizes(pool.SumPool)
def quantized_sum_pool(layers: QuantLayers, n_tokens: int) -> nn.Module:
    """Sum over the candidates, on the width of the residual stream."""
    return TrainableOnGrid(layers.residual_cut(), pools.SumPool, pool.SumPool(n_tokens))


@quantizes(pool.SlotMean)
def quantized_slot_mean(layers: QuantLayers, n_tokens: int) -> nn.Module:
    """Sum over the candidates less its low bits, on the grid of the residual stream."""
    return pools.TrainableSlotMean(n_tokens)


@quantizes(pool.MaxPool)
def quantized_max_pool(layers: QuantLayers, n_tokens: int) -> nn.Module:
    """Largest of the candidates, exact."""
    return pools.TrainableChoice(pools.MaxPool(), pool.MaxPool(n_tokens))


@quantizes(pool.MaskTokens)
def quantized_mask(layers: QuantLayers, n_tokens: int) -> nn.Module:
    """Zeros in the rows that do not count, exact."""
    return pools.TrainableChoice(pools.MaskTokens(), pool.MaskTokens(n_tokens))


@quantizes(broadcast.Add)
def quantized_add(layers: QuantLayers) -> nn.Module:
    """Exact sum, on the width of the residual stream."""
    return TrainableOnGrid(layers.residual_cut(), combined.Add, broadcast.Add())


@quantizes(broadcast.Multiply)
def quantized_multiply(layers: QuantLayers) -> nn.Module:
    """Exact product, cut as an activation."""
    return TrainableOnGrid(layers.cut(), combined.Multiply, broadcast.Multiply())


@quantizes(broadcast.EdgeSum)
def quantized_edge_sum(layers: QuantLayers, n_tokens: int) -> nn.Module:
    """Exact sums, on the width of the residual stream."""
    return QuantEdgeSum(combined.TrainableEdgeSum(layers.residual_cut(), n_tokens))
