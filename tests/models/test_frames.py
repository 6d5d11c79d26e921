"""Boosts, and frames from three vectors: covariance, the degenerate rules, and the reference implementation."""

from __future__ import annotations

import math

import pytest
import torch

from tests.helpers.lorentz import (
    BOOSTED,
    BOOSTED_FLOAT32,
    EXACT,
    assert_lorentz,
    random_lorentz,
    random_rotation,
    rotation,
    timelike,
)
from tritag.models.layers.frames import DEGENERATE, MAX_FRAME_VELOCITY, orthonormal_axes, polar_frames
from tritag.models.layers.lorentz import (
    boost,
    boost_matrix,
    four_momenta,
    four_velocity,
    into_jet_frame,
    inverse,
    jet_momentum,
    jet_tokens,
    lower,
    mass_squared,
    minkowski,
)

METHODS = ("gram-schmidt", "cross")
N = 200
T, X, Y, Z = torch.eye(4, dtype=torch.float64)


def close(actual, expected, error):
    torch.testing.assert_close(actual, expected, rtol=error, atol=error)


# Minkowski space


def test_products_and_masses():
    p = torch.tensor([5.0, 3.0, 0.0, 0.0])
    assert mass_squared(p) == 16
    assert minkowski(p, torch.tensor([1.0, 1.0, 2.0, 2.0])) == 2
    assert minkowski(p, p) == (p * lower(p)).sum()


def test_boost_takes_its_momentum_to_rest():
    p = timelike(N)
    u, mass = four_velocity(p, largest=1e6)
    m = mass_squared(p).sqrt()[:, None]
    close(mass * p[:, :1], m, EXACT)
    close(boost(p, u), torch.cat([m, torch.zeros(N, 3)], dim=1), EXACT)
    close(boost_matrix(u) @ p[..., None], boost(p, u)[..., None], EXACT)
    assert_lorentz(boost_matrix(u), EXACT)


def test_inverse_of_a_lorentz_transformation():
    transformation = random_lorentz(N)
    close(inverse(transformation) @ transformation, torch.eye(4, dtype=torch.float64).expand(N, 4, 4), EXACT)


def test_boost_is_a_lorentz_transformation_however_rough_the_velocity():
    u = torch.round(timelike(N)[..., 1:] * 4) / 4
    assert_lorentz(boost_matrix(u), EXACT)


@pytest.mark.parametrize("p", [(1.0, 0.0, 0.0, 1.0), (1.0, 3.0, 4.0, 0.0), (1.0, 1 - 1e-9, 0.0, 0.0)])
def test_velocity_is_bounded_along_its_direction(p):
    p = torch.tensor(p, dtype=torch.float64)
    u, _ = four_velocity(p, largest=8.0)
    close(u.norm(), torch.tensor(8.0, dtype=torch.float64), EXACT)
    close(u / u.norm(), p[1:] / p[1:].norm(), EXACT)


def test_padding_is_at_rest():
    u, mass = four_velocity(torch.zeros(2, 4), largest=8.0)
    assert not u.any()
    assert mass.tolist() == [[1.0], [1.0]]


def test_four_momenta_are_massless_and_zero_beyond_count(toy_jets):
    jets = toy_jets(30)
    p = four_momenta(jets.codes + 1, jets.count)
    real = torch.arange(6) < jets.count
    assert not p[~real].any()
    close(mass_squared(p)[real] / p[..., 0][real] ** 2, torch.zeros(int(real.sum()), dtype=torch.float64), EXACT)
    close(p[..., 1:3].norm(dim=-1)[real], (jets.codes[..., 0][real].double() + 1) * 0.25, EXACT)


def test_tokens_get_a_mass_and_spurions_in_front(toy_jets):
    jets = toy_jets(30)
    p = four_momenta(jets.codes, jets.count)
    tokens = jet_tokens(p, jets.count, spurions=True)
    real = torch.arange(9) < jets.count + 3
    assert not tokens[~real].any()
    assert torch.equal(tokens[:, 3:, 1:], p[..., 1:])
    assert tokens[0, :3, 1:].tolist() == [[0, 0, 1], [0, 0, -1], [0, 0, 0]]
    masses = mass_squared(tokens)
    heavy = torch.arange(9) == 2  # the time axis
    close(masses[real & ~heavy], torch.full_like(masses[real & ~heavy], 25e-6), BOOSTED)
    assert torch.equal(masses[:, 2], torch.ones(30, dtype=torch.float64))
    assert torch.equal(jet_tokens(p, jets.count, spurions=False), tokens[:, 3:])


