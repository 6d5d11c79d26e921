"""The Lorentz geometry in integers against float64, on jets of the sample: docs/ops/ quotes these figures."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.helpers import tolerances
from tritag.data.jets.trigger_grid import to_codes
from tritag.data.simulation.sample import read_sample
from tritag.models.layers.jet_geometry import JetFrame as FloatJetFrame
from tritag.models.layers.jet_geometry import LocalDirections as FloatLocalDirections
from tritag.models.layers.jet_geometry import LocalScalars as FloatLocalScalars
from tritag.models.layers.jet_geometry import TokenFeatures as FloatTokenFeatures
from tritag.models.layers.lorentz import four_momenta
from tritag.quant.formats.fixed import FixedType, Grid
from tritag.quant.formats.tensor import FixedTensor
from tritag.quant.integer.lorentz import FrameBits
from tritag.quant.layers.frames import JetTokens, QuantJetFrame, QuantTokenFeatures
from tritag.quant.ops.four_momenta import MOMENTUM_FRACTION, SPLIT_BITS, FourMomenta
from tritag.quant.ops.jet_scalars import CODE_GRID, SCALAR_TYPE
from tritag.quant.ops.local_directions import LocalDirections
from tritag.quant.ops.local_scalars import LocalScalars
from tritag.quant.ops.token_frames import TokenFrames, TrainableTokenFrames

K = 16
METRIC = np.diag([1.0, -1.0, -1.0, -1.0])
PHI = Grid.of(FixedType(True, 10, 4))


@pytest.fixture(scope="module")
def jets() -> tuple[torch.Tensor, torch.Tensor]:
    batch = read_sample()
    codes, count = to_codes(batch.p4, batch.n_constituents, K)
    return torch.from_numpy(codes).long(), torch.from_numpy(count).long()[:, None]


@pytest.fixture(scope="module")
def fixed(jets: tuple[torch.Tensor, torch.Tensor]) -> tuple[FixedTensor, FixedTensor]:
    codes, count = jets
    return FixedTensor(codes.float(), CODE_GRID), FixedTensor(count.float(), Grid(0, K, 0))


@pytest.fixture(scope="module")
def tokens(fixed: tuple[FixedTensor, FixedTensor]) -> JetTokens:
    return QuantJetFrame(K, spurions=True).eval()(*fixed)


def _phi(n: int) -> FixedTensor:
    """Logits of a Frames-Net as after training: spread over a few units."""
    rng = np.random.default_rng(5)
    integers = np.rint(rng.normal(0, 1.5, (n, K + 3, 3)) * 2.0**PHI.fraction).clip(PHI.low, PHI.high)
    return FixedTensor.from_integers(torch.from_numpy(integers.astype(np.int64)), PHI)


def test_momenta_are_right_to_their_last_bit(jets, fixed) -> None:
    codes, count = jets
    halves = FourMomenta()(*fixed).integers().numpy()
    momenta = (halves[..., :4] << SPLIT_BITS) + halves[..., 4:]
    expected = four_momenta(codes, count).numpy() * 2.0**MOMENTUM_FRACTION
    # half an LSB of the rounding and pT times half an LSB of the tables
    allowed = 0.5 + codes[..., :1].numpy() * 2.0 ** (MOMENTUM_FRACTION - 2 - 21) + 1e-6
    assert (np.abs(momenta - expected) <= allowed).all()


def test_tokens_in_the_frame_of_the_jet(jets, tokens) -> None:
    expected = FloatJetFrame(K, spurions=True).double()(*jets).numpy()
    error = np.abs(tokens.every.value.numpy() - expected).max(-1)
    median, high, worst = tolerances.TOKENS_GEV
    assert np.median(error) <= median
    assert np.quantile(error, 0.99) <= high
    assert error.max() <= worst


def test_features_of_tokens(jets, fixed) -> None:
    given = QuantTokenFeatures(K, spurions=True).eval()(*fixed).value.numpy()
    expected = FloatTokenFeatures(K, spurions=True).double()(*jets).numpy()
    error = np.abs(given - expected) * 2.0**SCALAR_TYPE.fraction
    assert np.quantile(error[..., 7:], 0.99) <= tolerances.PRODUCTS_LSB


@pytest.mark.parametrize("bits", [FrameBits(), FrameBits(20, 16), FrameBits(22, 18)])
def test_frames_are_lorentz_transformations(tokens, fixed, bits: FrameBits) -> None:
    op = TokenFrames(3, bits, weight_bits=16)
    phi = _phi(len(tokens))
    frame = op(phi, tokens.every, fixed[1]).value.numpy().astype(np.float64).reshape(-1, 4, 4)
    violation = np.abs(np.swapaxes(frame, 1, 2) @ METRIC @ frame - METRIC).max((1, 2))
    assert np.quantile(violation, 0.99) <= 1e-3
    assert violation.max() <= 5e-2


def test_frames_are_those_of_float64(tokens, fixed) -> None:
    op = TrainableTokenFrames(K, TokenFrames(3, FrameBits(), weight_bits=16)).eval()
    phi = _phi(len(tokens))
    given = op(phi, tokens.every, fixed[1]).value.double()
    wide = (FixedTensor(x.value.double(), x.grid) for x in (phi, tokens.every, fixed[1]))
    error = (given - op.surrogate(*wide).value).abs().amax((1, 2)).numpy()
    # weights of 16 bits move the vectors by up to 2**-16 of the largest, and nearly parallel ones turn further
    assert np.median(error) <= tolerances.FRAME_MEDIAN
    assert np.quantile(error, 0.9) <= tolerances.FRAME_90


def test_local_scalars_are_those_of_float64(tokens, fixed) -> None:
    frame = TokenFrames(3, FrameBits(), weight_bits=16)(_phi(len(tokens)), tokens.every, fixed[1])
    given = LocalScalars()(frame, tokens.candidates, fixed[1]).value.double()
    matrix = frame.value.double().unflatten(-1, (4, 4))
    expected = FloatLocalScalars(K)(matrix, tokens.candidates.value.double(), fixed[1].value)
    error = (given - expected.clamp(SCALAR_TYPE.min, SCALAR_TYPE.max)).abs() * 2.0**SCALAR_TYPE.fraction
    assert error.quantile(0.99) <= tolerances.LOCAL_SCALARS_LSB


def test_local_directions_are_those_of_float64(tokens, fixed) -> None:
    frame = TokenFrames(3, FrameBits(), weight_bits=12)(_phi(len(tokens)), tokens.every, fixed[1])
    given = LocalDirections()(frame, tokens.candidates, fixed[1]).value.double()
    matrix = frame.value.double().unflatten(-1, (4, 4))
    expected = FloatLocalDirections(K)(matrix, tokens.candidates.value.double(), fixed[1].value)
    # rounded tokens need not be massless: their momentum may exceed their energy
    expected[..., 1:] = expected[..., 1:].clamp(-1, 1)
    error = (given - expected).abs() * 2.0**SCALAR_TYPE.fraction
    assert error.max() <= tolerances.LOCAL_DIRECTIONS_LSB


def test_scalars_stand_in_front_of_the_directions(tokens, fixed) -> None:
    rng = np.random.default_rng(6)
    grid = Grid.of(SCALAR_TYPE)
    scalars = FixedTensor.from_integers(torch.from_numpy(rng.integers(grid.low, grid.high, (len(tokens), K, 7))), grid)
    frame = TokenFrames(3, FrameBits(), weight_bits=12)(_phi(len(tokens)), tokens.every, fixed[1])
    alone = LocalDirections()(frame, tokens.candidates, fixed[1])
    both = LocalDirections()(frame, tokens.candidates, fixed[1], scalars)
    real = torch.arange(K)[:, None] < fixed[1].value[..., None]
    assert torch.equal(both.value[..., 7:], alone.value)
    assert torch.equal(both.value[..., :7], torch.where(real, scalars.value, 0.0))


@pytest.mark.parametrize("count", [0, 1, 2])
def test_degenerate_jets_have_frames(count: int) -> None:
    codes = torch.zeros(1, K, 3, dtype=torch.int64)
    codes[:, :count] = torch.tensor([400, 10, -30])
    fixed = FixedTensor(codes.float(), CODE_GRID), FixedTensor(torch.full((1, 1), float(count)), Grid(0, K, 0))
    tokens = QuantJetFrame(K, spurions=True).eval()(*fixed)
    phi = FixedTensor(torch.zeros(1, K + 3, 3), PHI)
    frame = TokenFrames(3, FrameBits(), 16)(phi, tokens.every, fixed[1]).value.double().reshape(4, 4).numpy()
    assert np.abs(frame.T @ METRIC @ frame - METRIC).max() <= 5e-2
