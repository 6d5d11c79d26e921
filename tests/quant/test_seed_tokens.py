"""Tokens and features along the leading candidate in integers, against float64 and at the edges."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.helpers import tolerances
from tests.helpers.jets import check_padding, random_jets
from tritag.models.layers import seed_tokens as float_layers
from tritag.quant.formats.fixed import Grid
from tritag.quant.formats.tensor import FixedTensor
from tritag.quant.ops.jet_scalars import CODE_GRID, SCALAR_TYPE
from tritag.quant.ops.op import Op
from tritag.quant.ops.seed_tokens import TOKEN_FRACTION, SeedFeatures, SeedTokens


def integers(op: Op, codes: np.ndarray, count: np.ndarray) -> np.ndarray:
    """Integers (n, K, 4) of an op on codes."""
    given = FixedTensor(torch.from_numpy(codes).float(), CODE_GRID)
    number = FixedTensor(torch.from_numpy(count)[:, None].float(), Grid(0, codes.shape[1], 0))
    return op(given, number).integers().numpy()


@pytest.mark.parametrize("k", [1, 5, 16])
def test_error(rng, k):
    codes, count = random_jets(rng, 1000, k)
    given = torch.from_numpy(codes), torch.from_numpy(count)[:, None]
    error = np.abs(
        integers(SeedTokens(), codes, count) - float_layers.SeedTokens(k).double()(*given).numpy() * 2.0**TOKEN_FRACTION
    )
    assert (error.max((0, 1)) <= tolerances.SEED_TOKENS_LSB).all()
    features = float_layers.SeedFeatures(k).double()(*given).numpy() * 2.0**SCALAR_TYPE.fraction
    error = np.abs(integers(SeedFeatures(), codes, count) - features).max((0, 1))
    assert (error[:2] <= tolerances.SEED_LOGARITHM_LSB).all()
    assert not error[2:].any(), "angles are differences of codes"


@pytest.mark.parametrize("op", [SeedTokens(), SeedFeatures()])
def test_padding_is_zero_and_does_not_matter(op, rng):
    check_padding(lambda codes, count: integers(op, codes, count), rng)


@pytest.mark.parametrize("op", [SeedTokens(), SeedFeatures()])
def test_rotated_and_boosted_jets_are_the_same(op, rng):
    codes, count = random_jets(rng, 200, 6)
    codes[..., 1] = codes[..., 1].clip(-800, 800)
    moved = codes + np.array([0, 100, 0])
    moved[..., 2] = (moved[..., 2] + 720 + 333) % 1440 - 720
    np.testing.assert_array_equal(integers(op, moved, count), integers(op, codes, count))
