"""Executors of an exported file: equal integers layer by layer, and what they refuse."""

from __future__ import annotations

import numpy as np
import pytest

from tests.helpers.jets import crafted_jets, random_jets
from tritag.errors import DataError
from tritag.export.executors import Executor, OnnxRuntimeExecutor, QonnxExecutor, TorchExecutor

K = 4


@pytest.fixture(params=["pytorch", "onnxruntime", "qonnx"])
def executor(request, exported_int8) -> Executor:
    """Every executor that needs no compiler."""
    e = exported_int8
    if request.param == "pytorch":
        return TorchExecutor(e.graph, e.tagger, e.model)
    return {"onnxruntime": OnnxRuntimeExecutor, "qonnx": QonnxExecutor}[request.param](e.graph, e.model)


def test_equal_layer_by_layer(exported, rng):
    (a, n), (b, m) = random_jets(rng, 100, K), crafted_jets(rng, K)
    codes, count = np.concatenate([a, b]), np.concatenate([n, m])
    reference = TorchExecutor(exported.graph, exported.tagger, exported.model)
    expected, logits = reference.layers(codes, count), reference.run(codes, count)
    assert len(expected) > 15
    for other in (OnnxRuntimeExecutor(exported.graph, exported.model), QonnxExecutor(exported.graph, exported.model)):
        given = other.layers(codes, count)
        assert set(given) == {layer.name for layer in exported.graph.layers}
        for name, values in expected.items():
            np.testing.assert_array_equal(given[name], values, err_msg=f"{other.name}: {name}")
        np.testing.assert_array_equal(other.run(codes, count), logits)
        np.testing.assert_array_equal(given["logit"].ravel(), logits)


def test_every_layer_stays_on_its_grid(exported, rng):
    codes, count = crafted_jets(rng, K)
    for name, values in OnnxRuntimeExecutor(exported.graph, exported.model).layers(codes, count).items():
        grid = exported.graph.grids[name]
        assert grid.low <= values.min(), name
        assert values.max() <= grid.high, name


def test_chunks_do_not_matter(executor, rng, monkeypatch):
    codes, count = random_jets(rng, 23, K)
    whole = executor.run(codes, count)
    seen: list[int] = []
    monkeypatch.setattr(type(executor), "chunk", 5)
    np.testing.assert_array_equal(executor.run(codes, count, progress=seen.append), whole)
    assert seen == [5, 5, 5, 5, 3]


def test_no_jets(executor):
    given = executor.run(np.zeros((0, K, 3), np.int64), np.zeros(0, np.int64))
    assert given.shape == (0,)
    assert given.dtype == np.int64


@pytest.mark.parametrize("dtype", [np.int16, np.int32, np.int64])
def test_any_integer_type(executor, rng, dtype):
    codes, count = random_jets(rng, 10, K)
    np.testing.assert_array_equal(executor.run(codes.astype(dtype), count.astype(dtype)), executor.run(codes, count))


class TestRefusals:
    @pytest.mark.parametrize("shape", [(7, 5, 3), (7, 4, 4), (7, 12)])
    def test_shape(self, executor, shape):
        with pytest.raises(
            DataError,
            match=r"codes must have shape \(n, 4, 3\) with one count each, got \(7, .*; choose the tagger's K",
        ):
            executor.run(np.zeros(shape, np.int64), np.zeros(7, np.int64))

    def test_number_of_counts(self, executor):
        with pytest.raises(DataError, match=r"got \(7, 4, 3\) and \(6,\)"):
            executor.run(np.zeros((7, K, 3), np.int64), np.zeros(6, np.int64))

    def test_floats(self, executor):
        with pytest.raises(DataError, match=r"codes and counts must be integers, got float64 and int64"):
            executor.run(np.zeros((7, K, 3)), np.zeros(7, np.int64))
        with pytest.raises(DataError, match=r"codes and counts must be integers, got int64 and float32"):
            executor.run(np.zeros((7, K, 3), np.int64), np.zeros(7, np.float32))

    @pytest.mark.parametrize("value", [-2049, 16384])
    def test_codes_out_of_range(self, executor, value):
        codes = np.zeros((7, K, 3), np.int64)
        codes[3, 2, 1] = value
        with pytest.raises(DataError, match=rf"codes must lie in \[-2048, 16383\], got \[.*{value}.*\]"):
            executor.run(codes, np.zeros(7, np.int64))

    @pytest.mark.parametrize("value", [-1, 5])
    def test_counts_out_of_range(self, executor, value):
        with pytest.raises(DataError, match=r"counts must lie in \[0, 4\], got \["):
            executor.run(np.zeros((1, K, 3), np.int64), np.array([value]))

    def test_layers_check_too(self, executor):
        with pytest.raises(DataError, match=r"codes and counts must be integers"):
            executor.layers(np.zeros((7, K, 3)), np.zeros(7, np.int64))

    def test_values_off_their_grid(self, executor, monkeypatch):
        off = np.full((2, 1, 1), 1e-9)
        monkeypatch.setattr(executor, "_outputs", lambda codes, count: off)
        with pytest.raises(
            DataError, match=rf"{executor.name}: values of logit must lie on their grid; the executor left"
        ):
            executor.run(np.zeros((2, K, 3), np.int64), np.zeros(2, np.int64))
