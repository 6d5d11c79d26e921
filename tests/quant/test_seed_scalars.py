"""The five scalars about the leading constituent: exact angles, logarithms against floats, edges, hardware."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.helpers.jets import check_padding, crafted_jets, random_jets
from tests.helpers.op_cases import OP_CASES
from tests.helpers.rtl import op_design
from tritag.data.jets.candidate_grid import CandidateInputs, load_grid
from tritag.errors import ConfigError
from tritag.export.rtl.design.op_kernels import first_rows
from tritag.models.layers.seed_scalars import MOST_CODES
from tritag.models.layers.seed_scalars import SeedScalars as FloatSeedScalars
from tritag.quant.formats.fixed import Grid
from tritag.quant.formats.tensor import FixedTensor
from tritag.quant.ops.jet_scalars import CODE_GRID, SCALAR_TYPE
from tritag.quant.ops.seed_scalars import SeedScalars

LSB = 2.0**-SCALAR_TYPE.fraction
# Half an interval of the mantissa's table at its steepest, and the roundings of entries; a share has two logarithms.
LOG_PT_LSB, SHARE_LSB = 2.4, 4.8


def scalars(codes: np.ndarray, count: np.ndarray) -> np.ndarray:
    """Integers (n, K, 5) of the op."""
    given = FixedTensor(torch.from_numpy(codes).float(), CODE_GRID)
    number = FixedTensor(torch.from_numpy(count)[:, None].float(), Grid(0, codes.shape[1], 0))
    return SeedScalars()(given, number).integers().numpy()


@pytest.mark.parametrize("k", [1, 5, 16, 30])
def test_error(rng, k):
    codes, count = random_jets(rng, 1000, k)
    real = FloatSeedScalars(k)(torch.from_numpy(codes), torch.from_numpy(count)[:, None]).double().numpy() / LSB
    error = np.abs(scalars(codes, count) - real).max((0, 1))
    assert error[0] <= LOG_PT_LSB
    assert error[1] <= SHARE_LSB
    assert not error[2:].any(), "angles and distance are differences of codes"


def test_angles_are_those_to_the_first_constituent():
    codes = np.array([[[400, 10, 719], [80, -20, -720], [8, 900, 0]]])
    given = scalars(codes, np.array([3]))[0]
    np.testing.assert_array_equal(given[:, 2], np.array([0, -30, MOST_CODES]) * 4)
    np.testing.assert_array_equal(given[:, 3], np.array([0, 1, MOST_CODES * -1]) * 4)
    np.testing.assert_array_equal(given[:, 4], np.array([0, 30 * 4 + 2, MOST_CODES * 6]))


def test_padding_is_zero_and_does_not_matter(rng):
    check_padding(scalars, rng)


def test_rotated_and_boosted_jets_are_the_same(rng):
    codes, count = random_jets(rng, 200, 6)
    codes[..., 1] = codes[..., 1].clip(-800, 800)
    moved = codes + np.array([0, 100, 0])
    moved[..., 2] = (moved[..., 2] + 720 + 333) % 1440 - 720
    np.testing.assert_array_equal(scalars(moved, count), scalars(codes, count))


def test_any_codes_give_scalars_inside_the_grid(rng):
    codes, count = crafted_jets(rng, 6)
    given, grid = scalars(codes, count), OP_CASES["seed_scalars_k5"]()[0].output_grid()
    assert given.min() >= grid.low
    assert given.max() <= grid.high


def test_grids_of_unequal_steps_are_refused():
    candidates = CandidateInputs(load_grid("atlas-like"))
    with pytest.raises(ConfigError, match=r"seed scalars need eta and phi in equal steps, got .* take features: jet"):
        FloatSeedScalars(4, candidates)


def test_the_first_row_costs_no_adders():
    """Hardware takes the row where it passes, also behind other beats; other sums stay sums."""
    bound, rows = OP_CASES["seed_scalars_k5"]()
    found = first_rows(bound.program)
    assert len(found) == 2, "eta and phi of the seed"
    assert first_rows(OP_CASES["mean_pool_n5"]()[0].program) == {}
    for beats in (1, 3):
        design = op_design(bound, rows, beats, 3, f"first_{beats}")
        assert sum("sumr" in kernel.module for kernel in design.kernels) == 1
