"""What reproducibility holds for: integers do not depend on the number of threads, nor do trained weights."""

from __future__ import annotations

import numpy as np
import torch

from benchmarks.reproducibility import elsewhere, measure
from tests.helpers.jets import random_jets
from tests.helpers.taggers import TINY, calibrated_tagger
from tritag.export.executors import OnnxRuntimeExecutor, TorchExecutor
from tritag.export.graph import read_graph
from tritag.export.qonnx_file import export_model


def test_integers_and_files_do_not_depend_on_threads():
    before, codes_count = torch.get_num_threads(), random_jets(np.random.default_rng(0), 500, 4)
    found = []
    try:
        for threads in (1, 3):
            torch.set_num_threads(threads)
            tagger = calibrated_tagger(4, "int8", TINY)
            model = export_model(tagger)
            graph = read_graph(model)
            executors = TorchExecutor(graph, tagger, model), OnnxRuntimeExecutor(graph, model)
            answers = [executor.run(*codes_count).tolist() for executor in executors]
            found.append((model.SerializeToString(deterministic=True), answers[0], answers[1]))
    finally:
        torch.set_num_threads(before)
    assert found[0] == found[1]
    assert found[0][1] == found[0][2]


def test_integers_do_not_depend_on_kernels_and_threads(tmp_path):
    """The short form of ``python -m benchmarks.reproducibility``: plain kernels and two threads in another process."""
    weights = tmp_path / "weights.pt"
    here = measure(weights, steps=0)
    there = elsewhere(weights, "default", threads=2, steps=0)
    assert there["kernels"] in ("DEFAULT", "NO AVX")
    assert {name: here[name] for name in ("integers", "exported file")} == {
        name: there[name] for name in ("integers", "exported file")
    }
