"""All executors side by side: jets a second on one core, with the same integers (``make bench`` prints the table)."""

from __future__ import annotations

import time

import numpy as np
import pytest
import torch

from tests.helpers.jets import random_jets
from tests.helpers.taggers import calibrated_tagger
from tritag.export.executors import Executor, OnnxRuntimeExecutor, QonnxExecutor, TorchExecutor
from tritag.export.graph import read_graph
from tritag.export.qonnx_file import export_model
from tritag.hls_projects.csim import CsimExecutor, compile_project
from tritag.hls_projects.emulator.executor import EmulatorExecutor
from tritag.hls_projects.emulator.library import compile_emulator
from tritag.hls_projects.package.cmssw_executor import CmsswExecutor
from tritag.hls_projects.package.cmssw_library import compile_cmssw
from tritag.hls_projects.target import load_target
from tritag.models.nets.registry import load_tagger_config

K, JETS, MANY = 16, 3000, 60_000


def _rate(executor: Executor, codes: np.ndarray, count: np.ndarray) -> float:
    """Jets a second, the best of three runs."""
    best = float("inf")
    for _ in range(3):
        began = time.perf_counter()
        executor.run(codes, count)
        best = min(best, time.perf_counter() - began)
    return len(count) / best


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", ["transformer-2k", "lloca-trigger-fast-2k"])
def test_executors(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    torch.set_num_threads(1)
    config = load_tagger_config(name)
    tagger = calibrated_tagger(K, "ternary", dict(config.sizes), config.network)
    model = export_model(tagger)
    graph = read_graph(model)
    began = time.perf_counter()
    library = compile_emulator(graph)
    compiled_s = time.perf_counter() - began
    executors: list[Executor] = [TorchExecutor(graph, tagger, model), OnnxRuntimeExecutor(graph, model)]
    project = compile_project(graph, load_target())
    executors += [QonnxExecutor(graph, model), CsimExecutor(graph, project, threads=1)]
    executors += [CmsswExecutor(graph, compile_cmssw(graph, project), threads=1)]
    codes, count = random_jets(np.random.default_rng(1), JETS, K)
    expected = executors[0].run(codes, count)
    rates = {}
    for executor in executors:
        assert np.array_equal(executor.run(codes, count), expected), executor.name
        rates[executor.name] = _rate(executor, codes, count)
    emulator = EmulatorExecutor(graph, library)
    assert np.array_equal(emulator.run(codes, count), expected)
    repeats = MANY // JETS
    rates[emulator.name] = _rate(emulator, np.tile(codes, (repeats, 1, 1)), np.tile(count, repeats))
    with capsys.disabled():
        print(f"\n{name}, K = {K}, jets/s on one core, 0 of {JETS} differ; emulator compiled in {compiled_s:.0f} s")  # noqa: T201
        for executor_name, rate in rates.items():
            print(f"  {executor_name:12s} {rate:10,.0f}")  # noqa: T201
    assert rates["emulator"] > 3 * rates["onnxruntime"]
