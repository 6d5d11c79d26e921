"""Words in, words out: the definition in numpy, the native emulator, the C-simulation and the Verilog, bit by bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.helpers.jets import random_jets, with_fields
from tests.helpers.marks import often
from tests.helpers.rtl import timing
from tests.helpers.taggers import TINY, calibrated_tagger
from tritag.data.jets.candidate_grid import PLAIN, CandidateInputs, load_grid
from tritag.data.jets.crafted import crafted_codes
from tritag.errors import CheckFailed
from tritag.export.executors import OnnxRuntimeExecutor
from tritag.export.graph import read_graph
from tritag.export.qonnx_file import export_model
from tritag.export.rtl.design.design import build
from tritag.export.rtl.tools.check import check_design, require_right
from tritag.export.rtl.tools.stream_bench import SCENARIOS, StreamSimulator, check_stream
from tritag.export.word_vectors import words_of_jets
from tritag.export.words import with_word_scores
from tritag.hls_projects.csim import compile_project
from tritag.hls_projects.emulator.library import compile_emulator
from tritag.hls_projects.target import load_target
from tritag.hls_projects.word_executors import WordCsim, WordEmulator, WordReference, word_ports
from tritag.models.nets.head import BINARY, HeadConfig

# With fields that only charged or only neutral candidates have, and with pT, eta and phi alone.
FIELDS = {3: CandidateInputs(load_grid("cms-puppi"), ("id", "z0", "weight")), 1: PLAIN}
HEADS = {3: HeadConfig(classes=("b", "c", "qcd"), regression=("pt",)), 1: BINARY}


class Case:
    """A tagger on words, and words of which some hold anything."""

    def __init__(self, k: int) -> None:
        taken = FIELDS[k]
        tagger = calibrated_tagger(k, "ternary", TINY, head=HEADS[k], candidates=taken)
        model = with_word_scores(export_model(tagger))
        self.graph = read_graph(model)
        self.reference = WordReference(OnnxRuntimeExecutor(self.graph, model))
        rng = np.random.default_rng(k)
        jets = zip(with_fields(random_jets(rng, 300, k), taken), crafted_codes(k, inputs=taken), strict=True)
        codes, count = (np.concatenate(both) for both in jets)
        words, tokens = words_of_jets(codes, count, taken)
        anything = rng.integers(0, 2**64 - 1, (200, k), np.uint64, endpoint=True)
        anything[rng.random(anything.shape) < 0.3] &= np.uint64(2**64 - 2**14)
        self.words = np.concatenate([words, anything])
        self.tokens = np.concatenate([tokens, rng.integers(0, 2**64 - 1, 200, np.uint64, endpoint=True)])
        self.expected = self.reference.run(self.words, self.tokens)


@pytest.fixture(scope="module", params=often(HEADS, (1,)))
def case(request: Any) -> Case:
    """Three candidates and three classes, or one candidate and a logit."""
    return Case(request.param)


def test_answers_differ(case):
    assert len(np.unique(case.expected[:, 1] >> 22)) > 20
    np.testing.assert_array_equal(case.expected[:, 0], (case.tokens & np.uint64(2**32 - 1)).astype(np.int64))


def test_emulator(case):
    executor = WordEmulator(case.graph, compile_emulator(case.graph, "words_of_a_test"))
    np.testing.assert_array_equal(executor.run(case.words, case.tokens), case.expected)
    np.testing.assert_array_equal(executor.run(case.words[:5], case.tokens[:5]), case.expected[:5])


def test_simulated_verilog(case):
    """Two slots for three candidates: a place stays empty."""
    design = build(case.graph, timing(4), min(2, case.graph.shapes["codes"][0]))
    jets = case.reference.jets(case.words, case.tokens).view(np.int64)
    result = check_design(design, word_ports(case.words, case.tokens), jets)
    assert [scenario["differ"] for scenario in result["scenarios"].values()] == [0, 0, 0]
    require_right(result | {"interval": 4})


def test_axi4_stream(case):
    """Whole words again, behind a stream at full rate, with gaps, with late answers, and with both."""
    design = build(case.graph, timing(4), min(2, case.graph.shapes["codes"][0]))
    few = slice(-300, None)
    ports = word_ports(case.words[few], case.tokens[few])
    jets = case.reference.jets(case.words, case.tokens)[few]
    found = check_stream(design, ports, jets)
    assert found == {name: {"jets": 300, "differ": 0} for name in SCENARIOS}
    changed = jets.copy()
    changed[7, 0] ^= 1
    assert [scenario["differ"] for scenario in check_stream(design, ports, changed).values()] == [1] * len(SCENARIOS)
    with pytest.raises(CheckFailed, match="framing_error was set"):
        StreamSimulator(design).run(ports, 256, 256, without_last=3)


def test_csim():
    """The function of the project; one tagger is enough, since its body is what is tested elsewhere."""
    case = Case(3)
    executor = WordCsim(case.graph, compile_project(case.graph, load_target()))
    np.testing.assert_array_equal(executor.run(case.words, case.tokens), case.expected)
