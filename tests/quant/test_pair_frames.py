"""Masses of pairs, frames from pairs and vectors between frames in integers, against float64 on jets of the sample."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.helpers import tolerances
from tritag.data.jets.trigger_grid import to_codes
from tritag.data.simulation.sample import read_sample
from tritag.models.layers.frame_transport import EnterFrames, LeaveFrames
from tritag.models.layers.jet_geometry import PairMasses as FloatPairMasses
from tritag.quant.config import QuantConfig
from tritag.quant.formats.fixed import FixedType, Grid
from tritag.quant.formats.tensor import FixedTensor
from tritag.quant.integer.lorentz import FrameBits
from tritag.quant.layers.frames import JetTokens, PairWeighted, QuantFrames, QuantJetFrame
from tritag.quant.layers.pairs import QuantPairMasses
from tritag.quant.ops.frame_transport import TrainableFrameTransport
from tritag.quant.ops.jet_scalars import CODE_GRID, SCALAR_TYPE

K, N = 16, 19
METRIC = np.diag([1.0, -1.0, -1.0, -1.0])
PHI = Grid.of(FixedType(True, 10, 4))

Fixed = tuple[FixedTensor, FixedTensor]


@pytest.fixture(scope="module")
def fixed() -> Fixed:
    batch = read_sample()
    codes, count = to_codes(batch.p4, batch.n_constituents, K)
    return (
        FixedTensor(torch.from_numpy(codes).float(), CODE_GRID),
        FixedTensor(torch.from_numpy(count).float()[:, None], Grid(0, K, 0)),
    )


@pytest.fixture(scope="module")
def tokens(fixed: Fixed) -> JetTokens:
    return QuantJetFrame(K, spurions=True).eval()(*fixed)


@pytest.fixture(scope="module")
def pairs(fixed: Fixed) -> FixedTensor:
    return QuantPairMasses(K, True, N).eval()(*fixed)


def weighted(pairs: FixedTensor, tokens: JetTokens, count: FixedTensor, per_jet: bool) -> PairWeighted:
    """Logits as after training, spread over a few units."""
    rows = N if per_jet else K
    integers = np.rint(np.random.default_rng(7).normal(0, 1.5, (len(tokens), rows, 3 * N)) * 2.0**PHI.fraction)
    phi = FixedTensor.from_integers(torch.from_numpy(integers.clip(PHI.low, PHI.high).astype(np.int64)), PHI)
    return PairWeighted(phi, FixedTensor(pairs.value[:, -rows:], pairs.grid), tokens, count, per_jet)


def frames_layer() -> QuantFrames:
    """With the default widths."""
    config = QuantConfig()
    return QuantFrames(
        K, FrameBits(config.frame_vector_bits, config.frame_matrix_bits), config.frame_weight_bits
    ).eval()


def real_frames(frames: torch.Tensor, count: FixedTensor, per_jet: bool) -> np.ndarray:
    """Frames of real candidates or jets, (n, 4, 4) float64."""
    matrices = frames.double().numpy().reshape(len(frames), -1, 4, 4)
    return matrices[:, 0] if per_jet else matrices[np.arange(K) < count.value.numpy()]


def test_pair_masses(fixed, pairs) -> None:
    codes, count = (x.value.long() for x in fixed)
    expected = FloatPairMasses(K, True, N).double()(codes, count)
    expected[:, torch.arange(N), torch.arange(N)] = 0.0
    error = (pairs.value.double() - expected).abs() * 2.0**SCALAR_TYPE.fraction
    assert error.max() <= tolerances.PAIR_MASS_LSB
    assert (expected != 0).any()


def test_pairs_on_one_cell() -> None:
    """The regulator's mass, mu^2 (pT_i + pT_j)^2 / (pT_i pT_j), to an LSB: no cancellation is left to rounding."""
    codes = torch.zeros(1, K, 3, dtype=torch.int64)
    codes[0, :4] = torch.tensor([[4000, 100, -700], [4000, 100, -700], [1, 100, -700], [40, 101, -700]])
    count = torch.full((1, 1), 4)
    fixed = FixedTensor(codes.float(), CODE_GRID), FixedTensor(count.float(), Grid(0, K, 0))
    given = QuantPairMasses(K, True, N).eval()(*fixed).value.double()
    expected = FloatPairMasses(K, True, N).double()(codes, count)
    difference = (given - expected)[:, 3:7, 3:7] * 2.0**SCALAR_TYPE.fraction
    off_diagonal = ~torch.eye(4, dtype=torch.bool)
    assert difference[0][off_diagonal].abs().max() <= tolerances.PAIR_MASS_LSB


