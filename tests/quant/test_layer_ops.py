"""Ops of activations, pools, sums, products and softmax against float64, on random grids and at their edges."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.helpers.tolerances import softmax_lsb
from tritag.errors import ConfigError, ExportError
from tritag.models.layers import activations, broadcast, pool
from tritag.models.layers.activations import Clip
from tritag.models.layers.linear import Linear
from tritag.models.layers.mixing import Conv1x1, LinearNorm
from tritag.quant.config import QuantConfig
from tritag.quant.formats.fixed import Grid
from tritag.quant.formats.tensor import FixedTensor
from tritag.quant.layers.factory import QuantLayers
from tritag.quant.ops.activation import CURVES, Clamp, Relu, Table
from tritag.quant.ops.combined import Add, EdgeSum, Multiply
from tritag.quant.ops.op import TensorSpec
from tritag.quant.ops.pools import MaskTokens, MaxPool, SlotMean, SumPool
from tritag.quant.ops.softmax import Softmax

QUICK = settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
JETS = 12


@st.composite
def grids(draw: st.DrawFn, most_bits: int = 10) -> Grid:
    """Signed, one-sided and lopsided grids."""
    low, high = sorted(draw(st.tuples(*[st.integers(-(1 << (most_bits - 1)), (1 << (most_bits - 1)) - 1)] * 2)))
    return Grid(low, max(high, low + 1), draw(st.integers(-2, 8)))


@dataclass(frozen=True)
class Drawn:
    """Integers with the ends of their grid among them, and what they are worth."""

    grid: Grid
    integers: np.ndarray

    @property
    def value(self) -> np.ndarray:
        return self.integers * 2.0**-self.grid.fraction

    @property
    def tensor(self) -> FixedTensor:
        return FixedTensor.from_integers(torch.from_numpy(self.integers), self.grid)


@st.composite
def tensors(draw: st.DrawFn, rows: int, lanes: int, most_bits: int = 10) -> Drawn:
    grid = draw(grids(most_bits))
    rng = np.random.default_rng(draw(st.integers(0, 1 << 30)))
    integers = rng.integers(grid.low, grid.high + 1, (JETS, rows, lanes))
    integers[0], integers[1] = grid.low, grid.high
    return Drawn(grid, integers)


def counts(rows: int) -> tuple[FixedTensor, np.ndarray]:
    """Every number of real rows, as a tensor and as a mask (JETS, rows, 1)."""
    count = np.arange(JETS)[:, None, None] % (rows + 1)
    return FixedTensor(torch.from_numpy(count).float(), Grid(0, rows, 0)), np.arange(rows)[:, None] < count


def check_rounded(y: FixedTensor, grid: Grid, value: np.ndarray) -> None:
    """``y`` is ``value``, rounded half to even and saturated: no LSB of error."""
    np.testing.assert_array_equal(y.integers().numpy(), np.rint(value * 2.0**grid.fraction).clip(grid.low, grid.high))
    assert y.known_grid().low >= grid.low
    assert y.known_grid().high <= grid.high


@QUICK
@given(x=tensors(2, 3), y=grids())
def test_relu(x, y):
    check_rounded(Relu(y)(x.tensor), y, np.maximum(x.value, 0))


@QUICK
@given(x=tensors(2, 3), y=grids(), ends=st.tuples(st.floats(-8, 0), st.floats(0.1, 8)))
def test_clamp(x, y, ends):
    low, high = (min(max(round(end * 2.0**y.fraction), y.low), y.high) for end in ends)
    expected = np.rint(x.value * 2.0**y.fraction).clip(low, high)
    np.testing.assert_array_equal(Clamp(y, *ends)(x.tensor).integers().numpy(), expected)


@QUICK
@given(x=tensors(1, 40), y=grids(), curve=st.sampled_from(sorted(CURVES)))
def test_table(x, y, curve):
    function = np.tanh if curve == "tanh" else lambda v: 0.5 * (1 + np.tanh(v / 2))
    scaled = (function(x.value) * 2.0**y.fraction).clip(y.low, y.high)
    error = np.abs(Table(y, curve)(x.tensor).integers().numpy() - scaled)
    assert error.max() <= 0.5 + 1e-9


def test_table_of_a_wide_tensor_is_refused():
    wide = TensorSpec(Grid(-(1 << 19), 1 << 19, 8), 1, 1)
    with pytest.raises(ExportError, match=r"a table of tanh must have at most 16384 entries, .*; cut the tensor"):
        Table(Grid(-128, 127, 7), "tanh").bind(wide)


@QUICK
@given(x=tensors(4, 2), y=grids(14))
def test_sum_pool(x, y):
    count, mask = counts(4)
    check_rounded(SumPool(y)(x.tensor, count), y, (x.value * mask).sum(1, keepdims=True))


@QUICK
@given(x=tensors(4, 2))
def test_slot_mean(x):
    count, mask = counts(4)
    y = Grid(min(x.grid.low, 0), max(x.grid.high, 0), x.grid.fraction)
    check_rounded(SlotMean()(x.tensor, count), y, (x.value * mask).sum(1, keepdims=True) / 4)


@QUICK
@given(x=tensors(4, 2))
def test_choices_are_exact(x):
    count, mask = counts(4)
    masked = np.where(mask, x.integers, x.grid.low - 1).max(1, keepdims=True)
    expected = np.where(mask.any(1, keepdims=True), masked, 0)
    np.testing.assert_array_equal(MaxPool()(x.tensor, count).integers().numpy(), expected)
    np.testing.assert_array_equal(MaskTokens()(x.tensor, count).integers().numpy(), x.integers * mask)


@QUICK
@given(x=tensors(3, 2), other=st.sampled_from([1, 3]).flatmap(lambda rows: tensors(rows, 2)), y=grids(14))
def test_sums_and_products(x, other, y):
    check_rounded(Add(y)(x.tensor, other.tensor), y, x.value + other.value)
    check_rounded(Add(y)(other.tensor, x.tensor), y, x.value + other.value)
    check_rounded(Multiply(y)(x.tensor, other.tensor), y, x.value * other.value)


@QUICK
@given(x=tensors(4, 2), other=tensors(4, 2), y=grids(14))
def test_edge_sum(x, other, y):
    count, mask = counts(4)
    edges = np.maximum(x.value[:, :, None] + other.value[:, None], 0)
    edges = edges * (mask[:, None] & ~np.eye(4, dtype=bool)[..., None])
    check_rounded(EdgeSum(y)(x.tensor, other.tensor.reshape(-1, 1, 8), count), y, edges.sum(2))


@QUICK
@given(x=tensors(2, 5), bits=st.integers(2, 12))
def test_softmax(x, bits):
    weights = np.exp(x.value - x.value.max(-1, keepdims=True))
    expected = weights / weights.sum(-1, keepdims=True) * 2.0**bits
    y = Softmax(bits)(x.tensor)
    assert np.abs(y.integers().numpy() - expected).max() <= softmax_lsb(bits, x.grid.fraction > 6)
    assert (y.known_grid().low >= 0) & (y.known_grid().high <= 1 << bits)
    assert y.known_grid().fraction == bits


def test_softmax_of_equal_values_is_equal():
    x = FixedTensor(torch.full((1, 1, 4), 0.5), Grid(-8, 7, 1))
    assert Softmax(8)(x).integers().flatten().tolist() == [64] * 4
    alone = FixedTensor(torch.zeros(1, 1, 1), Grid(-8, 7, 1))
    assert Softmax(8)(alone).integers().item() == 256


@pytest.mark.parametrize("shapes", [((3, 4), (3, 5)), ((3, 4), (2, 4))])
def test_shapes_that_do_not_fit_are_refused(shapes):
    (a, b), (c, d) = shapes
    with pytest.raises(ExportError, match=rf"add must have two inputs .* got \({a}, {b}\) and \({c}, {d}\)"):
        Add(Grid(-8, 7, 0)).bind(TensorSpec(Grid(-8, 7, 0), a, b), TensorSpec(Grid(-8, 7, 0), c, d))


def test_surrogates_are_what_the_programs_compute():
    """In training the float layer and its cut give the integers of the program that is exported."""
    torch.manual_seed(3)
    layers = QuantLayers(QuantConfig(), 4)
    grid = Grid(-128, 127, 5)
    x = FixedTensor(torch.randint(-128, 128, (64, 4, 3)) / 32, grid)
    row = FixedTensor(torch.randint(-128, 128, (64, 1, 3)) / 32, grid)
    count = FixedTensor((torch.arange(64) % 5)[:, None].float(), Grid(0, 4, 0))
    cases = [
        *[(layers(kind), (x,)) for kind in (activations.Relu, activations.Clip)],
        *[(layers(kind, 4), (x, count)) for kind in (pool.SumPool, pool.SlotMean, pool.MaxPool, pool.MaskTokens)],
        *[(layers(kind), (x, row)) for kind in (broadcast.Add, broadcast.Multiply)],
        (layers(broadcast.EdgeSum, 4), (x, x, count)),
    ]
    for layer, inputs in cases:
        trained, exact = layer.train()(*inputs).value, layer.eval()(*inputs).value
        assert torch.equal(trained, exact), layer
    for kind in (activations.Sigmoid, activations.Tanh, activations.Softmax):
        layer = layers(kind)
        trained, exact = layer.train()(x), layer.eval()(x)
        lsb = 2.0 ** -exact.known_grid().fraction
        assert (trained.value - exact.value).abs().max() <= lsb * (2 if kind is activations.Softmax else 1)


def test_batch_norm_is_folded_into_the_weights():
    torch.manual_seed(5)
    network = LinearNorm(3, 4, 2)
    with torch.no_grad():
        network.norm.weight.uniform_(-2, 2), network.norm.bias.normal_()
        network.norm.running_mean.normal_(), network.norm.running_var.uniform_(0.2, 3)
    quantized = QuantLayers(QuantConfig(), 2)(LinearNorm, 3, 4, 2)
    missing, unexpected = quantized.load_state_dict(network.state_dict(), strict=False)
    assert not unexpected
    assert not [name for name in missing if name.endswith(("weight", "bias"))]
    x, count = torch.randn(9, 2, 3), torch.full((9, 1), 2)
    folded = x @ quantized.linear.weight.T + quantized.linear.bias
    assert torch.allclose(folded, network.eval()(x, count), atol=1e-5)


def test_convolution_takes_the_weights_of_torch():
    convolution, layer = torch.nn.Conv1d(3, 4, 1), Conv1x1(3, 4)
    layer.load_state_dict(convolution.state_dict())
    x = torch.randn(2, 5, 3)
    assert torch.allclose(layer(x), convolution(x.transpose(1, 2)).transpose(1, 2), atol=1e-6)
    assert isinstance(layer, Linear)


def test_clip_needs_an_interval():
    with pytest.raises(ConfigError, match="a clip must have low < high, got 1 and 1"):
        Clip(1.0, 1.0)
