"""Trained taggers of every recipe with low-bit weights: PyTorch = ONNX Runtime = QONNX = hls4ml's C-simulation.

Small taggers after a few training steps, so that scales are frozen where a training leaves them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.helpers.jets import crafted_jets, random_jets
from tests.helpers.marks import often
from tests.helpers.taggers import TINY
from tritag.export.executors import OnnxRuntimeExecutor, QonnxExecutor, TorchExecutor
from tritag.export.graph import CutTo, Linear, read_graph
from tritag.export.qonnx_file import export_model
from tritag.hls_projects.csim import CsimExecutor, compile_project
from tritag.hls_projects.target import load_target
from tritag.hls_projects.verify import require_equal, verify
from tritag.models.jets.coded_jets import CodedJets
from tritag.models.nets.registry import TaggerConfig
from tritag.models.training.training import train
from tritag.quant.ops.attention import Attention
from tritag.quant.recipe import fresh_tagger, make_recipe, trained_tagger

K = 4
TRAINING = {"iterations": 24, "batch_size": 64, "learning_rate": 0.05, "validate_every": 24}
# So steep a way down that widths differ and weights are pruned after a few steps.
LEARNING = {**TRAINING, "iterations": 100, "learning_rate": 0.4, "validate_every": 100}
RECIPES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "int8-asymmetric": (TRAINING, {}),
    "int8-ternary-parq": (TRAINING, {}),
    "int8-ternary-incremental": (TRAINING, {}),
    "int8-binary": (TRAINING, {}),
    "int8-binary-parq": (TRAINING, {}),
    "learned-widths": (LEARNING, {"bit_penalty": 10.0}),
    "learned-bits": (LEARNING, {"bit_penalty": 10.0}),
    "learned-bits-ternary": (LEARNING, {"bit_penalty": 10.0}),
    "learned-bits-incremental": (LEARNING, {"bit_penalty": 10.0}),
}


def toy_jets(n: int, seed: int) -> CodedJets:
    """Jets with alternating labels."""
    codes, count = random_jets(np.random.default_rng(seed), n, K)
    return CodedJets(torch.from_numpy(codes), torch.from_numpy(count)[:, None], torch.arange(n) % 2)


# Their exported files have the form of another recipe's here; ONNX Runtime and QONNX run all in tests/quant.
LONG = (
    *("int8-ternary-parq", "int8-ternary-incremental", "int8-binary", "int8-binary-parq"),
    *("learned-bits", "learned-bits-ternary", "learned-bits-incremental"),
)


@pytest.fixture(scope="module", params=often(RECIPES, LONG))
def trained(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Any]:
    """Recipe and tagger, read back from its weights."""
    torch.set_num_threads(1)
    training, quant = RECIPES[request.param]
    tagger = TaggerConfig("transformer", K, dict(TINY))
    recipe = make_recipe(tagger, "tiny", request.param, training=training, quant=quant)
    folder = tmp_path_factory.mktemp("recipe")
    train(fresh_tagger(recipe), toy_jets(128, 1), toy_jets(64, 2), recipe.quant_training, folder, progress=False)
    return request.param, trained_tagger(recipe, folder / "weights.safetensors")


def test_equal_integers(trained, rng, tmp_path):
    precision, tagger = trained
    model = export_model(tagger)
    graph = read_graph(model)
    project = compile_project(graph, load_target(), log=Path(tmp_path) / "csim.log")
    executors = (
        TorchExecutor(graph, tagger, model),
        OnnxRuntimeExecutor(graph, model),
        QonnxExecutor(graph, model),
        CsimExecutor(graph, project),
    )
    (a, n), (b, m) = random_jets(rng, 300, K), crafted_jets(rng, K)
    codes, count = np.concatenate([a, b]), np.concatenate([n, m])
    require_equal(verify(executors, codes, count))
    assert len(np.unique(executors[-1].run(codes, count))) > 50
    hidden = [x for x in graph.layers if isinstance(x, Linear) and x.name.startswith("blocks")]
    assert len(hidden) == 6
    if precision == "int8-asymmetric":
        # Weights less their zero points: of one tensor at least, nine bits.
        assert max(int(np.abs(x.weight).max()) for x in hidden) > 127
    elif precision not in ("learned-bits", "learned-widths"):
        assert all(len(np.unique(x.weight)) <= (2 if "binary" in precision else 3) for x in hidden)
    if "learned" in precision:
        assert len({x.type.width for x in graph.layers if isinstance(x, CutTo)}) > 2
    if precision == "learned-widths":
        assert all(m.learned.bits() < 8 for m in tagger.modules() if isinstance(m, Attention))
