"""The fast detector: flight, towers, tracks and energy flow."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tritag.data.simulation.detector import Candidates, simulate, track_resolution, tracking_efficiency
from tritag.data.simulation.helix import FACE_HALF_LENGTH_M, FACE_RADIUS_M, FIELD_T, propagate
from tritag.data.simulation.pythia import Particles
from tritag.data.simulation.towers import ETA_EDGES, PHI_COUNT, calorimeter_fractions, find_towers, hcal_sigma_gev

PION, PHOTON, NEUTRINO, MUON, NEUTRON = 211, 22, 12, 13, 2112


def fly(px: float, py: float, pz: float, vertex: tuple[float, float, float], charge: float) -> np.ndarray | None:
    """(eta, phi) at the face, or None."""
    p4 = np.array([[np.sqrt(px**2 + py**2 + pz**2), px, py, pz]])
    face, reached = propagate(p4, np.array([vertex]), np.array([charge]))
    return face[0] if reached[0] else None


def fly_in_steps(px: float, py: float, pz: float, vertex: tuple[float, float, float], charge: float) -> np.ndarray:
    """The same by small steps along the circle: position and direction turn by a fixed angle."""
    pt = np.hypot(px, py)
    step_m = 2e-5
    turn = -0.299792458 * FIELD_T * charge / pt * step_m
    position, direction = np.array(vertex, np.float64), np.array([px / pt, py / pt])
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    half = np.array([[np.cos(turn / 2), -np.sin(turn / 2)], [np.sin(turn / 2), np.cos(turn / 2)]])
    while np.hypot(*position[:2]) <= FACE_RADIUS_M and abs(position[2]) <= FACE_HALF_LENGTH_M:
        position[:2] += step_m * (half @ direction)
        position[2] += step_m * pz / pt
        direction = rotation @ direction
    return np.array([np.arcsinh(position[2] / np.hypot(*position[:2])), np.arctan2(position[1], position[0])])


def test_neutral_particles_from_the_origin_keep_their_direction(seed: int) -> None:
    p4 = np.random.default_rng(seed).normal(size=(200, 4))
    face, reached = propagate(p4, np.zeros((200, 3)), np.zeros(200))
    assert reached.all()
    np.testing.assert_allclose(face[:, 0], np.arcsinh(p4[:, 3] / np.hypot(p4[:, 1], p4[:, 2])), rtol=1e-9)
    np.testing.assert_allclose(face[:, 1], np.arctan2(p4[:, 2], p4[:, 1]), rtol=1e-9)


@pytest.mark.parametrize("charge", [-1.0, 0.0, 1.0])
@pytest.mark.parametrize("pt_gev", [0.2, 0.4, 1.0, 30.0])
@pytest.mark.parametrize("vertex", [(0.0, 0.0, 0.0), (0.1, -0.3, 0.4), (-0.9, 0.2, -2.0)])
def test_flight_agrees_with_small_steps(
    pt_gev: float, charge: float, vertex: tuple[float, float, float], seed: int
) -> None:
    rng = np.random.default_rng(seed)
    phi, eta = rng.uniform(-np.pi, np.pi), rng.uniform(0.5, 2.0)
    momentum = pt_gev * np.cos(phi), pt_gev * np.sin(phi), pt_gev * np.sinh(eta)
    found = fly(*momentum, vertex, charge)
    assert found is not None
    difference = found - fly_in_steps(*momentum, vertex, charge)
    difference[1] = np.mod(difference[1] + np.pi, 2 * np.pi) - np.pi
    np.testing.assert_allclose(difference, 0, atol=3e-4)


def test_loopers_reach_the_end_plate() -> None:
    # pT 0.1 GeV in 2 T circles with r = 17 cm
    found = fly(0.1, 0.0, 0.2, (0.0, 0.0, 0.0), 1.0)
    assert found is not None
    assert np.sinh(found[0]) > FACE_HALF_LENGTH_M / FACE_RADIUS_M


def test_what_never_reaches_the_face() -> None:
    assert fly(0.1, 0.0, 0.0, (0.0, 0.0, 0.0), 1.0) is None
    assert fly(0.0, 0.0, 5.0, (0.0, 0.0, 0.0), 0.0) is None
    assert fly(5.0, 0.0, 1.0, (1.2, 0.0, 0.0), 0.0) is None
    assert fly(5.0, 0.0, 1.0, (0.0, 0.0, 3.6), 1.0) is None
    assert fly(np.nan, 0.0, 1.0, (0.0, 0.0, 0.0), 1.0) is None


def test_opposite_charges_bend_symmetrically() -> None:
    one, other = (fly(2.0, 0.0, 1.0, (0.0, 0.0, 0.0), charge) for charge in (1.0, -1.0))
    assert one is not None
    assert other is not None
    # a positive particle in a field along +z turns clockwise
    assert one[1] < 0
    np.testing.assert_allclose(one, other * [1, -1])


def test_towers_cover_the_calorimeter_once() -> None:
    assert (ETA_EDGES[0], ETA_EDGES[-1]) == (-4.9, 4.9)
    central = np.abs(0.5 * (ETA_EDGES[1:] + ETA_EDGES[:-1])) < 2.4
    np.testing.assert_allclose(np.diff(ETA_EDGES)[central], 0.1)
    assert set(PHI_COUNT[central]) == {36}


@given(st.floats(-4.89, 4.89), st.floats(-np.pi, np.pi), st.integers(0, 3))
def test_candidates_stay_inside_their_tower(eta: float, phi: float, event: int) -> None:
    rng = np.random.default_rng(0)
    face = np.array([[eta, phi]])
    towers = find_towers(np.array([event]), face, np.array([100.0]), np.array([100.0]), np.array([True]), rng)
    assert towers.event.tolist() == [event]
    assert towers.locate(np.array([event]), towers.point).tolist() == [0]
    assert towers.locate(np.array([event]), face).tolist() == [0]
    assert towers.locate(np.array([event + 1]), face).tolist() == [-1]


def test_outside_the_calorimeter_there_is_no_tower() -> None:
    rng = np.random.default_rng(0)
    face = np.array([[5.1, 0.0], [-5.1, 0.0]])
    towers = find_towers(np.zeros(2, int), face, np.ones(2), np.ones(2), np.ones(2, bool), rng)
    assert len(towers.key) == 0
    assert towers.locate(np.zeros(2, int), face).tolist() == [-1, -1]


def test_smearing_keeps_the_mean_and_has_the_stated_width(seed: int) -> None:
    n_towers, energy = 20_000, 50.0
    rng = np.random.default_rng(seed)
    face = np.tile([[0.05, 0.01]], (n_towers, 1))
    towers = find_towers(
        np.arange(n_towers), face, np.zeros(n_towers), np.full(n_towers, energy), np.ones(n_towers, bool), rng
    )
    width = float(hcal_sigma_gev(np.array([energy]), np.array([0.05]))[0])
    assert abs(towers.hcal_gev.mean() - energy) < 4 * width / np.sqrt(n_towers)
    assert abs(towers.hcal_gev.std() / width - 1) < 0.05
    assert not towers.ecal_gev.any()


def test_fractions_by_kind() -> None:
    ecal, hcal = calorimeter_fractions(np.array([11, 22, 211, 310, 12, 13, 14, 16, 2112]))
    assert ecal.tolist() == [1, 1, 0, 0.3, 0, 0, 0, 0, 0]
    assert hcal.tolist() == [0, 0, 1, 0.7, 0, 0, 0, 0, 1]


@pytest.mark.parametrize(
    ("kind", "pt_gev", "eta", "expected"),
    [
        (211, 0.1, 0.0, 0.0),
        (211, 0.5, 1.5, 0.70),
        (211, 1.0, 1.6, 0.60),
        (211, 1.1, -1.5, 0.95),
        (211, 50.0, 2.5, 0.85),
        (211, 50.0, 2.6, 0.0),
        (11, 0.5, 2.0, 0.50),
        (11, 100.0, 0.0, 0.95),
        (11, 101.0, 0.0, 0.99),
        (11, 101.0, 2.0, 0.90),
        (13, 0.5, 0.0, 0.75),
        (13, 5.0, 2.0, 0.98),
    ],
)
def test_tracking_efficiency_of_the_card(kind: int, pt_gev: float, eta: float, expected: float) -> None:
    assert tracking_efficiency(np.array([kind]), np.array([pt_gev]), np.array([eta]))[0] == expected


@pytest.mark.parametrize(
    ("kind", "pt_gev", "eta", "expected"),
    [
        (211, 100.0, 0.5, np.hypot(0.06, 0.13)),
        (211, 100.0, 1.5, np.hypot(0.10, 0.17)),
        (11, 100.0, -2.0, np.hypot(0.25, 0.31)),
        (13, 100.0, 0.0, np.hypot(0.02, 0.02)),
        (211, 100.0, 2.6, 0.0),
        (211, 0.05, 0.0, 0.0),
    ],
)
def test_track_resolution_of_the_card(kind: int, pt_gev: float, eta: float, expected: float) -> None:
    found = track_resolution(np.array([kind]), np.array([pt_gev]), np.array([eta]))[0]
    assert found == pytest.approx(expected)


def make_particles(kinds: list[int], momenta: list[tuple[float, float, float]], n_copies: int) -> Particles:
    """``n_copies`` events with the same massless particles."""
    momentum = np.tile(np.array(momenta, np.float64), (n_copies, 1))
    charge = np.array([1.0 if kind in (PION, MUON) else 0.0 for kind in kinds])
    n_particles = len(momentum)
    return Particles(
        event=np.repeat(np.arange(n_copies), len(kinds)),
        pdg_id=np.tile(kinds, n_copies),
        charge=np.tile(charge, n_copies),
        p4=np.concatenate([np.linalg.norm(momentum, axis=1)[:, None], momentum], axis=1),
        vertex_m=np.zeros((n_particles, 3)),
        n_events=n_copies,
    )


def total_energy(candidates: Candidates, n_events: int) -> np.ndarray:
    """Summed energy of each event."""
    return np.bincount(candidates.event, np.linalg.norm(candidates.momentum, axis=1), minlength=n_events)


def test_single_particles(seed: int) -> None:
    rng, n_events = np.random.default_rng(seed), 4000
    for kind in (PHOTON, NEUTRON, PION, MUON):
        energy = total_energy(simulate(make_particles([kind], [(30.0, 0.0, 10.0)], n_events), rng), n_events)
        response = energy.mean() / np.hypot(30, 10)
        # hadrons without a track are seen by the calorimeter, muons are not; upward fluctuations of a pion's tower
        # become neutral hadrons beside its track
        low, high = {MUON: (0.98, 1.0), PION: (1.0, 1.08)}.get(kind, (0.98, 1.02))
        assert low < response < high, kind
    assert len(simulate(make_particles([NEUTRINO], [(30.0, 0.0, 10.0)], n_events), rng).event) == 0


def test_photon_and_hadron_in_one_tower_share_a_direction(seed: int) -> None:
    rng = np.random.default_rng(seed)
    particles = make_particles([PHOTON, NEUTRON], [(30.0, 1.0, 1.0), (60.0, 2.0, 2.0)], 50)
    candidates = simulate(particles, rng)
    assert candidates.event.tolist() == np.repeat(np.arange(50), 2).tolist()
    direction = candidates.momentum / np.linalg.norm(candidates.momentum, axis=1, keepdims=True)
    np.testing.assert_allclose(direction[::2], direction[1::2], atol=1e-12)
    assert np.std(direction[::2, 1]) > 0.01


def test_same_state_same_candidates(seed: int) -> None:
    particles = make_particles([PHOTON, PION, NEUTRON], [(30.0, 1.0, 1.0), (5.0, 2.0, 2.0), (3.0, 0.5, 1.0)], 20)
    one, other = (simulate(particles, np.random.default_rng(seed)) for _ in range(2))
    np.testing.assert_array_equal(one.momentum, other.momentum)
    assert np.all(np.diff(one.event) >= 0)


def test_empty_batch() -> None:
    nothing = Particles(
        np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0), np.zeros((0, 4)), np.zeros((0, 3)), 3
    )
    assert len(simulate(nothing, np.random.default_rng(0)).event) == 0
