"""Ops of the Particle Transformer and of L-GATr-slim against float64."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from tests.helpers import tolerances
from tests.helpers.jets import crafted_jets, random_jets
from tests.helpers.op_errors import codes, fixed, spread
from tritag.models.layers import minkowski as reference
from tritag.models.layers.pair_features import PairFeatures as FloatPairFeatures
from tritag.quant.formats.fixed import FixedType, Grid, product_grid
from tritag.quant.formats.tensor import FixedTensor
from tritag.quant.layers.minkowski import QuantJointNorm, QuantSlimTokens
from tritag.quant.layers.particle_transformer import QuantBatchNorm, QuantPairFeatures
from tritag.quant.layers.transformer import QuantResidual
from tritag.quant.ops.biased_weights import BiasedWeights
from tritag.quant.ops.channel_affine import TrainableChannelAffine
from tritag.quant.ops.constant_rows import ConstantRows
from tritag.quant.ops.first_token import FirstToken
from tritag.quant.ops.gated_unit import GatedUnit
from tritag.quant.ops.head_mean import HeadMean
from tritag.quant.ops.jet_scalars import CODE_GRID
from tritag.quant.ops.minkowski_product import MinkowskiProduct
from tritag.quant.ops.pair_features import PAIR_TYPE
from tritag.quant.weights.cut import Cut

OBSERVER = {"range_quantile": 1e-3, "range_momentum": 0.99, "dynamic_fraction": 0.05, "frozen_fraction": 0.8}


def grid(bits: int, integer: int) -> Grid:
    return Grid.of(FixedType(True, bits, integer))


def cut_to(wanted: Grid) -> Cut:
    """A cut whose observer has found that grid."""
    cut = Cut(wanted.high.bit_length() + 1, **OBSERVER).train()
    cut(FixedTensor(torch.full((8,), wanted.high * 2.0**-wanted.fraction), None))
    assert cut.eval().grid == wanted
    return cut


def bounded(values: np.ndarray, y: Grid) -> np.ndarray:
    """Real values in LSB of a grid, saturated."""
    return np.clip(values * 2.0**y.fraction, y.low, y.high)


class TestPairFeatures:
    def features(self, jets, k):
        jet_codes, count = (np.asarray(x, np.int64) for x in jets)
        number = fixed(count[:, None], Grid(0, k, 0))
        return codes(QuantPairFeatures(k).eval()(fixed(jet_codes, CODE_GRID), number)), jet_codes, count

    @pytest.mark.parametrize("k", [1, 5, 16])
    def test_error(self, rng, k):
        given, jet_codes, count = self.features(random_jets(rng, 500, k), k)
        # Rounded codes at the edge of the domain count as in the op.
        jet_codes[..., 0] = jet_codes[..., 0].clip(1)
        jet_codes[..., 1] = jet_codes[..., 1].clip(-916, 916)
        expected = FloatPairFeatures(k).double()(torch.from_numpy(jet_codes), torch.from_numpy(count)[:, None]).numpy()
        error = np.abs(given - expected * 2.0**PAIR_TYPE.fraction).reshape(-1, 4).max(0)
        assert (error <= tolerances.PAIR_FEATURES_LSB).all(), error

    def test_pairs_are_symmetric(self, rng):
        given, _, _ = self.features(crafted_jets(rng, 4), 4)
        pairs = given.reshape(-1, 4, 4, 4)
        np.testing.assert_array_equal(pairs, pairs.transpose(0, 2, 1, 3))

    def test_padding_is_zero_and_does_not_matter(self, rng):
        jet_codes, count = random_jets(rng, 200, 5)
        noise = rng.integers(CODE_GRID.low, CODE_GRID.high, jet_codes.shape)
        padded = np.arange(5) >= count[:, None]
        noisy = np.where(padded[..., None], noise, jet_codes)
        first, second = self.features((jet_codes, count), 5)[0], self.features((noisy, count), 5)[0]
        np.testing.assert_array_equal(first, second)
        either = (padded[:, :, None] | padded[:, None]).reshape(200, 25)
        assert not first[either].any()


class TestChannelAffine:
    @pytest.mark.parametrize("y", [grid(8, 3), grid(12, 6), grid(12, 1)])
    @pytest.mark.parametrize("x", [grid(12, 3), grid(8, 6), Grid(-90000, 70000, 14)])
    def test_error(self, rng, x, y):
        op = TrainableChannelAffine(cut_to(y)).eval()
        factor = torch.tensor([0.7, -1.9, 1.0, 0.0, 1e-3])
        offset = torch.tensor([0.0, 0.31, -1.0, 2.5, 1e-2])
        integers = np.concatenate([spread(rng, (2000, 1, 5), x), rng.choice([x.low, 0, x.high], (50, 1, 5))])
        real = integers * 2.0**-x.fraction
        expected = bounded(real * factor.double().numpy() + offset.double().numpy(), y)
        error = np.abs(codes(op(fixed(integers, x), factor, offset)) - expected)
        bound = tolerances.channel_affine_lsb(np.abs(real), x.fraction, y.fraction, 1.9)
        assert (error <= bound).all()

    def test_follows_its_factors(self):
        op, x = TrainableChannelAffine(cut_to(grid(8, 3))).eval(), grid(8, 3)
        one = fixed(np.full((1, 1, 1), 32), x)
        assert [codes(op(one, torch.tensor([f]), torch.zeros(1))).item() for f in (1.0, 2.0)] == [32, 64]

    def test_surrogate(self, rng):
        op, x = TrainableChannelAffine(cut_to(grid(8, 3))), grid(12, 3)
        op.cut.quantizer.eval()
        tensor = fixed(spread(rng, (500, 1, 3), x), x)
        values = torch.tensor([0.7, -1.9, 1.0]), torch.tensor([0.0, 0.31, -1.0])
        exact = op.eval()(tensor, *values)
        op.training = True
        trained = op(tensor, *values)
        assert np.abs(codes(trained) - codes(exact)).max() <= 1

    def test_factors_of_a_batch_norm_with_shifts_are_powers_of_two(self, rng):
        norm, x = QuantBatchNorm(5, 1, cut_to(grid(12, 6)), shifts=True, eps=0).eval(), grid(8, 3)
        norm.weight.data = torch.tensor([1.0, 1.4, -1.5, 0.15, 0.0])
        norm.running_mean.copy_(torch.tensor([0.0, 1.0, 0.5, 0.0, 0.25]))
        tensor = fixed(spread(rng, (500, 1, 5), x), x)
        factor = np.array([1.0, 1.0, -2.0, 0.125, 0.0])
        expected = bounded(tensor.value.numpy() * factor - norm.running_mean.numpy() * factor, grid(12, 6))
        assert np.abs(codes(norm(tensor, None)) - expected).max() <= 0.5
        norm.train()(FixedTensor(tensor.value, x), None).value.sum().backward()
        # Through the rounding: every factor still learns.
        assert (norm.weight.grad != 0).all()


class TestBiasedWeights:
    @pytest.mark.parametrize(("n", "heads"), [(1, 1), (5, 4), (16, 2)])
    def test_error(self, rng, n, heads):
        scores, bias, scale = product_grid(grid(8, 3), grid(8, 3), 8), grid(8, 4), 8**-0.5
        s, b = spread(rng, (300, n, heads * n), scores), spread(rng, (300, n, n * heads), bias)
        count = rng.integers(0, n + 1, (300, 1, 1))
        op = BiasedWeights(heads, scale)
        given = codes(op(fixed(s, scores), fixed(b, bias), fixed(count, Grid(0, n, 0))))
        logits = (s * 2.0**-scores.fraction * scale).reshape(300, n, heads, n)
        logits = logits + (b * 2.0**-bias.fraction).reshape(300, n, n, heads).transpose(0, 1, 3, 2)
        real = np.arange(n) < count[..., None]
        logits = np.where(real, logits, -1e9)
        expected = np.where(real, 255 * np.exp(logits - logits.max(-1, keepdims=True)), 0)
        assert np.abs(given - expected.reshape(given.shape)).max() <= tolerances.BIASED_WEIGHTS_LSB


def test_constant_rows_are_the_constants():
    rows = ConstantRows((4, -7, 0), 3)(fixed(np.arange(6)[:, None, None], Grid(0, 5, 0)))
    np.testing.assert_array_equal(codes(rows), np.tile([4, -7, 0], (6, 1, 1)))
    assert rows.known_grid() == Grid(-7, 4, 3)


def test_first_token_is_the_first(rng):
    x = grid(12, 4)
    integers = rng.integers(x.low, x.high + 1, (50, 4, 3))
    first = FirstToken()(fixed(integers, x))
    np.testing.assert_array_equal(codes(first), integers[:, :1])
    assert first.known_grid() == x


@pytest.mark.parametrize("k", [1, 6])
def test_slim_tokens(rng, k):
    jet_codes, count = random_jets(rng, 300, k)
    jet_codes[..., 1] = jet_codes[..., 1].clip(-916, 916)
    number = torch.from_numpy(count)[:, None]
    expected = reference.SlimTokens(k, spurions=True).double()(torch.from_numpy(jet_codes), number)
    given = QuantSlimTokens(k).eval()(fixed(jet_codes, CODE_GRID), fixed(count[:, None], Grid(0, k, 0)))
    difference = (given.value.double() - expected.clamp(-64, 64 - 2**-11)).abs().unflatten(1, (-1, 4))
    assert not difference[:, 0].any()
    # Jets of one direction have no rest frame: the regulator decides, and firmware has another.
    massive = expected.unflatten(1, (-1, 4))[:, 3, 0].flatten() < 60
    worst = difference[massive].amax((1, 2, 3))
    assert worst.median() <= tolerances.SLIM_TOKENS[0]
    assert worst.quantile(0.95) <= tolerances.SLIM_TOKENS[1]


class TestJointNorm:
    @pytest.mark.parametrize(("heads", "lowered"), [(1, False), (2, False), (2, True)])
    def test_error(self, rng, heads, lowered):
        x_v, x_s, y_v, y_s = grid(16, 6), grid(12, 4), grid(12, 5), grid(8, 3)
        op = QuantJointNorm(3, 4, 8, heads, lowered, (cut_to(y_v), cut_to(y_s))).eval()
        v, s = spread(rng, (500, 12, 4), x_v), spread(rng, (500, 3, 8), x_s)
        v[:10], s[5:15] = 0, 0
        given_v, given_s = (codes(x) for x in op(fixed(v, x_v), fixed(s, x_s)))
        real = torch.from_numpy(v) * 2.0**-x_v.fraction, torch.from_numpy(s) * 2.0**-x_s.fraction
        expected = reference.JointNorm(4, 8, heads, lowered).double()(*real)
        for given, wanted, y in ((given_v, expected[0], y_v), (given_s, expected[1], y_s)):
            wanted = bounded(wanted.numpy(), y)
            assert (np.abs(given - wanted) <= tolerances.joint_norm_lsb(np.abs(wanted))).all()

    def test_surrogate(self, rng):
        x_v, x_s, y_v, y_s = grid(16, 6), grid(12, 4), grid(12, 5), grid(8, 3)
        op = QuantJointNorm(3, 4, 8, 2, True, (cut_to(y_v), cut_to(y_s)))
        v, s = fixed(spread(rng, (200, 12, 4), x_v), x_v), fixed(spread(rng, (200, 3, 8), x_s), x_s)
        exact = op.eval()(v, s)
        op.training = True
        for trained, one in zip(op(v, s), exact, strict=True):
            assert trained.grid == one.grid
            assert np.abs(codes(trained) - codes(one)).max() <= 2


def test_minkowski_product(rng):
    a, b, y = grid(12, 5), grid(12, 3), grid(10, 6)
    op = MinkowskiProduct(y)
    x, z = spread(rng, (500, 3, 16), a), spread(rng, (500, 3, 16), b)
    rows = (torch.from_numpy(i * 2.0**-g.fraction).reshape(500, 12, 4) for i, g in ((x, a), (z, b)))
    expected = reference.MinkowskiProduct().double()(*rows).numpy()
    error = np.abs(codes(op(fixed(x, a), fixed(z, b))) - bounded(expected, y))
    assert error.max() <= tolerances.ROUNDING_LSB


@pytest.mark.parametrize(("components", "gate"), [(1, grid(8, 3)), (4, grid(10, 6))])
def test_gated_unit(rng, components, gate):
    value, y = grid(12, 4), grid(10, 5)
    op = GatedUnit(y)
    g, v = spread(rng, (800, 3, 4), gate), spread(rng, (800, 3, 4 * components), value)
    real = g * 2.0**-gate.fraction
    gelu = 0.5 * real * (1 + np.vectorize(math.erf)(real / math.sqrt(2)))
    expected = np.tile(gelu, (1, 1, components)) * v * 2.0**-value.fraction
    error = np.abs(codes(op(fixed(g, gate), fixed(v, value))) - bounded(expected, y))
    reach = gate.high * 2.0**-gate.fraction
    assert error.max() <= tolerances.gated_unit_lsb(reach, 2.0 ** (4 - 1), y.fraction)


@pytest.mark.parametrize(("components", "heads"), [(1, 2), (4, 2), (4, 1)])
def test_head_mean(rng, components, heads):
    values, weights, keys = grid(10, 4), Grid(0, 255, 0), 5
    op = HeadMean(values, heads, components)
    weight = rng.integers(0, 256, (400, 3, heads, keys)) * (rng.random((400, 3, heads, keys)) < 0.6)
    value = rng.integers(values.low, values.high + 1, (400, keys, components, heads, 4 // heads))
    numerator = np.einsum("bnhm,bmuhc->bnuhc", weight, value)
    total = weight.sum(-1)[:, :, None, :, None]
    expected = np.where(total > 0, numerator / np.maximum(total, 1), 0).reshape(400, 3, -1)
    given = codes(
        op(
            fixed(numerator.reshape(400, 3, -1), product_grid(weights, values, keys)),
            fixed(weight.reshape(400, 3, -1), weights),
        )
    )
    assert np.abs(given - expected).max() <= tolerances.head_mean_lsb(512)


@pytest.mark.parametrize("finer", range(0, 24, 3))
def test_residual_sums_round_once_however_fine_the_branch(rng, finer):
    stream, result = grid(16, 6), grid(16, 7)
    branch = Grid.of(FixedType(True, 14, 14 - stream.fraction - finer))
    h, b = (fixed(spread(rng, (64, 4, 2), of), of) for of in (stream, branch))
    exact = h.integers().double() * 2**finer + b.integers()  # below 2^53
    y = QuantResidual(cut_to(result)).eval()(h, b)
    down = stream.fraction + finer - result.fraction
    assert torch.equal(y.integers(), (exact / 2**down).round().clamp(result.low, result.high).long())
