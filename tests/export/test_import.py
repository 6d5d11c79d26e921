"""Files of other people as integer programs: exact at every threshold, equal in the executors of ONNX."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.helpers.exact_onnx import evaluate, exact, round_exact
from tests.helpers.random_qonnx import ROUNDINGS, graphs
from tritag.export.executors import OnnxRuntimeExecutor, QonnxExecutor
from tritag.export.feature_vectors import extreme_features, join_features, random_features
from tritag.export.graph import read_graph
from tritag.export.importing.importer import Imported, import_model
from tritag.quant.requantize.multiply_shift import Thresholds, multiply_shift
from tritag.quant.requantize.rounding import rounded
from tritag.quant.requantize.step_function import Lane, step_function

N = 24


def check_exact(model: onnx.ModelProto, imported: Imported, n: int = N) -> int:
    """Compare a program with the file in rational numbers, and QONNX with ONNX Runtime; gives the distinct outputs."""
    graph = read_graph(imported.model)
    inputs = join_features(random_features(graph, n), extreme_features(graph, 8))
    codes = OnnxRuntimeExecutor(graph, imported.model).run(*inputs).reshape(len(inputs[0]), -1)
    np.testing.assert_array_equal(QonnxExecutor(graph, imported.model).run(*inputs).reshape(codes.shape), codes)
    (name,) = graph.inputs
    original, _ = imported.inputs[name]
    shape = [d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim]
    (scale,) = (imported.scales[name],)
    real = exact(inputs[0].reshape(-1, *shape[1:]).tolist()) * exact(scale.tolist())
    wanted = evaluate(model, {original: real}, imported.final).reshape(codes.shape)
    given_ = exact(codes.tolist()) * Fraction(graph.output_lsb)
    if model.graph.node[-1].op_type in ("Quant", "ReduceSum", "ReduceMax"):
        # A scale that is no power of two is given as a float64: the codes are exact.
        np.testing.assert_array_equal(np.rint((wanted / Fraction(graph.output_lsb)).astype(np.float64)), codes)
        assert (
            max(abs(float(a - b)) for a, b in zip(given_.ravel(), wanted.ravel(), strict=True)) < graph.output_lsb / 100
        )
    else:
        error = max(abs(a - b) for a, b in zip(given_.ravel(), wanted.ravel(), strict=True))
        assert error <= graph.output_lsb * 0.52
    return len(np.unique(codes))


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(graphs())
def test_random_graphs_are_exact(model: onnx.ModelProto) -> None:
    check_exact(model, import_model(model))


@pytest.mark.parametrize("mode", ROUNDINGS)
def test_roundings(mode: str) -> None:
    canonical = {"ROUND": "HALF_EVEN"}.get(mode, mode)
    for eighths in range(-40, 41):
        assert rounded(Fraction(eighths, 8), canonical) == round_exact(Fraction(eighths, 8), mode)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.floats(2**-12, 2**-2), st.floats(-50, 50), st.sampled_from(ROUNDINGS), st.integers(-5, 5), st.booleans())
def test_multiply_and_shift_everywhere(scale: float, offset: float, mode: str, zero: int, falling: bool) -> None:
    """The constants give the level of every integer of the interval, not of samples."""
    low, high = -1500, 1700
    canonical = {"ROUND": "HALF_EVEN"}.get(mode, mode)
    factor = Fraction(-scale if falling else scale)
    lane = Lane(((factor, Fraction(offset)),), Fraction(1), zero, -31, 32)
    t = step_function([lane], low, high, canonical, False)
    assert isinstance(t, Thresholds)
    levels = [
        min(max(round_exact(factor * x + Fraction(offset) + zero, mode), -31), 32) - zero for x in range(low, high + 1)
    ]
    np.testing.assert_array_equal(t.table(0), levels)
    found = multiply_shift(t, t.first, np.array([t.last(0)]))
    if found is not None:
        x = np.arange(low, high + 1)
        shifted = (x * found.factor[0] + found.offset[0]) >> found.shift
        np.testing.assert_array_equal(np.clip(shifted, t.first[0], t.last(0)), levels)
