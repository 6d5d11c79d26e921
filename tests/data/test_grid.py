"""The trigger grid: rounding, saturation, wrap, order, and the way back."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tritag.data.jets.jets import JetBatch
from tritag.data.jets.trigger_grid import TriggerGrid, to_codes, to_p4
from tritag.errors import DataError

LSB = math.pi / 720


def one_jet(*candidates: tuple[float, float, float]) -> tuple[np.ndarray, np.ndarray]:
    """A jet of (pT in GeV, eta, phi) candidates."""
    pt, eta, phi = np.array(candidates, np.float64).T
    p4 = np.stack([pt * np.cosh(eta), pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)], axis=-1)
    return p4[None], np.array([len(candidates)])


@st.composite
def grid_codes(draw: Any) -> tuple[np.ndarray, np.ndarray]:
    """Any codes the grid can hold, sorted by pT as `to_codes` gives them."""
    n_jets, width = draw(st.integers(1, 4)), draw(st.integers(1, 6))
    # few pT values, so that ties are common
    pt = draw(hnp.arrays(np.int32, (n_jets, width), elements=st.sampled_from([0, 1, 2, 3, 400, 16382, 16383])))
    eta = draw(hnp.arrays(np.int32, (n_jets, width), elements=st.integers(TriggerGrid.ETA_MIN, TriggerGrid.ETA_MAX)))
    phi = draw(hnp.arrays(np.int32, (n_jets, width), elements=st.integers(TriggerGrid.PHI_MIN, TriggerGrid.PHI_MAX)))
    pt = -np.sort(-pt, axis=1)
    count = np.sum(pt > 0, axis=1)
    codes = np.stack([pt, eta, phi], axis=-1)
    codes[np.arange(width) >= count[:, None]] = 0
    return codes, count


@given(grid_codes())
def test_codes_survive_the_way_to_momenta_and_back(drawn: tuple[np.ndarray, np.ndarray]) -> None:
    codes, count = drawn
    again, count_again = to_codes(to_p4(codes, count), count, codes.shape[1])
    np.testing.assert_array_equal(again, codes)
    np.testing.assert_array_equal(count_again, count)


momenta = hnp.arrays(np.float32, (3, 5, 4), elements=st.floats(-5000, 5000, width=32))


@given(momenta, st.integers(1, 5))
@settings(max_examples=200)
def test_codes_are_on_the_grid_and_sorted(p4: np.ndarray, n_leading: int) -> None:
    codes, count = to_codes(p4, np.array([5, 3, 0]), n_leading)
    assert codes.dtype == np.int32
    assert codes.shape == (3, n_leading, 3)
    pt, eta, phi = np.moveaxis(codes, -1, 0)
    real = np.arange(n_leading) < count[:, None]
    assert np.all((pt[real] >= 1) & (pt[real] <= TriggerGrid.PT_MAX))
    assert np.all((eta >= -2048) & (eta <= 2047))
    assert np.all((phi >= -720) & (phi <= 719))
    assert np.all(codes[~real] == 0)
    assert np.all(np.diff(pt, axis=1) <= 0)
    assert count[2] == 0


@given(momenta)
def test_fewer_candidates_are_the_leading_ones(p4: np.ndarray) -> None:
    every, count = to_codes(p4, np.full(3, 5), 5)
    some, count_some = to_codes(p4, np.full(3, 5), 2)
    np.testing.assert_array_equal(some, every[:, :2])
    np.testing.assert_array_equal(count_some, np.minimum(count, 2))


def test_rounding_is_half_to_even() -> None:
    # 0.125 and 0.625 GeV are exactly half a step; 0.125 becomes code 0 and is dropped
    codes, count = to_codes(*one_jet((0.125, 0, 0), (0.375, 0, 0), (0.625, 0, 0), (0.875, 0, 0)), 4)
    assert codes[0, :, 0].tolist() == [4, 2, 2, 0]
    assert count.tolist() == [3]


def test_ties_keep_the_order_of_the_input() -> None:
    codes, _ = to_codes(*one_jet((5.0, 0.1, 0), (9.0, 0.2, 0), (5.05, 0.3, 0), (4.95, 0.4, 0)), 4)
    assert codes[0, :, 0].tolist() == [36, 20, 20, 20]
    assert codes[0, 1:, 1].tolist() == [round(0.1 / LSB), round(0.3 / LSB), round(0.4 / LSB)]


@pytest.mark.parametrize(
    ("phi", "code"),
    [(math.pi, -720), (-math.pi, -720), (math.pi - LSB, 719), (math.pi - 0.49 * LSB, -720), (0.0, 0), (-LSB, -1)],
)
def test_phi_wraps(phi: float, code: int) -> None:
    assert to_codes(*one_jet((10.0, 0.0, phi)), 1)[0][0, 0, 2] == code


@pytest.mark.parametrize(
    ("pt_gev", "eta", "pt_code", "eta_code"),
    [
        (4095.75, 0.0, 16383, 0),
        (4095.76, 0.0, 16383, 0),
        (9000.0, 0.0, 16383, 0),
        (4095.5, 0.0, 16382, 0),
        (10.0, 20.0, 40, 2047),
        (10.0, -20.0, 40, -2048),
        (10.0, 2047 * LSB, 40, 2047),
        (10.0, -2048 * LSB, 40, -2048),
        (10.0, 2048 * LSB, 40, 2047),
    ],
)
def test_pt_and_eta_saturate(pt_gev: float, eta: float, pt_code: int, eta_code: int) -> None:
    assert to_codes(*one_jet((pt_gev, eta, 0.0)), 1)[0][0, 0].tolist() == [pt_code, eta_code, 0]


def test_empty_jets_and_beam_particles_give_nothing() -> None:
    p4 = np.zeros((2, 3, 4), np.float32)
    p4[1, 0] = 100, 0, 0, 100
    codes, count = to_codes(p4, np.array([0, 1]), 3)
    assert not codes.any()
    assert count.tolist() == [0, 0]


def test_padding_is_ignored_even_when_it_holds_values() -> None:
    p4, _ = one_jet((5.0, 0, 0), (7.0, 0, 0))
    codes, count = to_codes(p4, np.array([1]), 2)
    assert codes[0, :, 0].tolist() == [20, 0]
    assert count.tolist() == [1]


def test_unrounded_codes_are_within_half_a_step(batch: JetBatch) -> None:
    exact, n_exact = to_codes(batch.p4, batch.n_constituents, 12, rounded=False)
    codes, count = to_codes(batch.p4, batch.n_constituents, 12)
    assert exact.dtype == np.float64
    np.testing.assert_array_equal(n_exact, batch.n_constituents)
    np.testing.assert_array_equal(count, n_exact)
    difference = np.abs(exact - codes)
    difference[..., 2] = np.minimum(difference[..., 2], 1440 - difference[..., 2])
    assert difference.max() <= 0.5


def test_unrounded_codes_keep_what_the_grid_drops() -> None:
    exact, count = to_codes(*one_jet((0.1, 0, 0), (3.0, 0, 0)), 2, rounded=False)
    assert count.tolist() == [2]
    np.testing.assert_allclose(exact[0, :, 0], [12, 0.4])


def test_many_jets_are_worked_in_steps(monkeypatch: pytest.MonkeyPatch, batch: JetBatch) -> None:
    whole = to_codes(batch.p4, batch.n_constituents, 4)
    monkeypatch.setattr("tritag.data.jets.trigger_grid._JETS_PER_STEP", 3)
    for one, other in zip(whole, to_codes(batch.p4, batch.n_constituents, 4), strict=True):
        np.testing.assert_array_equal(one, other)


def test_refuses_more_candidates_than_the_data_has(batch: JetBatch) -> None:
    with pytest.raises(DataError, match=r"n_leading must be 1\.\.N, got K = 30 with N = 12 constituents"):
        to_codes(batch.p4, batch.n_constituents, 30)
    with pytest.raises(DataError, match="got K = 0"):
        to_codes(batch.p4, batch.n_constituents, 0)


def test_refuses_wrong_shapes_and_nan(batch: JetBatch) -> None:
    with pytest.raises(DataError, match=r"p4 must have shape \(jets, constituents, 4\)"):
        to_codes(batch.p4[..., :3], batch.n_constituents, 2)
    with pytest.raises(DataError, match=r"got \(20, 12, 4\) and \(3,\)"):
        to_codes(batch.p4, batch.n_constituents[:3], 2)
    p4 = batch.p4.copy()
    p4[1, 0] = np.nan
    with pytest.raises(DataError, match="four-momenta must be finite, got 4 NaN"):
        to_codes(p4, batch.n_constituents, 2)
