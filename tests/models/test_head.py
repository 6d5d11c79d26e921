"""Outputs of a tagger: their number, their names, what they are trained towards, and their loss."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from tests.helpers.heads import CLASSES, HEAD, class_jets
from tritag.configs import plain_settings
from tritag.errors import ConfigError, DataError
from tritag.models.jets.coded_jets import true_ratios
from tritag.models.nets.head import BINARY, HeadConfig, ratios_of
from tritag.models.nets.registry import TaggerConfig, count_parameters, load_tagger_config, make_tagger

WIDTHS = {"transformer-2k": 16, "lloca-trigger-2k": 16, "part-deep-2k": 8, "lgatr-slim-2k": 8}


@pytest.mark.parametrize("name", list(WIDTHS))
def test_every_network_takes_every_head(name):
    plain = load_tagger_config(name, 6)
    config = dataclasses.replace(plain, head=HEAD)
    tagger, before = make_tagger(config).eval(), make_tagger(plain)
    jets = class_jets(8)
    with torch.no_grad():
        outputs = tagger.outputs(tagger.inputs(jets.codes, jets.count), jets.count)
    assert outputs.shape == (8, 7)
    assert outputs.isfinite().all()
    added = count_parameters(tagger) - count_parameters(before)
    assert added == 6 * (before.head.weight.shape[1] + 1)
    assert list(tagger.state_dict()) == list(before.state_dict())


def test_a_binary_head_does_not_show_in_the_settings():
    """Runs made before there were heads keep their digests."""
    assert "head" not in plain_settings(TaggerConfig("transformer"))
    assert plain_settings(TaggerConfig("transformer", head=HEAD))["head"]["classes"] == CLASSES


def test_a_head_is_a_section_of_the_tagger_file(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("network: transformer\nhead: {classes: [g, q, W, Z, t], regression: [pt, mass]}\n")
    assert load_tagger_config(path).head == HEAD
    path.write_text("network: transformer\nhead: {regression: [energy]}\n")
    with pytest.raises(ConfigError, match=r"unknown value of .*head\.regression\[0\] 'energy'"):
        load_tagger_config(path)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"classes": ("t",)}, r"head.classes must name two classes or more, got \['t'\]"),
        ({"classes": ("g", "g")}, r"head.classes must not name anything twice"),
        ({"classes": ("W", "t")}, r"head.background must hold some, not all, of .*got \[\]; name them"),
        ({"classes": ("g", "q")}, r"head.background must hold some, not all"),
        ({"classes": ("g", "t"), "background": ("b",)}, r"head.background must be among head.classes .*, got \['b'\]"),
        ({"regression": ("pt", "pt")}, r"head.regression must not name anything twice"),
        ({"regression_weight": 0.0}, r"head.regression_weight must be > 0 and finite, got 0.0"),
    ],
)
def test_config_says_what_must_hold(values, message):
    with pytest.raises(ConfigError, match=message):
        HeadConfig(**values)


def test_names_and_numbers_of_outputs():
    assert (BINARY.output_names, BINARY.n_outputs, BINARY.qcd) == (("logit",), 1, ())
    assert HEAD.output_names == (*CLASSES, "pt", "mass")
    assert (HEAD.n_scores, HEAD.n_outputs, HEAD.qcd) == (5, 7, ("g", "q"))
    assert HeadConfig(classes=("g", "q"), background=("g",)).qcd == ("g",)
    assert HeadConfig(regression=("mass",)).output_names == ("logit", "mass")


def test_wanted_outputs_are_probabilities_and_standardised_ratios():
    jets = class_jets(20)
    wanted = HEAD.wanted(jets)
    assert torch.equal(wanted[:, :5].argmax(1), jets.label)
    assert torch.equal(wanted[:, :5].sum(1), torch.ones(20))
    torch.testing.assert_close(ratios_of(wanted, HEAD), jets.ratios, equal_nan=True)
    assert torch.equal(wanted[:, 6].isnan(), jets.label < 2)
    assert HEAD.wanted(dataclasses.replace(jets, ratios=jets.ratios * 100))[:, 5].max() == 12, "ratios end at 4"


def test_loss_is_that_of_the_definitions():
    jets = class_jets(30)
    outputs = torch.randn(30, 7, requires_grad=True)
    wanted = HEAD.wanted(jets)
    loss = HEAD.loss(outputs, wanted)
    known = jets.label > 1
    expected = F.cross_entropy(outputs[:, :5], jets.label, reduction="sum")
    for column, some in ((0, known | ~known), (1, known)):
        error = F.huber_loss(outputs[some, 5 + column], (jets.ratios[some, column] - 1) * 4, reduction="sum")
        expected = expected + 0.1 * error
    torch.testing.assert_close(loss, expected)
    loss.backward()
    assert not outputs.grad[~known, 6].any(), "an unknown mass teaches nothing"
    assert outputs.grad.isfinite().all()
    # sums over jets add up, whatever the micro-batches
    parts = sum(HEAD.loss(outputs[i : i + 7], wanted[i : i + 7]) for i in range(0, 30, 7))
    torch.testing.assert_close(parts, loss)
    squared = dataclasses.replace(HEAD, regression_loss="mse", regression_weight=0.5)
    difference = (outputs - wanted)[:, 5:]
    part = squared.loss(outputs, wanted) - F.cross_entropy(outputs[:, :5], jets.label, reduction="sum")
    torch.testing.assert_close(part, 0.5 * difference[~difference.isnan()].square().sum())


def test_binary_loss_is_cross_entropy_of_the_logit(toy_jets):
    jets, logits = toy_jets(30), torch.randn(30, 1)
    expected = F.binary_cross_entropy_with_logits(logits[:, 0], jets.label.float(), reduction="sum")
    assert torch.equal(BINARY.loss(logits, BINARY.wanted(jets)), expected)


def test_a_teacher_gives_soft_probabilities_and_ratios(toy_jets):
    jets, teacher = class_jets(20), torch.randn(20, 7, dtype=torch.float64)
    taught = HEAD.distilled(jets, teacher, 1.0)
    torch.testing.assert_close(taught[:, :5], teacher[:, :5].softmax(1).float())
    torch.testing.assert_close(taught[:, 5], teacher[:, 5].float())
    assert torch.equal(taught[:, 6].isnan(), jets.label < 2), "where the truth is unknown nothing is taught"
    half = HEAD.distilled(jets, teacher, 0.5)
    torch.testing.assert_close(half, 0.5 * (taught + HEAD.wanted(jets)), equal_nan=True)
    assert torch.equal(HEAD.distilled(jets, teacher, 0.0).nan_to_num(9), HEAD.wanted(jets).nan_to_num(9))
    two, logits = toy_jets(20), torch.randn(20, 1, dtype=torch.float64)
    torch.testing.assert_close(BINARY.distilled(two, logits, 1.0), logits.sigmoid().float())


def test_true_ratios(rng):
    p4 = np.zeros((5, 3, 4), np.float32)
    p4[:, :2, 1:] = rng.normal(scale=50, size=(5, 2, 3))
    p4[..., 0] = np.linalg.norm(p4[..., 1:], axis=-1)
    jet = p4.sum(axis=1, dtype=np.float64)
    truth = (1.25 * jet).astype(np.float32)
    truth[1] = 0
    truth[2, 0] = np.linalg.norm(truth[2, 1:])  # a massless origin
    p4[3, 1] = p4[3, 0]  # a massless jet of a massive origin
    ratios = true_ratios(p4, truth)
    np.testing.assert_allclose(ratios[[0, 4]], 1.25, rtol=1e-5)
    assert np.isnan(ratios[1]).all()
    assert math.isclose(ratios[2, 0], 1.25, rel_tol=1e-5)
    assert np.isnan(ratios[[2, 3], 1]).all()
    assert np.isfinite(ratios[3, 0])


def test_jets_that_do_not_fit_the_head_are_refused(toy_jets):
    jets = class_jets(20)
    HEAD.check(jets, "jets")
    with pytest.raises(
        DataError, match=r"jets must have two classes for a binary head, got 5 .*head.classes=\[g, q, W"
    ):
        BINARY.check(jets, "jets")
    with pytest.raises(DataError, match=r"jets must have the head's classes \['g', 'q', 'W', 'Z', 't'\] in this order"):
        HEAD.check(toy_jets(20), "jets")
    with pytest.raises(DataError, match=r"jets must hold jets of every class, got none of \['t'\]"):
        HEAD.check(jets[jets.label < 4], "jets")
    with pytest.raises(DataError, match=r"jets must have labels 0..4, got \d+ of 20 others"):
        HEAD.check(dataclasses.replace(jets, label=jets.label - 1), "jets")
    with pytest.raises(DataError, match="jets must hold true momenta to regress pt, got none"):
        HEAD.check(dataclasses.replace(jets, ratios=None), "jets")
    with pytest.raises(DataError, match="to regress mass, got none"):
        HEAD.check(dataclasses.replace(jets, ratios=jets.ratios * torch.tensor([1, math.nan])), "jets")
    with pytest.raises(DataError, match=r"ratios must have shape \(20, 2\), got \(19, 2\)"):
        dataclasses.replace(jets, ratios=jets.ratios[:19])