def test_jet_is_at_rest_in_its_frame(toy_jets):
    jets = toy_jets(30)
    tokens = jet_tokens(four_momenta(jets.codes, jets.count), jets.count, spurions=True)
    boosted = into_jet_frame(tokens, 6)
    some = jets.count[:, 0] > 1
    jet = jet_momentum(boosted, 6)[some, 0]
    close(jet[:, 1:] / jet[:, :1], torch.zeros(len(jet), 3, dtype=torch.float64), BOOSTED)
    close(jet[:, 0] ** 2, mass_squared(jet_momentum(tokens, 6)[some, 0]), BOOSTED)


# Frames


@pytest.mark.parametrize("method", METHODS)
def test_frames_are_lorentz_transformations(method):
    frames = polar_frames(timelike(N, 3), method)
    assert_lorentz(frames, EXACT)
    assert_lorentz(polar_frames(timelike(N, 3).float(), method), BOOSTED_FLOAT32)


@pytest.mark.parametrize("method", METHODS)
def test_frames_are_covariant(method):
    vectors, transformation = timelike(N, 3), random_lorentz(N)
    moved = vectors @ transformation.mT
    close(polar_frames(moved, method), polar_frames(vectors, method) @ inverse(transformation), BOOSTED)
    # hence momenta in the frame do not change
    p = timelike(N, 5)
    close(
        p @ transformation.mT @ polar_frames(moved, method).mT,
        p @ polar_frames(vectors, method).mT,
        BOOSTED,
    )


def test_frame_is_the_one_of_the_definition():
    vectors = timelike(N, 3)
    frames = polar_frames(vectors)
    v_0, v_1, v_2 = (frames @ vectors[:, k, :, None] for k in range(3))
    zero = torch.zeros(N, 1, dtype=torch.float64)
    close(v_0[:, 1:, 0], zero.expand(N, 3), EXACT)
    close(v_1[:, 2:, 0], zero.expand(N, 2), EXACT)
    close(v_2[:, 3], zero, EXACT)
    assert (v_1[:, 1] > 0).all()
    assert (v_2[:, 2] > 0).all()


def test_both_methods_give_the_same_frame():
    vectors = timelike(N, 3)
    close(polar_frames(vectors, "cross"), polar_frames(vectors), EXACT)


def test_references_may_be_differences_and_scale_does_not_matter():
    vectors = timelike(N, 3)
    expected = polar_frames(vectors)
    differences = torch.cat([vectors[:, :1], vectors[:, 1:] - vectors[:, :1]], dim=1)
    close(polar_frames(differences), expected, EXACT)
    for scale in (1e-6, 1e6):
        close(polar_frames(vectors * scale), expected, EXACT)


# Degenerate vectors


def across(angle):
    """Unit reference vector in the xz plane."""
    return math.cos(angle) * Z + math.sin(angle) * X


DEGENERATE_CASES = {
    "padding": (0 * T, 0 * T, 0 * T),
    "one vector": (T, T, T),
    "no differences": (T, 0 * T, 0 * T),
    "lightlike boost": (T + Z, X, Y),
    "spacelike boost": (T + 2 * Y, X, Z),
    "all lightlike and parallel": (T + X, T + X, T + X),
    "parallel references": (T, Y, 3 * Y),
    "opposite references": (T, Y, -Y),
    "parallel to z": (T, Z, 2 * Z),
    "first missing": (T, 0 * T, Y),
    "first missing, second along z": (T, 0 * T, Z),
    "second missing": (T, X, 0 * T),
    "almost parallel": (T, Y, Y + 1e-9 * X),
    "tiny": (1e-30 * T, 1e-30 * X, 1e-30 * Y),
    "huge": (1e30 * T, 1e30 * X, 1e30 * Y),
}


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("case", DEGENERATE_CASES)
def test_degenerate_vectors_give_a_frame_and_finite_gradients(case, method, dtype):
    vectors = torch.stack(DEGENERATE_CASES[case]).to(dtype).requires_grad_()
    frame = polar_frames(vectors, method)
    # gamma^2 = 4096 multiplies the rounding of the lightlike ones
    assert_lorentz(frame, BOOSTED if dtype == torch.float64 else 5e-3)
    frame.square().sum().backward()
    assert vectors.grad.isfinite().all()


@pytest.mark.parametrize(
    ("case", "rows"),
    [
        ("padding", (Z, X, Y)),
        ("no differences", (Z, X, Y)),
        ("parallel references", (Y, Z, X)),
        ("parallel to z", (Z, X, Y)),
        ("first missing", (Z, Y, -X)),
        ("first missing, second along z", (Z, X, Y)),
        ("second missing", (X, Z, -Y)),
    ],
)
def test_fallback_axes(case, rows):
    frame = polar_frames(torch.stack(DEGENERATE_CASES[case]))
    assert torch.equal(frame, torch.stack([T, *rows]))


