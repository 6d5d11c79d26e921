"""Attention over the real constituents, in two ops around two exact products.

``exp_weights`` turns a row of scores into unnormalised 8-bit weights exp(score - largest score); ``weighted_mean``
divides the weighted sum of the values by the sum of the weights. Normalising after the product needs d_head
multiplications a row instead of N, and its reciprocal is computed beside the product. Specification:
docs/ops/attention.md.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from tritag.models.layers.attention import Attention as FloatAttention
from tritag.quant.formats.fixed import Grid, product_grid
from tritag.quant.formats.meter import Meter
from tritag.quant.formats.tensor import FixedTensor, check_float32, fake_quantize
from tritag.quant.integer.blocks import exponential, reciprocal
from tritag.quant.integer.program import Tracer
from tritag.quant.ops.op import BoundProgram, IntegerOp


class ExpWeights(IntegerOp):
    """Weights of N keys from their scores: rows are queries (and heads), lanes are keys.

    The first ``n_first`` keys are real always, and ``count`` more.
    """

    def __init__(self, rows: int, n_keys: int, scale: float, bits: int = 8, n_first: int = 0) -> None:
        super().__init__()
        self.rows, self.n_keys, self.scale, self.bits, self.n_first = rows, n_keys, scale, bits, n_first

    def bind(self, scores: Grid, count: Grid) -> BoundProgram:
        """Program: row maximum, difference, one table of exp; keys beyond ``count`` weigh nothing."""
        t = Tracer("exp_weights", self.rows)
        value = t.input("scores", scores.low, scores.high, lanes=self.n_keys)
        number = t.input("count", 0, self.n_keys - self.n_first, per_row=False)
        real = t.constant(list(range(self.n_keys))).less(number + self.n_first if self.n_first else number)
        largest = real.where(value, scores.low).max_lanes()
        weight = exponential(t, largest - value, 2.0**-scores.fraction * self.scale, self.bits)
        t.output("weights", real.where(weight, 0))
        return BoundProgram(t.program, (scores.fraction, count.fraction), (0,))


class WeightedMean(IntegerOp):
    """Sum of weighted values divided by the sum of weights, on the grid of the values."""

    def __init__(self, rows: int, d_head: int, n_keys: int) -> None:
        super().__init__()
        self.rows, self.d_head, self.n_keys = rows, d_head, n_keys
        self.value_grid = Grid(-128, 127, 0)

    def bind(self, numerator: Grid, weights: Grid) -> BoundProgram:
        """Program: reciprocal of the weights' sum, one product per lane; the mean of nothing is zero."""
        mantissa_bits = 10
        t = Tracer("weighted_mean", self.rows)
        value = t.input("numerator", numerator.low, numerator.high, lanes=self.d_head)
        weight = t.input("weights", weights.low, weights.high, lanes=self.n_keys)
        inverse, shift = reciprocal(t, weight.sum_lanes(), mantissa_bits, index_bits=8)
        mean = (value * inverse).round_shift_by(shift + mantissa_bits)
        t.output("mean", mean.clip(self.value_grid.low, self.value_grid.high))
        return BoundProgram(t.program, (numerator.fraction, weights.fraction), (self.value_grid.fraction,))

    def _settings(self) -> object:
        return self.value_grid


class Attention(nn.Module):
    """Multi-head attention on int8 queries, keys and values; the result lies on the grid of the values."""

    def __init__(self, n_tokens: int, channels: int, heads: int, weight_bits: int = 8) -> None:
        super().__init__()
        self.n_tokens, self.heads, self.d_head = n_tokens, heads, channels // heads
        rows = n_tokens * heads
        self.reference = FloatAttention(n_tokens, channels, heads)
        self.exp_weights = ExpWeights(rows, n_tokens, 1 / math.sqrt(self.d_head), weight_bits)
        self.weighted_mean = WeightedMean(rows, self.d_head, n_tokens)
        self.meter = Meter()

    def bit_operations(self, q: FixedTensor, k: FixedTensor, v: FixedTensor) -> Tensor | float:
        """Bit operations of both products of one jet, differentiable in learned widths."""
        macs = self.n_tokens**2 * self.heads * self.d_head
        return macs * (q.width() * k.width() + self.exp_weights.bits * v.width())

    def forward(self, q: FixedTensor, k: FixedTensor, v: FixedTensor, count: FixedTensor) -> FixedTensor:
        """Map q, k, v (B, N, C) and count (B, 1) to (B, N, C)."""
        self.meter.read(self, q, k, v)
        if self.training:
            mean = self.reference(q.value, k.value, v.value, count.value)
            return FixedTensor(fake_quantize(mean, v.known_grid()), v.grid, v.bits)
        n, heads, d = self.n_tokens, self.heads, self.d_head
        query, key, value = (x.reshape(-1, n, heads, d) for x in (q, k, v))
        scores = exact_product("bnhd,bmhd->bnhm", query, key, terms=d)
        weights = self.exp_weights(scores.reshape(-1, n * heads, n), count)
        numerator = exact_product("bnhm,bmhd->bnhd", weights.reshape(-1, n, heads, n), value, terms=n)
        self.weighted_mean.value_grid = v.known_grid()
        mean = self.weighted_mean(numerator.reshape(-1, n * heads, d), weights)
        return mean.reshape(-1, n, heads * d)


def exact_product(equation: str, a: FixedTensor, b: FixedTensor, terms: int) -> FixedTensor:
    """Einsum of two fixed tensors, exact in float32; ``terms`` products are summed into each result."""
    grid = product_grid(a.known_grid(), b.known_grid(), terms)
    return FixedTensor(torch.einsum(equation, a.value, b.value), check_float32(grid, f"product {equation}"))


__all__ = ["Attention", "ExpWeights", "WeightedMean", "exact_product"]
