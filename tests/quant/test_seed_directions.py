"""Weights, axes and directions of candidates along their leading one, against float64 and at the edges."""

from __future__ import annotations

import numpy as np
import torch

from tests.helpers import tolerances
from tests.helpers.jets import crafted_jets, random_jets
from tests.helpers.taggers import MINI, SEED, calibrated_tagger
from tritag.data.jets.trigger_grid import to_codes
from tritag.data.simulation.sample import read_sample
from tritag.models.layers.jet_geometry import LOCAL_ENERGY_MEAN, LOCAL_ENERGY_SCALE
from tritag.models.layers.lorentz import minkowski
from tritag.models.layers.seed_tokens import SeedDirections as FloatSeedDirections
from tritag.models.layers.seed_tokens import seed_tokens
from tritag.quant.formats.fixed import FixedType, Grid
from tritag.quant.formats.tensor import FixedTensor
from tritag.quant.integer.axes import AxesBits
from tritag.quant.integer.torch_executor import run
from tritag.quant.integer.tracer import Tracer
from tritag.quant.ops.jet_scalars import CODE_GRID, SCALAR_TYPE
from tritag.quant.ops.op import TensorSpec
from tritag.quant.ops.seed_directions import WEIGHT_BITS, SeedDirections, weights_of
from tritag.quant.ops.seed_scalars import SeedScalars
from tritag.quant.ops.seed_tokens import SeedTokens

K = 16
PHI = Grid.of(FixedType(True, 10, 4))
LSB = 2.0**-SCALAR_TYPE.fraction


def sample() -> tuple[np.ndarray, np.ndarray]:
    """Codes (n, K, 3) and counts (n,) of generated jets."""
    batch = read_sample()
    codes, count = to_codes(batch.p4, batch.n_constituents, K)
    return codes.astype(np.int64), count.astype(np.int64)


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


def inputs_of(codes: np.ndarray, count: np.ndarray, spread: float) -> tuple[FixedTensor, ...]:
    """Logits as of trained weights (close to pT, below the grid's largest number), tokens, count and scalars."""
    k, rng = codes.shape[1], np.random.default_rng(5)
    phi = rng.normal(0, spread, (len(codes), k, 3)) + np.log(np.maximum(codes[..., :1], 1)) - 1.5
    phi = np.rint(phi * 2.0**PHI.fraction).clip(PHI.low, PHI.high).astype(np.int64)
    given = FixedTensor(torch.from_numpy(codes).float(), CODE_GRID)
    number = FixedTensor(torch.from_numpy(count)[:, None].float(), Grid(0, k, 0))
    logits = FixedTensor.from_integers(torch.from_numpy(phi), PHI)
    return logits, SeedTokens()(given, number), number, SeedScalars()(given, number)


def directions(inputs: tuple[FixedTensor, ...]) -> np.ndarray:
    """Results (n, K, 9) of the op."""
    return SeedDirections(AxesBits())(*inputs).value.double().numpy()


def test_directions_are_those_of_float64():
    codes, count = sample()
    inputs = inputs_of(codes, count, 1.0)
    exact = FloatSeedDirections(K)(*(x.value.double() for x in inputs)).numpy()
    exact = exact.clip(SCALAR_TYPE.min, SCALAR_TYPE.max)
    given = directions(inputs)
    np.testing.assert_array_equal(given[..., :5], exact[..., :5])
    error = np.abs(given - exact)[..., 5:].max(-1)[np.arange(K) < count[:, None]] / LSB
    assert np.median(error) <= tolerances.SEED_DIRECTION_LSB[0]
    assert np.quantile(error, 0.9) <= tolerances.SEED_DIRECTION_LSB[1]
    assert np.quantile(error, 0.99) <= tolerances.SEED_DIRECTION_LSB[2]


def test_products_are_those_of_the_tokens():
    """What a frame must leave alone: t_i t_j = E'_i E'_j (1 - n_i n_j), and n_i n_i = 1 of massless candidates."""
    codes, count = sample()
    given = directions(inputs_of(codes, count, 1.0))
    energy = np.exp(given[..., 5] / LOCAL_ENERGY_SCALE + LOCAL_ENERGY_MEAN)
    n = given[..., 6:]
    tokens = seed_tokens(torch.from_numpy(codes), torch.from_numpy(count)[:, None])
    real = np.arange(K) < count[:, None]
    both = real[:, :, None] & real[:, None]
    scale = energy[:, :, None] * energy[:, None]
    products = minkowski(tokens[:, :, None], tokens[:, None]).numpy()
    error = np.abs(products / np.where(both, scale, 1) - (1 - n @ n.swapaxes(1, 2)))[both]
    assert np.quantile(error, 0.99) <= 4 * LSB
    assert error.max() <= 16 * LSB


def test_hardly_jets_have_directions(rng):
    """No, one and equal candidates, corners of the domain and beyond: unit vectors whatever is given."""
    codes, count = crafted_jets(rng, 6)
    given = directions(inputs_of(codes, count, 4.0))
    real = np.arange(6) < count[:, None]
    assert not given[~real].any()
    length = np.linalg.norm(given[..., 6:], axis=-1)[real]
    assert length.max() <= 1 + 16 * LSB
    assert np.median(np.abs(length - 1)) <= 4 * LSB


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
