"""Scores in chunks, jets on the grid, weights on disk."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tritag.data.jets.jets import make_batch
from tritag.data.jets.trigger_grid import to_codes
from tritag.errors import DataError, RunError
from tritag.models.figures.metrics import measure
from tritag.models.jets.coded_jets import CodedJets
from tritag.models.nets.registry import load_tagger_config, make_tagger
from tritag.models.training.evaluate import evaluate, scores
from tritag.models.training.weights import read_weights, write_weights

# Matrix products of other batch sizes may add in another order.
REORDERED = 2e-6


@pytest.fixture
def tagger():
    torch.manual_seed(4)
    return make_tagger(load_tagger_config("transformer-2k", 6)).train()


def test_scores_do_not_depend_on_the_batch_size(tagger, toy_jets):
    jets = toy_jets(50)
    together = scores(tagger, jets)
    assert together.dtype == np.float64
    assert tagger.training, "the mode is restored"
    np.testing.assert_allclose(scores(tagger, jets, 7), together, rtol=0, atol=REORDERED)
    with torch.no_grad():
        expected = tagger(jets.codes, jets.count).flatten().double().numpy()
    expected[jets.count.flatten().numpy() == 0] = -64  # the defined score of a jet without candidates
    np.testing.assert_allclose(together, expected, rtol=0, atol=REORDERED)
    assert scores(tagger, jets[:0]).shape == (0,)
    with pytest.raises(DataError, match="batch_size must be >= 1, got 0"):
        scores(tagger, jets, 0)


def test_evaluate_measures_the_scores(tagger, toy_jets):
    jets = toy_jets(50)
    assert evaluate(tagger, jets, signal_efficiencies=(0.4,)) == measure(scores(tagger, jets), jets.label, (0.4,))
    with pytest.raises(DataError, match="jets to evaluate on must hold signal and background"):
        evaluate(tagger, jets[jets.label == 0])


@pytest.mark.parametrize("rounded", [True, False])
@pytest.mark.parametrize("n_constituents", [3, 5])
def test_coded_jets_come_from_the_grid(rng, rounded, n_constituents):
    p4 = np.zeros((4, 5, 4), np.float32)
    p4[..., 1:] = rng.normal(scale=20, size=(4, 5, 3))
    p4[..., 0] = np.linalg.norm(p4[..., 1:], axis=-1)
    count = np.array([0, 1, 3, 5])
    p4[np.arange(5) >= count[:, None]] = 0
    batch = make_batch(p4, count, [0, 1, 0, 1])
    jets = CodedJets.from_batch(batch, n_constituents, rounded=rounded)
    codes, kept = to_codes(batch.p4, count, n_constituents, rounded=rounded)
    np.testing.assert_array_equal(jets.codes.numpy(), codes)
    np.testing.assert_array_equal(jets.count[:, 0].numpy(), kept)
    assert jets.codes.is_floating_point() != rounded
    assert jets[1:3].label.tolist() == [1, 0]
    with pytest.raises(DataError, match="K = 8 with N = 5"):
        CodedJets.from_batch(batch, 8, rounded=rounded)


def test_coded_jets_refuse_shapes_that_do_not_match():
    with pytest.raises(DataError, match=r"got \(2, 4, 3\), \(2,\) and \(2,\)"):
        CodedJets(torch.zeros(2, 4, 3), torch.zeros(2), torch.zeros(2))


def test_fingerprint_tells_jets_apart(toy_jets):
    jets = toy_jets(40)
    assert jets.fingerprint() == toy_jets(40).fingerprint()
    changed = [
        toy_jets(40, seed=1),
        jets[:39],
        CodedJets(jets.codes.double(), jets.count, jets.label),
        CodedJets(jets.codes, jets.count, 1 - jets.label),
    ]
    assert len({j.fingerprint() for j in [jets, *changed]}) == 5


def test_weights_come_back_exactly(tagger, tmp_path):
    write_weights(tmp_path / "weights.safetensors", tagger)
    other = make_tagger(load_tagger_config("transformer-2k", 6))
    read_weights(tmp_path / "weights.safetensors", other)
    for name, tensor in tagger.state_dict().items():
        assert torch.equal(tensor, other.state_dict()[name]), name


def test_weights_that_do_not_fit_are_refused(tagger, tmp_path):
    path = tmp_path / "weights.safetensors"
    with pytest.raises(RunError, match="weights must exist, got no file"):
        read_weights(path, tagger)
    path.write_bytes(b"no weights")
    with pytest.raises(RunError, match="must be a whole safetensors file"):
        read_weights(path, tagger)
    write_weights(path, make_tagger(load_tagger_config("transformer-20k", 6)))
    with pytest.raises(RunError, match=r"got 0 missing, 12 unknown and \d+ tensors of other shape"):
        read_weights(path, tagger)