@pytest.mark.parametrize("method", METHODS)
def test_nothing_is_random(method):
    vectors = torch.stack([torch.stack(case) for case in DEGENERATE_CASES.values()])
    state = torch.random.get_rng_state()
    first, second = polar_frames(vectors, method), polar_frames(vectors, method)
    assert torch.equal(first, second)
    assert torch.equal(state, torch.random.get_rng_state())


@pytest.mark.parametrize("factor", [1 - 1e-6, 1 + 1e-6])
def test_thresholds_stand_where_the_rules_say(factor):
    mass, border = 3.0, DEGENERATE * factor
    first = polar_frames(torch.stack([mass * T, mass * border * X, 0.5 * Y]))
    assert torch.equal(first[1], X if factor > 1 else Z)
    second = polar_frames(torch.stack([mass * T, X, mass * border * Y]))
    assert torch.equal(second[2], Y if factor > 1 else Z)
    collinear = polar_frames(torch.stack([mass * T, X, math.sqrt(1 - border**2) * X + border * Y]))
    close(collinear[2], Y if factor > 1 else Z, EXACT)


def test_spare_axis_changes_near_z():
    border = math.acos(math.sqrt(15 / 16))
    for angle, spare in ((border + 1e-6, Z), (border - 1e-6, X)):
        axes = polar_frames(torch.stack([T, across(angle), 0 * T]))[1:]
        close(axes[0], across(angle), EXACT)
        part = spare - (spare @ axes[0]) * axes[0]
        close(axes[1], part / part.norm(), EXACT)


def test_bound_of_the_velocity_joins_continuously():
    axis = torch.tensor([0.6, 0.0, 0.8], dtype=torch.float64)
    beta = MAX_FRAME_VELOCITY / math.sqrt(1 + MAX_FRAME_VELOCITY**2)
    frames = [
        polar_frames(torch.stack([torch.cat([torch.ones(1), (beta + shift) * axis]), X, Y]))
        for shift in (-1e-12, 1e-12)
    ]
    close(frames[0], frames[1], 1e-4)
    close(frames[1][0, 0], torch.tensor(math.sqrt(1 + MAX_FRAME_VELOCITY**2), dtype=torch.float64), EXACT)


@pytest.mark.parametrize("kind", ["lightlike", "spacelike"])
def test_frames_of_bounded_velocity_stay_covariant_under_rotations(kind):
    vectors = timelike(N, 3)
    vectors[:, 0, 0] = vectors[:, 0, 1:].norm(dim=-1) * (1.0 if kind == "lightlike" else 0.5)
    turn = random_rotation(N)
    frames, moved = (polar_frames(v, max_velocity=4.0) for v in (vectors, vectors @ turn.mT))
    close(frames[:, 0, 0], torch.full((N,), math.sqrt(17), dtype=torch.float64), EXACT)
    close(moved, frames @ turn.mT, BOOSTED)


def test_frames_without_first_reference_stay_covariant_under_rotations_about_the_beam():
    vectors = timelike(N, 3)
    vectors[:, 1] = vectors[:, 0]
    turn = rotation(1.2)
    close(polar_frames(vectors @ turn.T)[..., :1], (polar_frames(vectors) @ turn.T)[..., :1], BOOSTED)
    vectors = torch.cat([T.expand(N, 1, 4), vectors[:, 1:]], dim=1)
    vectors[:, 1] = 0
    close(polar_frames(vectors @ turn.T), polar_frames(vectors) @ turn.T, BOOSTED)


# Reference implementation


@pytest.mark.parametrize("method", METHODS)
def test_agrees_with_the_reference(method):
    reference = pytest.importorskip("lloca.utils.polar_decomposition")
    vectors = timelike(N, 3)
    expected = reference.polar_decomposition(vectors[:, 0], vectors[:, 1:], method=method.replace("-", ""))
    frames = polar_frames(vectors, method)
    if method == "cross":  # the reference orders the axes e1, e3, -e2
        frames = torch.stack([frames[:, 0], frames[:, 1], frames[:, 3], -frames[:, 2]], dim=1)
    close(frames, expected, BOOSTED)


def test_boost_agrees_with_the_reference():
    reference = pytest.importorskip("lloca.utils.polar_decomposition")
    p = timelike(N)
    close(boost_matrix(four_velocity(p, 1e6)[0]), reference.restframe_boost(p), EXACT)


def test_axes_agree_with_the_reference():
    reference = pytest.importorskip("lloca.utils.orthogonalize_3d")
    r = torch.randn(N, 2, 3, dtype=torch.float64)
    axes = orthonormal_axes(r[:, 0], r[:, 1], torch.ones(N, 1, dtype=torch.float64))
    close(axes, reference.orthogonalize_3d(r), BOOSTED)
