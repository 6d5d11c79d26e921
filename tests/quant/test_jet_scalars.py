"""The seven scalars in fixed point against their float counterpart, and at the edges of the domain."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from tests.helpers import tolerances
from tests.helpers.jets import check_padding, crafted_jets, random_jets
from tritag.data.jets.trigger_grid import TriggerGrid
from tritag.models.layers.scalars import JetScalars as FloatJetScalars
from tritag.quant.formats.fixed import Grid
from tritag.quant.formats.tensor import FixedTensor
from tritag.quant.ops.jet_scalars import CODE_GRID, ETA_DOMAIN, SCALAR_TYPE, JetScalars
from tritag.quant.ops.modules import FixedOp


def scalars(codes: np.ndarray, count: np.ndarray) -> np.ndarray:
    """Integers (n, K, 7) of the op."""
    k = codes.shape[1]
    inputs = [
        FixedTensor(torch.from_numpy(codes).float(), CODE_GRID),
        FixedTensor(torch.from_numpy(count)[:, None].float(), Grid(0, k, 0)),
    ]
    return JetScalars()(*inputs).integers().numpy()


def expected_scalars(codes: np.ndarray, count: np.ndarray) -> np.ndarray:
    """Float scalars in LSBs of the op, saturated as it does."""
    real = FloatJetScalars(codes.shape[1])(torch.from_numpy(codes), torch.from_numpy(count)[:, None])
    return np.clip(real.double().numpy() * 2.0**SCALAR_TYPE.fraction, SCALAR_TYPE.int_min, SCALAR_TYPE.int_max)


@pytest.mark.parametrize("k", [2, 5, 16, 64])
def test_error(rng, k):
    codes, count = random_jets(rng, 3000, k)
    # Momenta are counted in 1/64 GeV: below a few GeV that is seen in the axis.
    codes[..., 0] += 20 * (codes[..., 0] > 0)
    error = np.abs(scalars(codes, count) - expected_scalars(codes, count)).max((0, 1))
    assert (error <= tolerances.JET_SCALARS_LSB).all(), error


def test_padding_is_zero_and_does_not_matter(rng):
    check_padding(scalars, rng)


def test_one_constituent_is_the_jet():
    eta, phi = np.meshgrid(np.arange(-916, 917, 4), [-720, -360, -1, 0, 1, 359, 719])
    codes = np.stack([np.full(eta.size, 400), eta.ravel(), phi.ravel()], axis=-1)[:, None]
    given = scalars(codes, np.ones(len(codes), np.int64))[:, 0]
    # log(pT/pT_jet) = log(E/E_jet) = 0, no distance: (0 + 4.7) * 0.7 and (0 - 0.2) * 4, within the errors of the axis
    assert np.abs(given[:, 2:4] - 4.7 * 0.7 * 256).max() <= 1
    assert np.abs(given[:, 4:6]).max() <= 1
    assert np.abs(given[:, 6] + 0.8 * 256).max() <= 2


def test_no_jet_gives_zeros():
    assert not scalars(np.full((1, 5, 3), 77), np.zeros(1, np.int64)).any()


def test_codes_beyond_the_domain_are_those_at_its_edge(rng):
    edge = int(ETA_DOMAIN / TriggerGrid.ETA_LSB)
    assert edge == 916
    inside = rng.choice([-edge, edge], (200, 5, 3))
    inside[..., 0] = rng.choice([1, TriggerGrid.PT_MAX], (200, 5))
    inside[..., 2] = rng.choice([TriggerGrid.PHI_MIN, TriggerGrid.PHI_MAX], (200, 5))
    beyond = np.where(inside > 0, CODE_GRID.high, CODE_GRID.low)
    beyond[..., 0] = np.where(inside[..., 0] == 1, 0, CODE_GRID.high)
    count = rng.integers(0, 6, 200)
    np.testing.assert_array_equal(scalars(beyond, count), scalars(inside, count))


def test_order_of_constituents_does_not_matter(rng):
    codes, _ = random_jets(rng, 100, 6)
    count = np.full(100, 6)
    order = rng.permutation(6)
    np.testing.assert_array_equal(scalars(codes[:, order], count), scalars(codes, count)[:, order])


def test_any_codes_give_finite_scalars_inside_the_type(rng):
    codes, count = crafted_jets(rng, 6)
    given = scalars(codes, count)
    assert given.min() >= SCALAR_TYPE.int_min
    assert given.max() <= SCALAR_TYPE.int_max


def test_angle_difference_wraps():
    """Two constituents on both sides of phi = pi: neither is far from the jet."""
    codes = np.array([[[400, 0, TriggerGrid.PHI_MAX], [400, 0, TriggerGrid.PHI_MIN]]])
    d_phi = scalars(codes, np.array([2]))[0, :, 5]
    half_step = 0.5 * TriggerGrid.PHI_LSB * 2**SCALAR_TYPE.fraction
    assert d_phi == pytest.approx([-half_step, half_step], abs=1)


def test_exact_in_training_mode_too(rng):
    codes, count = random_jets(rng, 50, 4)
    op = FixedOp(JetScalars())
    inputs = [FixedTensor(torch.from_numpy(codes).float(), CODE_GRID)]
    inputs.append(FixedTensor(torch.from_numpy(count)[:, None].float(), Grid(0, 4, 0)))
    assert torch.equal(op.train()(*inputs).value, op.eval()(*inputs).value)


def test_saturation_of_soft_constituents():
    """The softest candidate in a jet of saturated ones: every logarithm stays inside the type."""
    codes = np.array([[[TriggerGrid.PT_MAX, 0, 0]] * 63 + [[1, 0, 0]]])
    given = scalars(codes, np.array([64]))[0, -1]
    log_ratio = (math.log(1 / (63 * TriggerGrid.PT_MAX + 1)) + 4.7) * 0.7 * 256
    assert given[2] == pytest.approx(max(log_ratio, SCALAR_TYPE.int_min), abs=1)
