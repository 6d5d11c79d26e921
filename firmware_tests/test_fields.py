"""A tagger with fields of a PUPPI candidate, from random words through C-simulation and simulated Verilog."""

from __future__ import annotations

import numpy as np
import pytest

from tests.helpers.rtl import timing
from tests.helpers.taggers import TINY, calibrated_tagger
from tritag.data.jets.candidate_grid import CandidateInputs, load_grid
from tritag.data.jets.crafted import crafted_codes
from tritag.data.jets.words import pack_words, unpack_words
from tritag.export.executors import TorchExecutor
from tritag.export.graph import read_graph
from tritag.export.qonnx_file import export_model
from tritag.export.rtl.design.design import build
from tritag.export.rtl.tools.check import check_design
from tritag.hls_projects.csim import CsimExecutor, compile_project
from tritag.hls_projects.target import load_target

K = 3


@pytest.mark.long  # test_words.py has these fields, too, with what comes behind the word
def test_firmware_gives_the_same_integers_from_the_word_on():
    taken = CandidateInputs(load_grid("cms-puppi"), ("id", "z0", "weight"))
    tagger = calibrated_tagger(K, "ternary", TINY, candidates=taken)
    model = export_model(tagger)
    graph = read_graph(model)
    corners, number = crafted_codes(K, inputs=taken)
    words = np.random.default_rng(4).integers(0, 2**64, (400, K), np.uint64)
    words[::3, 1:] = 0
    codes, count = unpack_words(
        np.concatenate([words, pack_words(corners, number, taken.grid, taken.names)]), taken.grid, taken.names
    )
    np.testing.assert_array_equal(codes[400:], corners)
    expected = TorchExecutor(graph, tagger, model).run(codes, count)
    assert len(np.unique(expected)) > 20
    csim = CsimExecutor(graph, compile_project(graph, load_target()))
    np.testing.assert_array_equal(csim.run(codes, count), expected)
    inputs = {"codes": codes.astype(np.int64), "count": count.astype(np.int64)[:, None, None]}
    result = check_design(build(graph, timing(8), 2), inputs, expected.reshape(len(count), -1))
    assert [scenario["differ"] for scenario in result["scenarios"].values()] == [0, 0, 0]
