"""Scores of a jet's word against float64, on random grids and at their edges."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.helpers.tolerances import WORD_SIGMOID_LSB, softmax_lsb
from tritag.quant.formats.fixed import Grid
from tritag.quant.formats.tensor import FixedTensor
from tritag.quant.ops.word_score import WordScore


def scores(x: np.ndarray, grid: Grid, n: int) -> np.ndarray:
    """Score codes of integers (n, lanes)."""
    given = FixedTensor(torch.from_numpy(x[:, None] * 2.0**-grid.fraction).float(), grid)
    return WordScore(n)(given).integers().numpy()[:, 0]


@pytest.mark.parametrize("fraction", [-1, 0, 3, 7, 9, 14])
def test_sigmoid(fraction):
    grid = Grid(-60_000, 50_001, fraction)
    x = np.unique(np.concatenate([np.linspace(grid.low, grid.high, 5000), np.arange(-2000, 2000)]).astype(np.int64))
    given = scores(x[:, None], grid, 1)[:, 0]
    exact = 128 / (1 + np.exp(-np.clip(x * 2.0**-fraction, -50, 50)))
    assert np.abs(given - exact).max() <= WORD_SIGMOID_LSB
    assert (given[0], given[-1]) == ((0, 128) if fraction < 14 else (given.min(), given.max()))
    assert given[x == 0] == 64


def test_softmax_of_the_classes_alone(rng):
    """Regressed numbers beside the classes do not matter."""
    grid = Grid(-2048, 2047, 7)
    x = rng.integers(grid.low, grid.high, (500, 5), endpoint=True)
    weights = np.exp(x[:, :3] / 128 - (x[:, :3] / 128).max(1, keepdims=True))
    given = scores(x, grid, 3)
    assert given.shape == (500, 3)
    assert np.abs(given - 128 * weights / weights.sum(1, keepdims=True)).max() <= softmax_lsb(7, True)
    x[:, 3:] = 0
    np.testing.assert_array_equal(scores(x, grid, 3), given)
