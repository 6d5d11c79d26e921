"""A jet without candidates has a defined score in every form of a tagger, and no other jet is touched."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.helpers.heads import HEAD
from tests.helpers.jets import random_jets
from tests.helpers.pins import NETWORKS
from tests.helpers.rtl import timing
from tests.helpers.taggers import TINY, calibrated_tagger
from tritag.configs import plain_settings
from tritag.errors import ConfigError
from tritag.export.executors import OnnxRuntimeExecutor, QonnxExecutor, TorchExecutor
from tritag.export.graph import read_graph
from tritag.export.qonnx_file import export_model
from tritag.export.rtl.design.design import build
from tritag.models.layers.tagger import Tagger
from tritag.models.nets.head import BINARY, HeadConfig
from tritag.models.nets.registry import TaggerConfig, make_tagger
from tritag.quant.config import QuantConfig
from tritag.quant.formats.fixed import Grid
from tritag.quant.formats.tensor import FixedTensor
from tritag.quant.layers.tagger import QuantTagger
from tritag.quant.ops.empty_jet import EmptyJet
from tritag.quant.simulated.tagger import SimulatedTagger

K = 3
CHOSEN = HeadConfig(classes=("g", "W", "t"), empty_jet_scores=(0.3, -1.0, -1e9))


def scores(tagger: QuantTagger, codes: np.ndarray, count: np.ndarray) -> tuple[np.ndarray, np.ndarray, Grid]:
    """Integers (n, outputs) of the tagger, of the network without the op, and their grid."""
    given = torch.from_numpy(codes), torch.from_numpy(count)[:, None]
    with torch.no_grad():
        inputs = tagger.inputs(*given)
        outputs = tagger.score(inputs, given[1])
        network = tagger.tagger.score(inputs, FixedTensor(given[1].float(), Grid(0, K, 0)))
    assert outputs.known_grid() == network.known_grid()
    return outputs.integers().flatten(1).numpy(), network.integers().flatten(1).numpy(), network.known_grid()


@pytest.mark.parametrize("network", ["transformer", "lgatr-slim"])
def test_only_empty_jets_change(rng, network):
    name, sizes = NETWORKS[network]
    tagger = calibrated_tagger(K, "ternary", dict(sizes), name)
    codes, count = random_jets(rng, 200, K)
    given, before, grid = scores(tagger, codes, count)
    empty = count == 0
    assert empty.sum() > 20
    np.testing.assert_array_equal(given[~empty], before[~empty])
    assert (before[empty] > grid.low).all()
    assert (given[empty] == grid.low).all()


def test_every_executor_of_the_file_knows_the_score(rng):
    """The defaults go through all executors in firmware_tests/test_tagger.py."""
    tagger = calibrated_tagger(K, "int8", TINY, head=CHOSEN)
    model = export_model(tagger)
    graph = read_graph(model)
    codes, count = random_jets(rng, 40, K)
    count[:4] = 0  # candidates behind the count make no jet
    grid = graph.grids[graph.outputs[0]]
    expected = [round(0.3 * 2**grid.fraction), -(2**grid.fraction), grid.low]
    for executor in (
        TorchExecutor(graph, tagger, model),
        OnnxRuntimeExecutor(graph, model),
        QonnxExecutor(graph, model),
    ):
        found = executor.run(codes, count).reshape(len(codes), -1)
        assert (found[count == 0] == expected).all(), executor.name
        assert not (found[count > 0] == expected).all(axis=1).any(), executor.name


def test_an_empty_jet_is_never_signal():
    """Whatever is cut on: the probability of signal, a score, or the difference of two."""
    low, high = -3.0, 5.0
    assert BINARY.scores_of_empty_jet(low, high) == (low,)
    empty = dict(zip(HEAD.output_names, HEAD.scores_of_empty_jet(low, high), strict=True))
    assert empty == {"g": high, "q": high, "W": low, "Z": low, "t": low, "pt": 0.0, "mass": 0.0}


@pytest.mark.parametrize("bad", [(1.0, 2.0), (float("nan"),), (float("inf"),)])
def test_scores_that_cannot_be(bad):
    with pytest.raises(ConfigError, match=r"head.empty_jet_scores must hold a finite number for each output \(logit\)"):
        HeadConfig(empty_jet_scores=bad)


def test_runs_of_before_keep_their_digest():
    assert "head" not in plain_settings(TaggerConfig("transformer", K, TINY))
    assert "empty_jet_scores" not in plain_settings(TaggerConfig("transformer", K, TINY, head=HEAD))["head"]


def float_taggers() -> dict[str, Tagger]:
    """A float tagger and a simulated one with a score of their own for empty jets."""
    config = TaggerConfig("transformer", K, dict(TINY), head=HeadConfig(empty_jet_scores=(-7.5,)))
    simulated = SimulatedTagger(config, QuantConfig(activations="asymmetric-dynamic"))
    plain = make_tagger(dataclasses.replace(config, head=BINARY))
    return {"float": make_tagger(config), "simulated": simulated, "default": plain}


@pytest.mark.parametrize("name", ["float", "simulated", "default"])
def test_float_taggers_have_it_where_they_are_measured(rng, name):
    tagger = float_taggers()[name]
    codes, count = (torch.from_numpy(x) for x in random_jets(rng, 50, K))
    count = count[:, None]
    inputs = tagger.inputs(codes.double(), count)
    with torch.no_grad():
        trained, measured = tagger.train().outputs(inputs, count), tagger.eval().outputs(inputs, count)
    empty = count[:, 0] == 0
    assert (measured[empty] == (-64.0 if name == "default" else -7.5)).all()
    assert not (trained[empty] == measured[empty]).any()
    if name != "simulated":
        assert torch.equal(trained[~empty], measured[~empty])


def test_it_costs_few_luts_and_no_cycle():
    """The figures of docs/ops/empty_jet.md: the design with the op beside the one without."""
    graph = read_graph(export_model(calibrated_tagger(K, "ternary", {**TINY, "channels": 16})))
    with_op = build(graph, timing(54), K)
    op = graph.layers.pop()
    graph.outputs = [op.sources[0]]
    without = build(graph, timing(54), K)
    assert with_op.latency_cycles == without.latency_cycles
    luts, registers = (with_op.estimate()[n] - without.estimate()[n] for n in ("lut", "ff"))
    page = Path(__file__).parents[2] / "docs" / "ops" / "empty_jet.md"
    text = f"{graph.grids[op.name].type.width} bits: {luts} LUTs, {registers} registers and no cycle"
    assert text in " ".join(page.read_text(encoding="utf-8").split())


def test_one_score_for_every_output():
    with pytest.raises(ConfigError, match="a score for each of 2 outputs, got 1"):
        EmptyJet((3,))(FixedTensor(torch.zeros(1, 1, 2), Grid(-4, 3, 0)), FixedTensor(torch.zeros(1, 1), Grid(0, 3, 0)))
