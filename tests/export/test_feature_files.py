"""Files of an imported program's inputs: what verify and score take, and what they refuse in one line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from tests.export.test_import_files import WEIGHTS, model, node, quant
from tritag.api import import_file, score
from tritag.cli import run as tritag
from tritag.export.executors import OnnxRuntimeExecutor
from tritag.export.feature_vectors import random_features
from tritag.export.graph import read_graph
from tritag.export.importing.importer import import_model
from tritag.export.importing.original import compare_with_original
from tritag.pipeline import score_file

Run = Callable[..., int]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A run of a file with a last quantizer whose scale is no power of two."""
    monkeypatch.setenv("TRITAG_RUNS", str(tmp_path / "runs"))
    path = tmp_path / "net.onnx"
    nodes = [WEIGHTS, quant("x", "q"), node("MatMul", ["q", "wq"], "m"), quant("m", "y", "s2")]
    path.write_bytes(model(nodes).SerializeToString())
    return str(import_file(path).run.run.directory)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"x": np.zeros((0, 4), np.int64)}, "must hold at least one input, got 0 rows of x"),
        ({"x": np.int64(3)}, r"x must have shape (n, 1, 4), got ()"),
        ({"x": np.zeros((5, 7), np.int64)}, r"x must have shape (n, 1, 4), got (5, 7)"),
        ({"x": np.full((5, 4), 99)}, "x must lie in [-16, 15], got [99, 99]"),
        ({"x": np.zeros((5, 4))}, "must be an .npz file of integers"),
        ({"y": np.zeros((5, 4), np.int64)}, "must hold the arrays x; x missing"),
    ],
)
def test_feature_files_that_are_refused(
    content: dict[str, np.ndarray], message: str, run: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "features.npz"
    np.savez(file, **content)
    for command in (
        ["verify", run, "--jets", str(file), "--executors", "onnxruntime,qonnx"],
        ["score", run, "--jets", str(file), "--out", str(tmp_path / "s.npz"), "--executor", "onnxruntime"],
    ):
        assert tritag(command) == 2
        said = capsys.readouterr().err
        assert message in said
        assert str(file) in said
        assert "Traceback" not in said
    assert not (tmp_path / "s.npz").exists()


def test_score_of_an_imported_program(
    run: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In chunks, continued where it was broken off; integers, unit and names are those of ``tritag.score``."""
    monkeypatch.setattr(score_file, "CHUNK_JETS", 7)
    features = np.random.default_rng(4).integers(-16, 16, (30, 4))
    file, out = tmp_path / "features.npz", tmp_path / "scores.npz"
    np.savez(file, x=features)
    command = ["score", run, "--jets", str(file), "--out", str(out), "--executor", "onnxruntime"]
    with monkeypatch.context() as patch:
        given = score_file._parts
        patch.setattr(score_file, "_parts", lambda x, done: (c for i, c in enumerate(given(x, done)) if i < 2 or 1 / 0))
        with pytest.raises(ZeroDivisionError):
            score_file.score_file(_opened(run), file, out, "onnxruntime", progress=False)
    assert tritag([*command, "--split", "test"]) == 2
    assert "have no splits, got split 'test'" in capsys.readouterr().err
    assert tritag([*command, "--json"]) == 0
    assert '"resumed": 14' in capsys.readouterr().out
    expected = score(run, features, executor="onnxruntime")
    with np.load(out) as scores:
        np.testing.assert_array_equal(scores["integers"], expected.integers)
        assert len(np.unique(scores["integers"])) > 5
        assert (float(scores["lsb"]), tuple(scores["names"])) == (expected.lsb, expected.names)
    assert expected.lsb == pytest.approx(0.31)


def test_verify_warns_where_the_original_is_another_network(run: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Equal executors of a program that is not the file's: a warning, and the exit status of equal executors."""
    command = ["verify", run, "--executors", "onnxruntime,qonnx", "--n-max", "40"]
    assert tritag(command) == 0
    assert "warning" not in capsys.readouterr().err
    path = Path(run) / "original.onnx"
    spoiled = onnx.load(path)
    (weights,) = [i for i in spoiled.graph.initializer if i.name == "w"]
    weights.CopyFrom(numpy_helper.from_array(-numpy_helper.to_array(weights), "w"))
    imported = import_model(onnx.load(path))
    graph = read_graph(imported.model)
    inputs = random_features(graph, 40)
    answers = OnnxRuntimeExecutor(graph, imported.model).run(*inputs)
    found = compare_with_original(spoiled, imported, {"x": inputs[0]}, answers, graph.output_lsb)
    assert [c.runtime for c in found if c.beyond_ties] == ["qonnx", "onnxruntime"]
    assert "look at cut_y, where codes differ by up to" in found[0].warning
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tritag.pipeline.verify.compare_with_original", lambda *given: found)
        assert tritag(command) == 0
    said = capsys.readouterr().err
    assert f"warning: {found[0].warning}" in said


def _opened(run: str) -> score_file.OpenedRun:
    from tritag.pipeline.opened import open_run

    return open_run(run)
