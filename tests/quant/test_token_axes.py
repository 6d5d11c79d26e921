"""Directions from products of three vectors against float64 and against frames that are written out."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.axes_error import SETS, axes_program, errors, massless
from tests.helpers import tolerances
from tests.helpers.jets import crafted_jets
from tritag.data.jets.trigger_grid import to_codes
from tritag.data.simulation.sample import read_sample
from tritag.errors import ConfigError
from tritag.models.layers.jet_geometry import LocalDirections as FloatLocalDirections
from tritag.models.nets.lloca import LLoCaConfig
from tritag.quant.formats.fixed import FixedType, Grid
from tritag.quant.formats.tensor import FixedTensor
from tritag.quant.integer.axes import AxesBits
from tritag.quant.integer.lorentz import FrameBits
from tritag.quant.integer.torch_executor import run
from tritag.quant.layers.frames import JetTokens, QuantJetFrame
from tritag.quant.measure.frame_error import VECTOR_SETS
from tritag.quant.ops.axes_directions import TrainableGramDirections
from tritag.quant.ops.jet_scalars import CODE_GRID, SCALAR_TYPE
from tritag.quant.ops.token_axes import TokenAxes
from tritag.quant.ops.token_frames import TokenFrames

PHI = Grid.of(FixedType(True, 10, 4))
LSB = 2.0**-SCALAR_TYPE.fraction
AXES = TokenAxes(3, AxesBits(), 16)


def inputs_of(codes: np.ndarray, count: np.ndarray, spread: float) -> tuple[FixedTensor, JetTokens, FixedTensor]:
    """Logits of that spread, tokens in the rest frame of the jet, and the count."""
    k, rng = codes.shape[1], np.random.default_rng(5)
    number = FixedTensor(torch.from_numpy(count)[:, None].float(), Grid(0, k, 0))
    tokens = QuantJetFrame(k, spurions=True).eval()(FixedTensor(torch.from_numpy(codes).float(), CODE_GRID), number)
    phi = np.rint(rng.normal(0, spread, (len(codes), k + 3, 3)) * 2.0**PHI.fraction).clip(PHI.low, PHI.high)
    return FixedTensor.from_integers(torch.from_numpy(phi.astype(np.int64)), PHI), tokens, number


@pytest.fixture(scope="module")
def sample() -> tuple[np.ndarray, np.ndarray]:
    batch = read_sample()
    codes, count = to_codes(batch.p4, batch.n_constituents, 16)
    return codes.astype(np.int64), count.astype(np.int64)


@pytest.mark.parametrize("spread", [0.1, 1.5])
def test_directions_are_those_of_float64(sample, spread) -> None:
    phi, tokens, count = inputs_of(*sample, spread)
    op = TrainableGramDirections(16, AXES).eval()
    given_ = op(phi, tokens.every, tokens.candidates, count).value.double()
    wide = (FixedTensor(x.value.double(), x.grid) for x in (phi, tokens.every, tokens.candidates, count))
    error = (given_ - op.surrogate(*wide).value).abs().flatten() / LSB
    # besides the roundings, weights of 16 bits: untrained ones are almost equal, and their differences have fewer
    assert error.quantile(0.99) <= tolerances.GRAM_DIRECTIONS_LSB
    assert error.mean() <= tolerances.LOCAL_DIRECTIONS_LSB / 2


def test_directions_are_those_of_frames_written_out(sample) -> None:
    phi, tokens, count = inputs_of(*sample, 1.5)
    given_ = TrainableGramDirections(16, AXES).eval()(phi, tokens.every, tokens.candidates, count).value.double()
    frame = TokenFrames(3, FrameBits(), weight_bits=16)(phi, tokens.every, count).value.double().unflatten(-1, (4, 4))
    other = FloatLocalDirections(16)(frame, tokens.candidates.value.double(), count.value)
    error = (given_ - other).abs().flatten() / LSB
    assert error.quantile(0.999) <= tolerances.GRAM_DIRECTIONS_LSB


@pytest.mark.parametrize("name", SETS)
def test_no_worse_than_in_turn(name) -> None:
    """At 99 % of each set no more than twice the error of frames written out, or an LSB."""
    generator = torch.Generator().manual_seed(7)
    vectors = VECTOR_SETS[name](3000, generator)
    found = errors(vectors, massless(len(vectors), generator))
    gram, turn = (float(found[way][0].quantile(0.99)) for way in ("gram", "in turn"))
    assert gram <= max(2 * turn, 1.0)
    assert float(found["gram"][1].quantile(0.99)) <= 12.0


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from(["smallest", "saturated", "near-lightlike", "near-collinear"]))
def test_whatever_the_vectors_are_directions_are_bounded(seed, name) -> None:
    generator = torch.Generator().manual_seed(seed)
    vectors = VECTOR_SETS[name](50, generator)
    (local,) = run(
        axes_program(AxesBits(), 8), [*(vectors[:, k : k + 1] for k in range(3)), massless(50, generator)[:, None]]
    )
    assert local[..., 1:].abs().max() <= 256
    if not name.startswith("s"):
        length = local[:, 0, 1:].double().norm(dim=-1) / 256
        assert (length - 1).abs().max() <= 16 * LSB


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 2), st.integers(0, 17))
def test_neither_units_nor_multiples_of_the_first_change_directions(seed, which, power) -> None:
    """v_k times a power of two gives the same integers."""
    generator = torch.Generator().manual_seed(seed)
    vectors, token = VECTOR_SETS["fast"](20, generator) >> 20, massless(20, generator)
    other = vectors.clone()
    other[:, which] <<= power
    first, second = (
        run(axes_program(AxesBits(), 8), [*(v[:, k : k + 1] for k in range(3)), token[:, None]])[0]
        for v in (vectors, other)
    )
    assert torch.equal(first, second)


def test_hard_jets_have_directions(rng) -> None:
    """No, one and equal candidates, corners of the domain: unit vectors of massless tokens, zeros for padding."""
    codes, count = crafted_jets(rng, 6)
    phi, tokens, number = inputs_of(codes, count, 4.0)
    given_ = TrainableGramDirections(6, AXES).eval()(phi, tokens.every, tokens.candidates, number).value.numpy()
    real = np.arange(6) < count[:, None]
    assert not given_[~real].any()
    p = tokens.candidates.value.numpy()
    # Rounded to 1/2048 GeV, soft ones are not massless.
    massless_ = real & (p[..., 0] > 0.25) & (np.abs(np.linalg.norm(p[..., 1:], axis=-1) - p[..., 0]) < 2e-3 * p[..., 0])
    assert massless_.sum() > 100
    length = np.linalg.norm(given_[..., 1:], axis=-1)[massless_]
    assert np.median(np.abs(length - 1)) <= 4 * LSB
    assert np.abs(length - 1).max() <= 16 * LSB


def test_vectors_without_directions_take_the_axes_of_float64() -> None:
    """Three equal vectors: no reference is left, the axes are z and x; with v_1 along z: x."""
    rest = [1 << 40, 0, 0, 0]
    slow = [1 << 40, 1 << 36, 0, 1 << 37]
    up = [1 << 40, 0, 0, 1 << 30]
    vectors = torch.tensor([[rest] * 3, [slow] * 3, [rest, up, up]])
    tokens = massless(3, torch.Generator().manual_seed(2))
    assert float(errors(vectors, tokens)["gram"][0].max()) <= 0.5


def test_training_is_exact_and_has_a_gradient(sample) -> None:
    codes, count = (x[:50] for x in sample)
    phi, tokens, number = inputs_of(codes, count, 1.5)
    op = TrainableGramDirections(16, AXES)
    logits = phi.value.clone().requires_grad_()
    trained = op.train()(FixedTensor(logits, phi.grid), tokens.every, tokens.candidates, number)
    exact = op.eval()(phi, tokens.every, tokens.candidates, number)
    torch.testing.assert_close(trained.value, exact.value, rtol=0, atol=1e-6)
    trained.value.square().sum().backward()
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()
    assert logits.grad.abs().max() > 0


def test_axes_from_products_ask_for_tokens_and_directions() -> None:
    with pytest.raises(ConfigError, match="axes: gram gives directions in frames from single tokens"):
        LLoCaConfig(axes="gram", frames_net="tokens")


@pytest.mark.parametrize("vector", [14, 16, 17, 18])
def test_every_intermediate_is_bounded(vector) -> None:
    """The tracer refuses a value that could leave 62 bits, at the widths that a recipe may ask for."""
    nodes = axes_program(AxesBits(vector)).nodes
    assert max(max(abs(n.low), abs(n.high)).bit_length() for n in nodes) <= 62
