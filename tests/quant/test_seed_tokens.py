"""Tokens, features and frames along the leading candidate in integers, against float64 and at the edges."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.helpers import tolerances
from tests.helpers.jets import check_padding, crafted_jets, random_jets
from tests.helpers.taggers import MINI, SEED, calibrated_tagger
from tritag.data.jets.trigger_grid import to_codes
from tritag.data.simulation.sample import read_sample
from tritag.models.layers import seed_tokens as float_layers
from tritag.quant.formats.fixed import FixedType, Grid
from tritag.quant.formats.tensor import FixedTensor
from tritag.quant.integer.lorentz import FrameBits
from tritag.quant.integer.torch_executor import run
from tritag.quant.integer.tracer import Tracer
from tritag.quant.layers.seed_frames import QuantSeedFrames, QuantSeedTokens
from tritag.quant.ops.jet_scalars import CODE_GRID, SCALAR_TYPE
from tritag.quant.ops.op import Op, TensorSpec
from tritag.quant.ops.seed_tokens import TOKEN_FRACTION, WEIGHT_BITS, SeedFeatures, SeedTokens, weights_of

K = 16
METRIC = np.diag([1.0, -1.0, -1.0, -1.0])
PHI = Grid.of(FixedType(True, 10, 4))


def integers(op: Op, codes: np.ndarray, count: np.ndarray) -> np.ndarray:
    """Integers (n, K, 4) of an op on codes."""
    given = FixedTensor(torch.from_numpy(codes).float(), CODE_GRID)
    number = FixedTensor(torch.from_numpy(count)[:, None].float(), Grid(0, codes.shape[1], 0))
    return op(given, number).integers().numpy()


def sample() -> tuple[np.ndarray, np.ndarray]:
    """Codes (n, K, 3) and counts (n,) of generated jets."""
    batch = read_sample()
    codes, count = to_codes(batch.p4, batch.n_constituents, K)
    return codes.astype(np.int64), count.astype(np.int64)


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


def test_weights_are_exponentials_and_never_zero():
    grid = Grid(-512, 511, 6)
    t = Tracer("weights", 1)
    phi = t.input("phi", grid.low, grid.high)
    t.output("weight", weights_of(t, phi, TensorSpec(grid, 1, 1)))
    given = torch.arange(grid.low, grid.high + 1).reshape(-1, 1, 1)
    weights = run(t.program, [given])[0].flatten().numpy()
    exact = (2**WEIGHT_BITS - 1) * np.exp((given.flatten().numpy() - grid.high) / 64)
    assert np.abs(weights - exact).max() <= 1
    assert weights.min() == 1
    assert (np.diff(weights) >= 0).all()


def frames_of(codes: np.ndarray, count: np.ndarray, spread: float) -> tuple[np.ndarray, np.ndarray]:
    """Frames (n, 4, 4) of random logits, and those of float64 from the same tokens and logits."""
    k = codes.shape[1]
    rng = np.random.default_rng(5)
    # as of trained weights: close to pT, and below the grid's largest number
    phi = rng.normal(0, spread, (len(codes), k, 3)) + np.log(np.maximum(codes[..., :1], 1)) - 1.5
    phi = np.rint(phi * 2.0**PHI.fraction).clip(PHI.low, PHI.high).astype(np.int64)
    logits = FixedTensor.from_integers(torch.from_numpy(phi), PHI)
    number = FixedTensor(torch.from_numpy(count)[:, None].float(), Grid(0, k, 0))
    tokens = QuantSeedTokens()(FixedTensor(torch.from_numpy(codes).float(), CODE_GRID), number)
    layer = QuantSeedFrames(k, FrameBits()).eval()
    given = layer(logits, tokens, number).value.double().numpy()
    wide = (FixedTensor(x.value.double(), x.grid) for x in (logits, tokens.every, number))
    return given.reshape(-1, 4, 4), layer.op.surrogate(*wide).value.numpy().reshape(-1, 4, 4)


def violation(frames: np.ndarray) -> np.ndarray:
    """Largest entry of ``L^T g L - g`` of each frame."""
    return np.abs(np.swapaxes(frames, 1, 2) @ METRIC @ frames - METRIC).max((1, 2))


def test_frames_are_those_of_float64():
    given, exact = frames_of(*sample(), 1.0)
    assert np.quantile(violation(given), 0.99) <= 1e-3
    assert violation(given).max() <= 5e-2
    error = np.abs(given - exact).max((1, 2))
    assert np.median(error) <= tolerances.SEED_FRAME_MEDIAN
    assert np.quantile(error, 0.9) <= tolerances.SEED_FRAME_90


def test_hardly_jets_have_lorentz_frames(rng):
    """No, one and equal candidates, corners of the domain and beyond: a Lorentz transformation whatever is given."""
    frames, _ = frames_of(*crafted_jets(rng, 6), 4.0)
    assert violation(frames).max() <= 5e-2
    assert (frames[:, 0, 0] >= 1 - 1e-3).all()


def test_scores_know_nothing_of_rotations_and_boosts(rng):
    tagger = calibrated_tagger(5, "ternary", {**MINI, **SEED}, "lloca-seed")
    codes, count = random_jets(rng, 200, 5)
    codes[..., 1] = codes[..., 1].clip(-800, 800)
    moved = codes + np.array([0, 100, 0])
    moved[..., 2] = (moved[..., 2] + 720 + 333) % 1440 - 720
    with torch.no_grad():
        scores = [tagger(torch.from_numpy(x), torch.from_numpy(count)[:, None]) for x in (codes, moved)]
    assert torch.equal(*scores)
    assert len(scores[0].unique()) > 50