def test_rows_of_spurions_are_their_columns(pairs) -> None:
    np.testing.assert_array_equal(pairs.value[:, :3, 3:], pairs.value[:, 3:, :3].mT)


@pytest.mark.parametrize("per_jet", [False, True])
def test_frames_are_lorentz_transformations(fixed, tokens, pairs, per_jet) -> None:
    given = frames_layer()(weighted(pairs, tokens, fixed[1], per_jet)).value
    frame = real_frames(given, fixed[1], per_jet)
    violation = np.abs(np.swapaxes(frame, 1, 2) @ METRIC @ frame - METRIC).max((1, 2))
    assert np.quantile(violation, 0.99) <= 1e-3
    assert violation.max() <= 5e-2


@pytest.mark.parametrize("per_jet", [False, True])
def test_frames_are_those_of_float64(fixed, tokens, pairs, per_jet) -> None:
    layer = frames_layer()
    inputs = weighted(pairs, tokens, fixed[1], per_jet)
    given = real_frames(layer(inputs).value, fixed[1], per_jet)

    def wide(x: FixedTensor) -> FixedTensor:
        return FixedTensor(x.value.double(), x.grid)

    op = layer.jet_pair_frames if per_jet else layer.pair_frames
    own = tokens.every if per_jet else tokens.candidates
    every = wide(tokens.every).reshape(-1, 1, 4 * N)
    expected = op.surrogate(wide(inputs.phi), wide(inputs.pairs), wide(own), every, wide(fixed[1])).value
    error = np.abs(given - real_frames(expected, fixed[1], per_jet)).max((1, 2))
    assert np.median(error) <= tolerances.PAIR_FRAME_MEDIAN
    assert np.quantile(error, 0.9) <= tolerances.PAIR_FRAME_90


@pytest.mark.parametrize("count", [0, 1, 2])
def test_degenerate_jets_have_frames(count: int) -> None:
    codes = torch.zeros(1, K, 3, dtype=torch.int64)
    codes[:, :count] = torch.tensor([400, 10, -30])
    fixed = FixedTensor(codes.float(), CODE_GRID), FixedTensor(torch.full((1, 1), float(count)), Grid(0, K, 0))
    tokens, pairs = QuantJetFrame(K, spurions=True).eval()(*fixed), QuantPairMasses(K, True, N).eval()(*fixed)
    for per_jet in (False, True):
        given = frames_layer()(weighted(pairs, tokens, fixed[1], per_jet)).value
        frame = real_frames(given, fixed[1], per_jet)
        assert len(frame) == (1 if per_jet else count)
        violation = np.abs(np.swapaxes(frame, 1, 2) @ METRIC @ frame - METRIC).max(initial=0.0)
        assert violation <= 5e-2


@pytest.mark.parametrize(("channels", "heads"), [(16, 2), (32, 4), (16, 1)])
def test_transport(fixed, tokens, pairs, channels, heads) -> None:
    frames = frames_layer()(weighted(pairs, tokens, fixed[1], False))
    grid = Grid.of(FixedType(True, 8, 3))
    rng = np.random.default_rng(3)
    x, y, z = (
        FixedTensor.from_integers(torch.from_numpy(rng.integers(-128, 128, (len(tokens), K, channels))), grid)
        for _ in range(3)
    )
    matrix = frames.value.double().unflatten(-1, (4, 4))
    values = [v.value.double() for v in (x, y, z)]
    expected = [*LeaveFrames(channels, heads)(*values, matrix), EnterFrames(channels, heads)(values[0], matrix)]
    directions = ("leave", "leave-lowered", "leave", "enter")
    for v, direction, wanted in zip((x, y, z, x), directions, expected, strict=True):
        op = TrainableFrameTransport(channels, heads, direction).eval()
        given = op(v, frames)
        error = (given.value.double() - wanted).abs() * 2.0 ** given.known_grid().fraction
        assert error.max() <= tolerances.ROUNDING_LSB + 1e-9
        torch.testing.assert_close(op.surrogate(v, frames).value.double(), wanted, rtol=1e-5, atol=1e-4)
