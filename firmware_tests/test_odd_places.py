"""Real compilers and simulators in folders with blanks, quotes and letters beyond ASCII, three commands at once."""

from __future__ import annotations

import ctypes
import multiprocessing
from pathlib import Path

import numpy as np
import onnx
import pytest
from torch import nn

from tests.helpers.foreign import _act, _linear, exported
from tritag.export.feature_vectors import load_vectors
from tritag.export.graph import read_graph
from tritag.export.naming import Naming
from tritag.hls_projects.csim import CsimExecutor, compile_project
from tritag.hls_projects.target import load_target
from tritag.pipeline.csim import csim_run
from tritag.pipeline.import_file import import_run
from tritag.pipeline.opened import OpenedRun
from tritag.pipeline.rtl import rtl_run
from tritag.pipeline.synth import synth_run


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where everything lies: runs, cache, and the tools' temporary files."""
    place = tmp_path / 'it\'s an "odd" place ü'
    for name, variable in (("my runs", "TRITAG_RUNS"), ("my cache", "TRITAG_CACHE"), ("t'mp", "TMPDIR")):
        (place / name).mkdir(parents=True)
        monkeypatch.setenv(variable, str(place / name))
    return place


def imported(place: Path, seed: int) -> OpenedRun:
    """A run of the smallest file: one neuron of two inputs."""
    network = nn.Sequential(_act(6), _linear(2, 1, 4, False))
    onnx.save(exported(network, 2, seed=seed), place / f"my file {seed}.onnx")
    return import_run(place / f"my file {seed}.onnx").run


def _answers(opened: OpenedRun) -> tuple[CsimExecutor, tuple[np.ndarray, ...], np.ndarray]:
    graph = read_graph(opened.run.require("model.qonnx.onnx"))
    inputs, expected = load_vectors(opened.run.require("vectors.npz"), graph)
    project = compile_project(graph, load_target(), naming=Naming.of_run(opened.name))
    ctypes.CDLL(str(project.library), mode=ctypes.RTLD_GLOBAL)
    return CsimExecutor(graph, project), inputs, expected


def test_every_tool_in_an_odd_place(place: Path) -> None:
    one, other = imported(place, 1), imported(place, 2)
    context = multiprocessing.get_context("fork")
    commands = [context.Process(target=csim_run, args=(one,)) for _ in range(3)]
    for command in commands:
        command.start()
    for command in commands:
        command.join()
    assert [command.exitcode for command in commands] == [0, 0, 0]
    assert csim_run(other).golden.differ == 0
    rtl_run(one, jets=10).require_right()
    assert synth_run(one).whole is not None
    # Both libraries in one process, all their symbols in one space: each still answers as itself.
    loaded = [_answers(one), _answers(other)]
    for executor, inputs, expected in loaded:
        np.testing.assert_array_equal(executor.run(*inputs).reshape(expected.shape), expected)
    assert not np.array_equal(loaded[0][2], loaded[1][2])
    assert not list((place / "t'mp").iterdir())
    assert not list(place.rglob(".tritag"))
