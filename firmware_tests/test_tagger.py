"""Whole taggers: PyTorch = ONNX Runtime = QONNX = hls4ml's C-simulation, integer by integer.

Weights are random, ranges are observed. Compiling a tagger takes long; the libraries are kept (TRITAG_CACHE).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from onnx import ModelProto

from tests.helpers.jets import Jets, crafted_jets, random_jets
from tests.helpers.marks import often
from tests.helpers.taggers import FAST, MINI, SEED, TINY, calibrated_tagger
from tritag.data.simulation.sample import read_sample
from tritag.export.executors import Executor, OnnxRuntimeExecutor, QonnxExecutor, TorchExecutor
from tritag.export.graph import read_graph
from tritag.export.qonnx_file import export_model
from tritag.hls_projects.csim import CsimExecutor, compile_project
from tritag.hls_projects.target import load_target
from tritag.hls_projects.verify import first_different_layer, require_equal, verify
from tritag.models.jets.coded_jets import CodedJets
from tritag.models.nets.head import BINARY, HeadConfig
from tritag.quant.layers.tagger import QuantTagger

SMALL = {"blocks": 1, "channels": 8, "heads": 2, "mlp_factor": 2}
FRAMES = {"frames": "global", "frames_net": "pairs", "frames_hidden": 4}
TRIGGER = FRAMES | {"frames_net": "tokens", "features": "directions"}
PART = {"embed": [8], "pair_embed": [4], "heads": 2, "mlp_factor": 1}
SLIM = {"vectors": 2, "scalars": 4, "blocks": 2, "heads": 1, "mlp_factor": 1}

HEADS = {"seven-outputs-int8": HeadConfig(classes=("g", "q", "W", "Z", "t"), regression=("pt", "mass"))}

# Network, constituents, weights, sizes, and whether the C-simulation shows every layer.
TAGGERS = {
    "transformer-2k-ternary": ("transformer", 16, "ternary", MINI, False),
    "small-int8": ("transformer", 5, "int8", SMALL, True),
    "local-lloca-int8": ("lloca", 4, "int8", MINI | FRAMES | {"frames": "local"}, False),
    "global-lloca-ternary": ("lloca", 4, "ternary", SMALL | FRAMES, False),
    "trigger-lloca-ternary": ("lloca", 6, "ternary", SMALL | TRIGGER, False),
    "fast-lloca-int8": ("lloca", 5, "int8", SMALL | FRAMES | FAST, False),
    "seed-lloca-ternary": ("lloca-seed", 5, "ternary", SMALL | SEED, False),
    "part-int8": ("part", 5, "int8", PART, False),
    "seven-outputs-int8": ("transformer", 4, "int8", TINY, False),
    "lgatr-slim-ternary": ("lgatr-slim", 4, "ternary", SLIM, False),
}

# Left to make test-all: test_instructions.py compiles their ops one by one, test_words.py a head of three classes.
LONG = (
    *("seven-outputs-int8", "global-lloca-ternary", "trigger-lloca-ternary", "local-lloca-int8", "part-int8"),
    "seed-lloca-ternary",
)


@dataclass(frozen=True)
class Chain:
    """A tagger with its executors, PyTorch first; ``trace``: the C-simulation shows every layer."""

    k: int
    trace: bool
    tagger: QuantTagger
    model: ModelProto
    executors: tuple[Executor, ...]

    @property
    def csim(self) -> CsimExecutor:
        """The C-simulation."""
        return self.executors[-1]  # type: ignore[return-value]


@pytest.fixture(scope="session", params=often(TAGGERS, LONG))
def chain(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Chain:
    """A tagger through the whole chain; compiled once."""
    torch.set_num_threads(1)
    network, k, weights, sizes, trace = TAGGERS[request.param]
    tagger = calibrated_tagger(k, weights, sizes, network, head=HEADS.get(request.param, BINARY))
    model = export_model(tagger)
    graph = read_graph(model)
    log = Path(tmp_path_factory.mktemp("csim")) / "csim.log"
    project = compile_project(graph, load_target(), trace=trace, log=log)
    executors = (
        TorchExecutor(graph, tagger, model),
        OnnxRuntimeExecutor(graph, model),
        QonnxExecutor(graph, model),
        CsimExecutor(graph, project),
    )
    return Chain(k, trace, tagger, model, executors)


def sample(k: int) -> Jets:
    """The jets that travel with the package."""
    jets = CodedJets.from_batch(read_sample(), k)
    return jets.codes.numpy().astype(np.int64), jets.count.numpy().ravel()


def test_sample_jets(chain):
    codes, count = sample(chain.k)
    assert len(count) == 400
    verdicts = verify(chain.executors, codes, count)
    require_equal(verdicts)
    assert [v.jets for v in verdicts] == [400] * 4


def test_crafted_jets(chain, rng):
    codes, count = crafted_jets(rng, chain.k)
    assert set(count) == set(range(chain.k + 1))
    require_equal(verify(chain.executors, codes, count))


def test_a_jet_without_candidates_has_its_defined_score(chain, rng):
    """Of all executors, whatever stands behind the count."""
    codes, count = random_jets(rng, 20, chain.k)
    graph = chain.csim.graph
    grid, head = graph.grids[graph.outputs[0]], chain.tagger.config.head
    expected = [{**dict.fromkeys(head.qcd, grid.high), "pt": 0, "mass": 0}.get(n, grid.low) for n in head.output_names]
    for executor in chain.executors:
        found = executor.run(codes, np.zeros_like(count)).reshape(len(count), -1)
        assert (found == expected).all(), executor.name


def test_random_jets(chain, rng):
    require_equal(verify(chain.executors, *random_jets(rng, 1000, chain.k)))


def test_random_codes_of_the_whole_domain(chain, rng):
    grid = chain.csim.graph.grids["codes"]
    codes = rng.integers(grid.low, grid.high + 1, (500, chain.k, 3))
    codes[::2] = rng.choice([grid.low, -1, 0, 1, grid.high], (250, chain.k, 3))
    require_equal(verify(chain.executors, codes, rng.integers(0, chain.k + 1, 500)))


def test_logits_tell_jets_apart(chain):
    """The comparison is of numbers that vary: an executor that answers with a constant would not pass."""
    codes, count = sample(chain.k)
    outputs = chain.csim.run(codes, count).reshape(len(codes), -1)
    assert outputs.shape[1] == chain.tagger.config.head.n_outputs
    assert all(len(np.unique(column)) > 100 for column in outputs.T)
    assert len(np.unique(outputs, axis=0)) > 200


def test_every_layer(chain, rng):
    """Integers of all tensors on the way, those of the C-simulation too where it was compiled to show them."""
    (a, n), (b, m) = random_jets(rng, 60, chain.k), crafted_jets(rng, chain.k)
    jets = np.concatenate([a, b]), np.concatenate([n, m])
    reference, onnxruntime, qonnx, csim = chain.executors
    assert first_different_layer(reference, onnxruntime, *jets) is None
    assert first_different_layer(reference, qonnx, *jets) is None
    if chain.trace:
        assert first_different_layer(onnxruntime, csim, *jets) is None
        wanted = {x.name for x in csim.graph.layers if type(x).__name__ != "Reshape"}
        assert wanted <= set(csim.layers(*jets))


def test_threads_do_not_matter(chain, rng):
    codes, count = random_jets(rng, 200, chain.k)
    one, many = (
        CsimExecutor(chain.csim.graph, chain.csim.project, 1),
        CsimExecutor(chain.csim.graph, chain.csim.project, 4),
    )
    np.testing.assert_array_equal(one.run(codes, count), many.run(codes, count))


def test_order_of_jets_does_not_matter(chain, rng):
    """No state is left from one jet to the next."""
    codes, count = random_jets(rng, 200, chain.k)
    order = rng.permutation(200)
    np.testing.assert_array_equal(chain.csim.run(codes[order], count[order]), chain.csim.run(codes, count)[order])


def test_compiled_once(chain):
    again = compile_project(chain.csim.graph, load_target(), trace=chain.trace)
    assert again.cached
    assert again.library == chain.csim.project.library
