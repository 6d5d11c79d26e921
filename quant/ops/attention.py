"""Attention over the real constituents, in two ops around two exact products.

``exp_weights`` turns a row of scores into unnormalised 8-bit weights exp(score - largest score); ``weighted_mean``
divides the weighted sum of the values by the sum of the weights. Normalising after the product needs d_head
multiplications a row instead of N, and its reciprocal is computed beside the product. Specification:
docs/ops/attention.md.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from tritag.models.layers.attention import Attention as FloatAttention
from tritag.models.layers.attention import LinearAttention as FloatLinearAttention
from tritag.quant.formats.fixed import Grid, product_grid
from tritag.quant.formats.meter import Meter
from tritag.quant.formats.tensor import FixedTensor, check_float32, fake_quantize
from tritag.quant.integer.blocks import exponential, reciprocal
from tritag.quant.integer.tracer import Tracer
from tritag.quant.ops.modules import NamedOp
from tritag.quant.ops.op import BoundProgram, Op, TensorSpec, fractions
from tritag.quant.weights.learned_attention import LearnedAttentionBits, weighted_attention


@dataclass(frozen=True)
class ExpWeights(Op):
    """Weights of N keys from their scores: rows are queries (and heads), lanes are keys.

    The first ``n_first`` keys are real always, and ``count`` more. ``scale`` is the temperature's inverse; ``bits`` the
    width of a weight. Without a count all keys are real.
    """

    scale: float
    bits: int = 8
    n_first: int = 0

    def bind(self, scores: TensorSpec, count: TensorSpec | None = None) -> BoundProgram:
        """Program: row maximum, difference, one table of exp; keys beyond ``count`` weigh nothing."""
        t = Tracer("exp_weights", scores.rows)
        value = scores.declare(t, "scores")
        if count is None:
            below = value.max_lanes() - value
            t.output("weights", exponential(t, below, 2.0**-scores.grid.fraction * self.scale, self.bits))
            return BoundProgram(t.program, fractions(scores), (0,))
        number = count.declare(t, "count", per_row=False)
        real = t.constant(list(range(scores.lanes))).less(number + self.n_first if self.n_first else number)
        largest = real.where(value, scores.grid.low).max_lanes()
        weight = exponential(t, largest - value, 2.0**-scores.grid.fraction * self.scale, self.bits)
        t.output("weights", real.where(weight, 0))
        return BoundProgram(t.program, fractions(scores, count), (0,))


@dataclass(frozen=True)
class WeightedMean(Op):
    """Sum of weighted values divided by the sum of weights, on the grid ``y`` of the values."""

    y: Grid

    def bind(self, numerator: TensorSpec, weights: TensorSpec) -> BoundProgram:
        """Program: reciprocal of the weights' sum, one product per lane; the mean of nothing is zero."""
        mantissa_bits = 10
        t = Tracer("weighted_mean", numerator.rows)
        value, weight = numerator.declare(t, "numerator"), weights.declare(t, "weights")
        inverse, shift = reciprocal(t, weight.sum_lanes(), mantissa_bits, index_bits=8)
        mean = (value * inverse).round_shift_by(shift + mantissa_bits)
        t.output("mean", mean.clip(self.y.low, self.y.high))
        return BoundProgram(t.program, fractions(numerator, weights), (self.y.fraction,))


class Attention(nn.Module):
    """Multi-head attention on int8 queries, keys and values; the result lies on the grid of the values.

    Its weights have ``weight_bits`` bits, or at most so many when their width is ``learned``.
    """

    def __init__(
        self,
        n_tokens: int,
        channels: int,
        heads: int,
        weight_bits: int = 8,
        n_keys: int | None = None,
        learned: bool = False,
    ) -> None:
        super().__init__()
        self.n_tokens, self.heads, self.d_head = n_tokens, heads, channels // heads
        self.n_keys, self.weight_bits = n_tokens if n_keys is None else n_keys, weight_bits
        over_tokens = FloatAttention(n_tokens, channels, heads)
        self.reference = over_tokens if n_keys is None else FloatLinearAttention(n_tokens, n_keys, channels, heads)
        self.learned = LearnedAttentionBits(weight_bits) if learned else None
        self.exp_weights = NamedOp()
        self.weighted_mean = NamedOp()
        self.meter = Meter()

    def bit_operations(self, q: FixedTensor, k: FixedTensor, v: FixedTensor) -> Tensor | float:
        """Bit operations of both products of one jet, differentiable in learned widths."""
        macs = self.n_tokens * self.n_keys * self.heads * self.d_head
        bits = self.weight_bits if self.learned is None else self.learned.learned()
        return macs * (q.width() * k.width() + bits * v.width())

    def forward(self, q: FixedTensor, k: FixedTensor, v: FixedTensor, count: FixedTensor | None = None) -> FixedTensor:
        """Map q (B, N, C), k, v (B, M, C) and count (B, 1) to (B, N, C); without a count all M keys are real."""
        self.meter.read(self, q, k, v)
        real = () if count is None else (count,)
        if self.training:
            mean = self._trained(q.value, k.value, v.value, None if count is None else count.value)
            return FixedTensor(fake_quantize(mean, v.known_grid()), v.grid, v.bits)
        n, m, heads, d = self.n_tokens, self.n_keys, self.heads, self.d_head
        query, key, value = (x.reshape(-1, rows, heads, d) for x, rows in ((q, n), (k, m), (v, m)))
        scores = exact_product("bnhd,bmhd->bnhm", query, key, terms=d)
        weights = self.exp_weights(self._exp_weights(), scores.reshape(-1, n * heads, m), *real)
        numerator = exact_product("bnhm,bmhd->bnhd", weights.reshape(-1, n, heads, m), value, terms=m)
        mean = self.weighted_mean(WeightedMean(v.known_grid()), numerator.reshape(-1, n * heads, d), weights)
        return mean.reshape(-1, n, heads * d)

    def _trained(self, q: Tensor, k: Tensor, v: Tensor, count: Tensor | None) -> Tensor:
        if self.learned is not None:
            return weighted_attention(q, k, v, self.heads, count, self.learned)
        mean: Tensor = self.reference(q, k, v, *(() if count is None else (count,)))
        return mean

    def _exp_weights(self) -> ExpWeights:
        bits = self.weight_bits if self.learned is None else self.learned.bits()
        return ExpWeights(1 / math.sqrt(self.d_head), bits)


def exact_product(equation: str, a: FixedTensor, b: FixedTensor, terms: int) -> FixedTensor:
    """Einsum of two fixed tensors, exact in float32; ``terms`` products are summed into each result."""
    grid = product_grid(a.known_grid(), b.known_grid(), terms)
    return FixedTensor(torch.einsum(equation, a.value, b.value), check_float32(grid, f"product {equation}"))


__all__ = ["Attention", "ExpWeights", "WeightedMean", "exact_product"]
