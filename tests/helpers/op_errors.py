"""Errors of the ops against float64 at the settings of transformer-2k: the figures that docs/ops/ quotes."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch

from tests.helpers.jets import random_jets
from tests.helpers.op_cases import attention_scores
from tritag.models.layers.scalars import JetScalars as FloatJetScalars
from tritag.quant.formats.fixed import FixedType, Grid, product_grid
from tritag.quant.formats.tensor import FixedTensor
from tritag.quant.ops.attention import Attention, ExpWeights, WeightedMean
from tritag.quant.ops.jet_scalars import CODE_GRID, SCALAR_TYPE, JetScalars
from tritag.quant.ops.layer_norm import LayerNorm
from tritag.quant.ops.mean_pool import MeanPool

K, CHANNELS, HEADS = 16, 16, 2
ACTIVATION = Grid.of(FixedType(True, 8, 3))
RESIDUAL = Grid.of(FixedType(True, 12, 3))


def fixed(integers: np.ndarray, grid: Grid) -> FixedTensor:
    """Tensor of integers on a grid."""
    return FixedTensor.from_integers(torch.from_numpy(np.asarray(integers, dtype=np.int64)), grid)


def codes(x: FixedTensor) -> np.ndarray:
    """Integers of a tensor."""
    return x.integers().numpy()


def spread(rng: np.random.Generator, shape: tuple[int, ...], grid: Grid) -> np.ndarray:
    """Normally distributed integers with another width in each jet, saturated to the grid."""
    width = np.exp2(rng.uniform(-1, math.log2(grid.high), (shape[0], *(1 for _ in shape[1:]))))
    return np.rint(rng.normal(0, 1, shape) * width).clip(grid.low, grid.high).astype(np.int64)


def layer_norm(rng: np.random.Generator) -> np.ndarray:
    """Errors of LayerNorm over 16 channels."""
    op, x = LayerNorm(), spread(rng, (1000, K, CHANNELS), RESIDUAL)
    value = x * 2.0**-RESIDUAL.fraction
    deviation = value - value.mean(-1, keepdims=True)
    norm, y = deviation / np.sqrt((deviation**2).mean(-1, keepdims=True) + op.eps), op.output_type(CHANNELS)
    return codes(op(fixed(x, RESIDUAL))) - (norm * 2.0**y.fraction).clip(y.int_min, y.int_max)


def exp_weights(rng: np.random.Generator) -> np.ndarray:
    """Errors of the weights of 16 keys."""
    scores, scale = attention_scores(CHANNELS // HEADS, 12), (CHANNELS // HEADS) ** -0.5
    x, count = spread(rng, (1000, HEADS * K, K), scores), rng.integers(1, K + 1, (1000, 1, 1))
    value = np.where(np.arange(K) < count, x * 2.0**-scores.fraction * scale, -np.inf)
    given = codes(ExpWeights(scale)(fixed(x, scores), fixed(count, Grid(0, K, 0))))
    return given - 255 * np.exp(value - value.max(-1, keepdims=True))


def weighted_mean(rng: np.random.Generator) -> np.ndarray:
    """Errors of the mean of 16 int8 values."""
    weights, d_head = Grid(0, 255, 0), CHANNELS // HEADS
    weight = rng.integers(0, 256, (1000, HEADS * K, K)) * (rng.random((1000, HEADS * K, K)) < rng.random((1000, 1, 1)))
    value = spread(rng, (1000, K, d_head), ACTIVATION)
    numerator = np.einsum("brk,bkd->brd", weight, value)
    total = weight.sum(-1, keepdims=True)
    given = codes(
        WeightedMean(ACTIVATION)(fixed(numerator, product_grid(weights, ACTIVATION, K)), fixed(weight, weights))
    )
    return given - np.where(total > 0, numerator / np.maximum(total, 1), 0)


def attention(rng: np.random.Generator) -> np.ndarray:
    """Errors of two-headed attention over 16 tokens with 16 channels."""
    op = Attention(K, CHANNELS, HEADS).eval()
    q, k, v = (fixed(spread(rng, (1000, K, CHANNELS), ACTIVATION), ACTIVATION) for _ in range(3))
    count = fixed(rng.integers(1, K + 1, (1000, 1)), Grid(0, K, 0))
    expected = op.reference(*(x.value.double() for x in (q, k, v)), count.value).numpy()
    return codes(op(q, k, v, count)) - expected * 2.0**ACTIVATION.fraction


def mean_pool(rng: np.random.Generator, rows: int = K) -> np.ndarray:
    """Errors of the mean over up to ``rows`` tokens."""
    x, count = spread(rng, (1000, rows, CHANNELS), RESIDUAL), rng.integers(1, rows + 1, (1000, 1))
    real = np.arange(rows)[:, None] < count[..., None]
    given = codes(MeanPool()(fixed(x, RESIDUAL), fixed(count, Grid(0, rows, 0))))[:, 0]
    return given - np.where(real, x, 0).sum(1) / count


def jet_scalars(rng: np.random.Generator) -> np.ndarray:
    """Errors of the seven scalars of jets with up to 16 constituents of 5 GeV and more."""
    jet_codes, count = random_jets(rng, 3000, K)
    jet_codes[..., 0] += 20 * (jet_codes[..., 0] > 0)
    expected = FloatJetScalars(K)(torch.from_numpy(jet_codes), torch.from_numpy(count)[:, None]).double().numpy()
    given = codes(JetScalars()(fixed(jet_codes, CODE_GRID), fixed(count[:, None], Grid(0, K, 0))))
    return given - (expected * 2.0**SCALAR_TYPE.fraction).clip(SCALAR_TYPE.int_min, SCALAR_TYPE.int_max)


def largest(measure: Callable[..., np.ndarray], *arguments: int) -> float:
    """Largest error in LSB, on inputs that are the same everywhere."""
    return float(np.abs(measure(np.random.default_rng(2024), *arguments)).max())


def root_mean_square(measure: Callable[..., np.ndarray], *arguments: int) -> float:
    """Root mean square error in LSB, on the same inputs."""
    return float(np.sqrt((measure(np.random.default_rng(2024), *arguments) ** 2).mean()))
