"""Ops against their float64 formulas, at their edges, and against what training runs in their place."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch

from tests.helpers import tolerances
from tests.helpers.op_cases import OP_CASES, op_classes
from tests.helpers.op_errors import codes, fixed, spread
from tritag.errors import ExportError
from tritag.quant.formats.fixed import FixedType, Grid, product_grid
from tritag.quant.formats.tensor import FixedTensor
from tritag.quant.ops import op as op_module
from tritag.quant.ops.attention import Attention, ExpWeights, WeightedMean, exact_product
from tritag.quant.ops.gelu import Gelu, TrainableGelu
from tritag.quant.ops.layer_norm import LayerNorm, TrainableLayerNorm
from tritag.quant.ops.mean_pool import MeanPool, TrainableMeanPool
from tritag.quant.ops.op import TensorSpec
from tritag.quant.weights.cut import Cut

OBSERVER = {"range_quantile": 1e-3, "range_momentum": 0.99, "dynamic_fraction": 0.05, "frozen_fraction": 0.8}


class TestLayerNorm:
    @pytest.mark.parametrize("channels", [2, 3, 4, 16, 32, 64])
    @pytest.mark.parametrize(
        ("bits", "x"), [(8, Grid(-2048, 2047, 9)), (8, Grid(-128, 127, 4)), (6, Grid(-512, 511, -2))]
    )
    def test_error(self, rng, channels, bits, x):
        op = LayerNorm(bits)
        y = op.output_type(channels)
        integers = np.concatenate(
            [
                spread(rng, (2000, 5, channels), x),
                rng.integers(x.low, x.high + 1, (300, 5, channels)),
                rng.integers(-1, 2, (300, 5, channels)),
                rng.choice([x.low, x.high], (300, 5, channels)),
            ]
        )
        value = integers * 2.0**-x.fraction
        deviation = value - value.mean(-1, keepdims=True)
        norm = deviation / np.sqrt((deviation**2).mean(-1, keepdims=True) + op.eps)
        expected = np.clip(norm * 2.0**y.fraction, y.int_min, y.int_max)
        error = np.abs(codes(op(fixed(integers, x))) - expected).max()
        assert error <= tolerances.layer_norm_lsb(channels, x.fraction, y.int_max)

    def test_zero_variance_gives_zero(self):
        x = Grid(-2048, 2047, 9)
        constant = np.array([0, 1, -1, x.low, x.high])[:, None, None] * np.ones((1, 3, 16), np.int64)
        assert not codes(LayerNorm()(fixed(constant, x))).any()

    def test_saturation(self):
        x = Grid(-2048, 2047, 9)
        one = np.zeros((2, 1, 64), np.int64)
        one[:, 0, 5] = x.high, x.low  # sqrt(63) = 7.9 is beyond the output's range of +-4
        assert codes(LayerNorm()(fixed(one, x)))[:, 0, 5].tolist() == [127, -128]

    @pytest.mark.parametrize(("channels", "integer"), [(1, 1), (2, 1), (4, 2), (5, 2), (6, 3), (16, 3), (64, 3)])
    def test_output_type_reaches_the_largest_value_up_to_4(self, channels, integer):
        output = LayerNorm().output_type(channels)
        assert output == FixedType(True, 8, integer)
        assert output.max + output.lsb >= min(math.sqrt(channels - 1), 4)

    def test_surrogate(self, rng):
        op, x = TrainableLayerNorm(5, 16), Grid(-2048, 2047, 9)
        tensor = fixed(spread(rng, (500, 5, 16), x), x)
        trained, exact = op.train()(tensor), op.eval()(tensor)
        assert trained.grid == Grid.of(LayerNorm().output_type(16))
        assert np.abs(codes(trained) - codes(exact)).max() <= tolerances.SURROGATE_LAYER_NORM_LSB


class TestGelu:
    @pytest.mark.parametrize("y", [Grid(-128, 127, 5), Grid(-128, 127, 3), Grid(-32, 31, 8), Grid(-8, 7, 0)])
    @pytest.mark.parametrize("x", [Grid(-128, 127, 4), Grid(-128, 127, 6), Grid(-3, 90, 2), Grid(-2048, 2047, 8)])
    def test_every_code(self, x, y):
        integers = np.arange(x.low, x.high + 1)
        real = integers * 2.0**-x.fraction
        formula = np.array([0.5 * v * math.erfc(-v / math.sqrt(2)) for v in real]) * 2.0**y.fraction
        given = codes(Gelu(y)(fixed(integers.reshape(-1, 1, 1), x))).ravel()
        assert np.abs(given - np.clip(formula, y.low, y.high)).max() <= tolerances.ROUNDING_LSB + 1e-9
        assert given[integers == 0] == [0]

    def test_surrogate(self):
        x = Grid(-128, 127, 5)
        op = TrainableGelu(Cut(8, **OBSERVER))
        every = fixed(np.arange(-128, 128).reshape(-1, 1, 1), x)
        trained = op.train()(every)
        exact = op.eval()(every)
        assert trained.grid == op.cut.grid == Grid(-128, 127, exact.known_grid().fraction)
        assert np.abs(codes(trained) - codes(exact)).max() <= tolerances.SURROGATE_GELU_LSB

    def test_table_follows_the_observed_range(self):
        x = Grid(-128, 127, 4)
        op = TrainableGelu(Cut(8, **OBSERVER)).eval()
        before = op(fixed(np.full((1, 1, 1), 127), x))
        op.train()(FixedTensor(torch.full((1, 1, 1), 100.0), x))
        after = op.eval()(fixed(np.full((1, 1, 1), 127), x))
        assert (before.known_grid().fraction, after.known_grid().fraction) == (6, 0)
        assert (codes(before).item(), codes(after).item()) == (127, 8)


SCORES = product_grid(Grid(-128, 127, 6), Grid(-128, 127, 6), 8)


def weights_of(scores: np.ndarray, count: np.ndarray, scale: float, bits: int) -> np.ndarray:
    """exp(score - largest) of the real keys, times the largest weight."""
    real = np.arange(scores.shape[-1]) < count
    value = np.where(real, scores * scale, -np.inf)
    largest = np.where(count > 0, value.max(-1, keepdims=True), 0.0)
    return np.where(real, np.exp(value - largest), 0.0) * ((1 << bits) - 1)


class TestExpWeights:
    @pytest.mark.parametrize(("keys", "bits", "scale"), [(1, 8, 1.0), (5, 6, 0.25), (16, 8, 8**-0.5), (64, 10, 0.5)])
    @pytest.mark.parametrize("fraction", [0, 4, 9, 14])
    def test_error(self, rng, keys, bits, scale, fraction):
        grid = Grid(SCORES.low, SCORES.high, fraction)
        op = ExpWeights(scale, bits)
        integers = np.concatenate(
            [spread(rng, (1000, 3, keys), grid), rng.integers(grid.low, grid.high, (200, 3, keys))]
        )
        count = rng.integers(0, keys + 1, (len(integers), 1, 1))
        given = codes(op(fixed(integers, grid), fixed(count, Grid(0, keys, 0))))
        error = np.abs(given - weights_of(integers, count, 2.0**-fraction * scale, bits))
        assert error.max() <= tolerances.exp_weights_lsb(bits)
        # The largest score's weight is the top code but for half a table step.
        top = (1 << bits) - 1
        assert (given.max(-1)[count[:, 0, 0] > 0] >= top - tolerances.exp_weights_lsb(bits)).all()
        assert given.min() >= 0
        assert given.max() <= top

    def test_padding_weighs_nothing(self, rng):
        op = ExpWeights(0.5)
        scores = np.full((5, 2, 4), SCORES.high)
        given = codes(op(fixed(scores, SCORES), fixed(np.arange(5).reshape(5, 1, 1), Grid(0, 4, 0))))
        assert ((given > 0) == (np.arange(4) < np.arange(5)[:, None, None])).all()

    def test_padded_scores_do_not_matter(self, rng):
        op = ExpWeights(0.5)
        scores, other = (rng.integers(SCORES.low, SCORES.high, (50, 2, 6)) for _ in range(2))
        count = rng.integers(0, 7, (50, 1, 1))
        mixed = np.where(np.arange(6) < count, scores, other)
        number = fixed(count, Grid(0, 6, 0))
        np.testing.assert_array_equal(codes(op(fixed(scores, SCORES), number)), codes(op(fixed(mixed, SCORES), number)))


class TestWeightedMean:
    @pytest.mark.parametrize(("keys", "bits"), [(1, 8), (5, 6), (16, 8), (64, 8)])
    @pytest.mark.parametrize("values", [Grid(-128, 127, 5), Grid(-32, 31, -1)])
    def test_error(self, rng, keys, bits, values):
        grid = Grid(0, (1 << bits) - 1, 0)
        op = WeightedMean(values)
        weight = np.concatenate([rng.integers(0, grid.high + 1, (1000, 3, keys)), rng.integers(0, 2, (300, 3, keys))])
        value = rng.choice([values.low, -1, 0, 1, values.high, 3], (len(weight), keys, 2))
        numerator = np.einsum("brk,bkd->brd", weight, value)
        given = codes(op(fixed(numerator, product_grid(grid, values, keys)), fixed(weight, grid)))
        total = weight.sum(-1, keepdims=True)
        expected = np.where(total > 0, numerator / np.maximum(total, 1), 0)
        assert np.abs(given - expected).max() <= tolerances.weighted_mean_lsb(max(values.high, -values.low))

    def test_mean_of_nothing_is_zero(self):
        grid, values = Grid(0, 255, 0), Grid(-128, 127, 5)
        op = WeightedMean(values)
        nothing = fixed(np.zeros((1, 1, 2)), product_grid(grid, values, 4)), fixed(np.zeros((1, 1, 4)), grid)
        assert not codes(op(*nothing)).any()

    def test_mean_of_the_lowest_value_saturates_to_itself(self):
        grid = Grid(0, 255, 0)
        op = WeightedMean(Grid(-128, 127, 0))
        for total in range(1, 256):
            weight = np.array([[[total, 0, 0, 0]]])
            numerator = fixed(np.array([[[-128 * total]]]), product_grid(grid, Grid(-128, 127, 0), 4))
            assert codes(op(numerator, fixed(weight, grid))).item() == pytest.approx(-128, abs=1)


class TestAttention:
    GRIDS = (Grid(-128, 127, 5), Grid(-128, 127, 4), Grid(-128, 127, 6))

    def jets(self, rng: np.random.Generator, n: int, channels: int) -> tuple[FixedTensor, ...]:
        """Queries, keys, values and counts."""
        q, k, v = (fixed(spread(rng, (800, n, channels), grid), grid) for grid in self.GRIDS)
        return q, k, v, fixed(rng.integers(0, n + 1, (800, 1)), Grid(0, n, 0))

    @pytest.mark.parametrize(("n", "channels", "heads"), [(1, 4, 1), (5, 8, 2), (16, 16, 2), (32, 32, 4)])
    def test_error_and_surrogate(self, rng, n, channels, heads):
        op = Attention(n, channels, heads)
        q, k, v, count = self.jets(rng, n, channels)
        exact = op.eval()(q, k, v, count)
        assert exact.grid == v.grid
        real = count.value[:, 0].numpy() > 0
        expected = op.reference(*(x.value.double() for x in (q, k, v)), count.value).numpy() * 2.0**6
        assert np.abs(codes(exact)[real] - expected[real]).max() <= tolerances.ATTENTION_LSB
        assert not codes(exact)[~real].any()
        trained = op.train()(q, k, v, count)
        assert trained.grid == v.grid
        assert np.abs(codes(trained)[real] - codes(exact)[real]).max() <= tolerances.SURROGATE_ATTENTION_LSB

    def test_padding_does_not_matter(self, rng):
        op = Attention(6, 8, 2).eval()
        q, k, v, count = self.jets(rng, 6, 8)
        _, other_k, other_v, _ = self.jets(rng, 6, 8)
        real = (torch.arange(6) < count.value)[..., None]
        mixed_k, mixed_v = (
            FixedTensor(torch.where(real, a.value, b.value), a.grid) for a, b in ((k, other_k), (v, other_v))
        )
        assert torch.equal(op(q, k, v, count).value, op(q, mixed_k, mixed_v, count).value)

    def test_one_constituent_attends_to_itself(self, rng):
        op = Attention(5, 8, 2).eval()
        q, k, v, _ = self.jets(rng, 5, 8)
        one = fixed(np.ones((800, 1)), Grid(0, 5, 0))
        first = codes(v)[:, :1]
        assert np.abs(codes(op(q, k, v, one)) - first).max() <= tolerances.weighted_mean_lsb(128)


def test_products_beyond_float32_are_refused():
    a = fixed(np.zeros((1, 2, 3)), Grid(-2048, 2047, 0))
    assert exact_product("bij,bkj->bik", a, a, terms=3).grid == Grid(-3 * 2047 * 2048, 3 * 2048**2, 0)
    with pytest.raises(ExportError, match=r"product bij,bkj->bik: integers must fit 24 bits .* got 25 bits; give"):
        exact_product("bij,bkj->bik", a, a, terms=5)


class TestMeanPool:
    @pytest.mark.parametrize("rows", [1, 2, 5, 16, 32, 100, 128])
    def test_error(self, rng, rows):
        h = Grid(-2048, 2047, 9)
        op = MeanPool()
        integers = np.concatenate(
            [rng.integers(h.low, h.high + 1, (300, rows, 3)), rng.choice([h.low, h.high], (300, rows, 3))]
        )
        integers = np.concatenate([integers, np.full((rows + 1, rows, 3), h.high), np.full((rows + 1, rows, 3), h.low)])
        count = np.concatenate([rng.integers(0, rows + 1, 600), np.arange(rows + 1), np.arange(rows + 1)])
        given = codes(op(fixed(integers, h), fixed(count[:, None], Grid(0, rows, 0))))[:, 0]
        real = np.arange(rows)[:, None] < count[:, None, None]
        expected = np.where(real, integers, 0).sum(1) / np.maximum(count, 1)[:, None]
        assert (np.abs(given - expected) <= tolerances.mean_pool_lsb(rows, np.abs(expected))).all()
        assert not given[count == 0].any()

    def test_contents_beyond_the_count_do_not_matter(self, rng):
        h = Grid(-2048, 2047, 9)
        op = MeanPool()
        first, second = (rng.integers(h.low, h.high + 1, (80, 7, 2)) for _ in range(2))
        count = rng.integers(0, 8, (80, 1))
        mixed = np.where(np.arange(7)[:, None] < count[..., None], first, second)
        number = fixed(count, Grid(0, 7, 0))
        assert torch.equal(op(fixed(first, h), number).value, op(fixed(mixed, h), number).value)

    def test_surrogate(self, rng):
        h = Grid(-2048, 2047, 9)
        op = TrainableMeanPool(16)
        tensor, count = (
            fixed(rng.integers(h.low, h.high + 1, (300, 16, 4)), h),
            fixed(rng.integers(0, 17, (300, 1)), Grid(0, 16, 0)),
        )
        trained, exact = op.train()(tensor, count), op.eval()(tensor, count)
        difference = trained.value - exact.value
        assert difference.abs().max() * 2.0**h.fraction <= tolerances.SURROGATE_MEAN_POOL_LSB


class TestGradients:
    """Straight through: they exist, are finite, and are the surrogate's."""

    @pytest.mark.parametrize(
        ("op", "shapes"),
        [
            (TrainableLayerNorm(3, 8), [(3, 8)]),
            (TrainableGelu(Cut(8, **OBSERVER)), [(3, 8)]),
            (Attention(3, 8, 2), [(3, 8), (3, 8), (3, 8)]),
            (TrainableMeanPool(3), [(3, 8)]),
        ],
        ids=["layer_norm", "gelu", "attention", "mean_pool"],
    )
    def test_of_ops(self, op, shapes):
        grid = Grid(-128, 127, 5)
        values = [torch.randn(20, *shape, requires_grad=True) for shape in shapes]
        inputs = [FixedTensor(v, grid) for v in values]
        if not isinstance(op, TrainableLayerNorm | TrainableGelu):
            inputs.append(fixed(np.arange(20)[:, None] % 4, Grid(0, 3, 0)))
        result = op.train()(*inputs)
        (result.value * torch.randn(result.value.shape)).sum().backward()
        for value in values:
            assert value.grad is not None
            assert value.grad.isfinite().all()
            assert value.grad.abs().sum() > 0


