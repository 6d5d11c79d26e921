"""Weights of jets: exactly as defined, refused when they contradict, and no setting where they are not asked for."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from tritag.configs import build, plain_settings
from tritag.errors import ConfigError
from tritag.models.jets.coded_jets import CodedJets
from tritag.models.nets.head import BINARY, HeadConfig
from tritag.models.nets.registry import load_tagger_config, make_tagger
from tritag.models.training.config import TrainingConfig
from tritag.models.training.jet_weights import jet_pt_gev, jet_weights
from tritag.models.training.training import train

CONFIG = TrainingConfig(iterations=4, batch_size=16, micro_batch=8, validate_every=4)


def jets_of(pt_codes, labels, classes=("qcd", "top")):
    """One candidate a jet."""
    codes = torch.zeros(len(labels), 2, 3, dtype=torch.int64)
    codes[:, 0, 0] = torch.as_tensor(pt_codes)
    return CodedJets(codes, torch.ones(len(labels), 1, dtype=torch.int64), torch.as_tensor(labels), None, classes)


def with_weights(**settings):
    return dataclasses.replace(CONFIG, **settings)


def test_class_weights_by_hand():
    jets = jets_of([100] * 8, [0] * 6 + [1] * 2)
    assert jet_weights(jets, CONFIG) is None
    # balanced: 8 / (2 * 6) and 8 / (2 * 2), whose mean is 1 already
    balanced = jet_weights(jets, with_weights(class_weights="balanced"))
    np.testing.assert_allclose(balanced, [2 / 3] * 6 + [2] * 2, rtol=1e-6)
    # 1 and 3: mean (6 + 6) / 8
    given = jet_weights(jets, with_weights(class_weights={"top": 3, "qcd": 1.0}))
    np.testing.assert_allclose(given, np.array([1] * 6 + [3] * 2) / 1.5, rtol=1e-6)


def test_pt_weights_give_every_class_the_spectrum_of_the_reference():
    rng = np.random.default_rng(5)
    pt = np.concatenate([rng.integers(400, 800, 400), rng.integers(300, 1000, 600)])
    jets = jets_of(pt, [0] * 400 + [1] * 600)
    weights = jet_weights(jets, with_weights(pt_reference="qcd", pt_bins=4, class_weights="balanced")).double().numpy()
    assert weights.mean() == pytest.approx(1)
    label = jets.label.numpy()
    assert weights[label == 0].sum() == pytest.approx(weights[label == 1].sum())
    edges = np.quantile(jet_pt_gev(jets)[label == 0], [0, 0.25, 0.5, 0.75, 1])
    bins = np.digitize(jet_pt_gev(jets), edges[1:-1])
    spectra = [np.bincount(bins[label == k], weights[label == k]) for k in (0, 1)]
    np.testing.assert_allclose(spectra[0], spectra[1], rtol=1e-5)


def test_jet_pt_is_that_of_the_sum():
    codes = torch.tensor([[[40, 0, 0], [40, 7, 720 // 2], [99, 0, 0]]])
    jets = CodedJets(codes, torch.tensor([[2]]), torch.tensor([0]))
    np.testing.assert_allclose(jet_pt_gev(jets), [np.hypot(10, 10)])


@pytest.mark.parametrize("head", [BINARY, HeadConfig(("a", "qcd"), regression=("pt", "mass"))])
def test_loss_of_each_jet_times_its_weight(head):
    outputs, wanted = torch.randn(5, head.n_outputs, dtype=torch.float64), torch.rand(5, head.n_outputs).double()
    wanted[1, head.n_scores :] = torch.nan
    one = [head.loss(outputs[i : i + 1], wanted[i : i + 1]) for i in range(5)]
    torch.testing.assert_close(head.loss(outputs, wanted, torch.ones(5)), head.loss(outputs, wanted))
    weights = torch.tensor([0.5, 2, 0, 1, 3], dtype=torch.float64)
    expected = sum(weight * loss for weight, loss in zip(weights, one, strict=True) if weight)
    torch.testing.assert_close(head.loss(outputs, wanted, weights), expected)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"class_weights": {"qcd": 1}}, "must name each class of the jets, qcd, top, got qcd"),
        (
            {"class_weights": {"background": 1, "signal": 2}},
            "must name each class of the jets, qcd, top, got background",
        ),
        ({"pt_reference": "w"}, "pt_reference must be a class of the jets, qcd, top, got 'w'"),
        (
            {"pt_reference": "qcd", "pt_bins": 12},
            "pt_bins must part the 6 jets of qcd, got 12 bins, some of them empty",
        ),
        ({"pt_reference": "qcd", "pt_bins": 3}, "got 2 of 3 bins without top"),
    ],
)
def test_weights_that_do_not_fit_the_jets(settings, message):
    with pytest.raises(ConfigError, match=message):
        jet_weights(jets_of([100, 100, 200, 300, 400, 500, 900, 999], [0] * 6 + [1] * 2), with_weights(**settings))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"class_weights": "equal"}, "must map classes to numbers, or be 'balanced', got 'equal'"),
        ({"class_weights": {"a": 0}}, "a finite number > 0, got {'a': 0}"),
        ({"class_weights": {"a": float("nan")}}, "a finite number > 0"),
        ({"class_weights": {}}, "a finite number > 0"),
        ({"class_weights": [1, 2]}, r"a finite number > 0, got \[1, 2\]"),
        ({"pt_bins": 4}, "pt_bins needs pt_reference, got 4 bins of no class"),
        ({"pt_reference": "qcd", "pt_bins": 1}, "pt_bins must be >= 2"),
    ],
)
def test_settings_that_contradict(settings, message):
    with pytest.raises(ConfigError, match=message):
        build(TrainingConfig, settings)


def test_settings_of_old_runs_stay(toy_jets, tmp_path):
    assert not {"class_weights", "pt_reference", "pt_bins"} & plain_settings(TrainingConfig()).keys()
    weighted = with_weights(class_weights={"background": 1.0, "signal": 4.0})
    assert plain_settings(weighted)["class_weights"] == {"background": 1.0, "signal": 4.0}
    losses = {}
    for name, config in (("plain", CONFIG), ("weighted", weighted)):
        torch.manual_seed(1)
        tagger = make_tagger(load_tagger_config("transformer-2k", 6))
        train(tagger, toy_jets(60, seed=1), toy_jets(40, seed=2), config, tmp_path / name, progress=False)
        losses[name] = (tmp_path / name / "history.jsonl").read_text()
    assert losses["plain"] != losses["weighted"]
