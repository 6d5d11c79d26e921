"""The definition of words: which candidates count, where the scores stand, and what has no words."""

from __future__ import annotations

import numpy as np
import pytest

from tests.helpers.taggers import TINY, calibrated_tagger
from tritag.data.jets.candidate_grid import TOP
from tritag.errors import ConfigError, DataError, ExportError
from tritag.export.graph import read_graph
from tritag.export.qonnx_file import export_model
from tritag.export.word_vectors import words_of_jets
from tritag.export.words import as_integers, inputs_of_words, leading_words, pack_jets, scores_of, with_word_scores
from tritag.models.nets.head import HeadConfig
from tritag.pipeline.interfaces import check_interface


def test_a_candidate_behind_an_empty_one_is_ignored():
    words = np.array([[5, 6, 7], [5, 1 << 14, 7], [2**64 - 2**14, 6, 7]], np.uint64)
    np.testing.assert_array_equal(leading_words(words, TOP), [[5, 6, 7], [5, 0, 0], [0, 0, 0]])


def test_places_of_the_scores():
    """Bits 53:0 as they came, then eight bits a score; the second crosses the 64-bit border."""
    (one,) = pack_jets(np.array([2**64 - 1], np.uint64), np.array([[128]]))
    assert [hex(word) for word in one] == [hex(128 << 54 | 2**54 - 1), "0x0"]
    scores = np.array([[1, 0b10_0000_01, 255, 0, 7, 9, 128, 3, 5]])
    ((low, high),) = pack_jets(np.array([3], np.uint64), scores)
    whole = int(high) << 64 | int(low)
    assert whole == 3 | sum(int(score) << 54 + 8 * i for i, score in enumerate(scores[0]))
    parts = as_integers(np.array([[low, high]]))
    assert sum(int(part) << 32 * i for i, part in enumerate(parts[0])) == whole


@pytest.fixture(scope="module")
def model():
    """A tagger of three classes and a regressed quantity, for two candidates."""
    head = HeadConfig(classes=("b", "c", "qcd"), regression=("pt",))
    return export_model(calibrated_tagger(2, "ternary", TINY, head=head))


def test_jets_become_words_and_come_back(model):
    graph = read_graph(with_word_scores(model))
    assert (graph.output_names, graph.outputs, graph.n_outputs) == (("b", "c", "qcd"), ["word_score"], 3)
    codes = np.array([[[80, -3, 7], [9, 2047, -720]], [[80, -3, 7], [0, 0, 0]], [[0, 0, 0], [0, 0, 0]]])
    words, tokens = words_of_jets(codes, np.array([2, 1, 0]))
    assert (words >> np.uint64(37)).all()
    given, count = inputs_of_words(graph, words)
    np.testing.assert_array_equal(given, codes)
    assert count.tolist() == [2, 1, 0]
    scores = np.array([[1, 2, 3], [128, 0, 64], [0, 255, 0]])
    np.testing.assert_array_equal(scores_of(graph, as_integers(pack_jets(tokens, scores))), scores)


def test_what_has_no_words_is_refused(model):
    graph = read_graph(model)
    with pytest.raises(DataError, match=r"words must be uint64 \(jets, 2\), got int64 \(1, 2\)"):
        inputs_of_words(graph, np.zeros((1, 2), np.int64))
    with pytest.raises(ConfigError, match="interface"):
        check_interface("word")
    names = tuple("abcdefghij")
    many = export_model(calibrated_tagger(1, "ternary", TINY, head=HeadConfig(classes=names, background=("a",))))
    with pytest.raises(ExportError, match="a jet's word must hold 1 to 9 scores, got 10"):
        with_word_scores(many)
    assert TOP.word_bits == 64