def test_exact_integers_need_evaluation_mode():
    with pytest.raises(ExportError, match=r"exact integers need the network in evaluation mode; call \.eval\(\) first"):
        LayerNorm()(FixedTensor(torch.zeros(1, 1, 4), None))


def test_outputs_beyond_float32_are_refused():
    h = Grid(-(2**25), 2**25, 0)
    with pytest.raises(
        ExportError, match=r"output of mean_pool: integers must fit 24 bits to be exact in float32, got 26"
    ):
        MeanPool()(FixedTensor(torch.zeros(1, 2, 1), h), fixed(np.ones((1, 1)), Grid(0, 2, 0)))


class TestPrograms:
    """A program is written once for each op and each form of its inputs, and remembers nothing else."""

    def written(self, monkeypatch) -> list[TensorSpec]:
        """Note each program that is written."""
        built: list[TensorSpec] = []
        write = LayerNorm.bind
        monkeypatch.setattr(LayerNorm, "bind", lambda self, x: built.append(x) or write(self, x))
        op_module.bind.cache_clear()
        return built

    def test_once_for_each_form_of_the_inputs(self, monkeypatch):
        built = self.written(monkeypatch)
        first, second = Grid(-8, 7, 1), Grid(-8, 7, 2)
        for grid, rows, lanes in ((first, 1, 4), (first, 1, 4), (second, 1, 4), (first, 2, 4), (first, 1, 4)):
            LayerNorm()(FixedTensor(torch.zeros(3, rows, lanes), grid))
        assert built == [TensorSpec(first, 1, 4), TensorSpec(second, 1, 4), TensorSpec(first, 2, 4)]

    def test_equal_ops_share_it_and_others_do_not(self, monkeypatch):
        built = self.written(monkeypatch)
        x = FixedTensor(torch.ones(1, 1, 4), Grid(-8, 7, 1))
        for op in (LayerNorm(6), LayerNorm(6), LayerNorm(8), LayerNorm(6)):
            op(x)
        assert len(built) == 2

    def test_every_op_is_a_value(self):
        for cls in op_classes().values():
            assert dataclasses.is_dataclass(cls)
            assert cls.__dataclass_params__.frozen
            assert not issubclass(cls, torch.nn.Module)


@pytest.mark.parametrize("name", OP_CASES)
def test_ops_have_exact_borders(name):
    """Inputs and outputs of every op fit float32."""
    program = OP_CASES[name]()[0].program
    for port in (*program.inputs, *program.outputs):
        node = program.nodes[port.node]
        assert max(abs(node.low), abs(node.high)) <= 1 << 24
