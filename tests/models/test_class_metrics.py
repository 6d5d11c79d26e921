"""Figures of several classes and of regressed quantities: against scikit-learn, definitions, and toys."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from tests.helpers.heads import CLASSES, HEAD, class_jets
from tritag.errors import DataError
from tritag.models.figures.class_metrics import ClassMetrics, discriminant, measure_classes
from tritag.models.figures.head_metrics import HeadMetrics, measure_head, read_metrics, tag_scores
from tritag.models.figures.metrics import Metrics, measure
from tritag.models.figures.response import measure_response
from tritag.models.nets.head import HeadConfig


def sample(rng, n=400):
    labels = rng.permutation(np.arange(n) % 5)
    return rng.normal(size=(n, 5)) + 2 * np.eye(5)[labels], labels


def test_figures_agree_with_scikit_learn_and_their_definitions(rng):
    scores, labels = sample(rng)
    found = measure_classes(scores, labels, CLASSES, ("g", "q"))
    probabilities = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    aucs = [roc_auc_score(labels == i, probabilities[:, i]) for i in range(5)]
    np.testing.assert_allclose([c.auc.value for c in found.classes], aucs, atol=1e-12)
    assert found.auc.value == pytest.approx(np.mean(aucs))
    assert found.accuracy.value == np.mean(scores.argmax(1) == labels)
    confusion = np.array(found.confusion)
    assert confusion.sum() == found.n_jets == 400
    assert np.trace(confusion) / 400 == found.accuracy.value
    assert [len(c.rejections) for c in found.classes] == [0, 0, 2, 2, 2]
    # W against gluons and quarks, jet by jet
    chosen = np.isin(labels, [0, 1, 2])
    ratio = np.log(probabilities[chosen, 2] / probabilities[chosen, :2].sum(1))
    expected = measure(ratio, labels[chosen] == 2)
    assert found.of("W").rejections[0].value == pytest.approx(expected.rejection(0.3).value)
    pairs = {(p.signal, p.background): p for p in found.pairs}
    assert len(pairs) == 20
    for (a, b), figures in pairs.items():
        assert figures.auc.value == pytest.approx(pairs[b, a].auc.value)
    with pytest.raises(DataError, match=r"class must be one of \['g', 'q', 'W', 'Z', 't'\], got 'H'"):
        found.of("H")


def test_two_classes_are_the_binary_figures(rng):
    labels = rng.permutation(np.arange(300) % 2)
    logit = np.rint(3 * rng.normal(size=300) + 2 * labels)
    found = measure_classes(np.stack([np.zeros(300), logit], 1), labels, ("qcd", "t"), ("qcd",))
    binary = measure(logit, labels)
    assert found.of("t").auc == binary.auc
    assert found.of("t").rejections == binary.rejections, "integers keep their ties"
    assert found.accuracy == binary.accuracy


def test_discriminant_of_single_columns_is_their_difference(rng):
    integers = rng.integers(-500, 500, (50, 4)).astype(float)
    assert np.array_equal(discriminant(integers, [2], [0]), integers[:, 2] - integers[:, 0])
    huge = discriminant(integers * 1e3, [0, 1], [2, 3])
    assert np.isfinite(huge).all()


def test_scores_that_cannot_be_measured_are_refused(rng):
    scores, labels = sample(rng, 50)
    for bad, message in (
        ((scores[:, :4], labels), r"scores must have shape \(50, 5\), got \(50, 4\)"),
        ((np.where(scores > 1, np.nan, scores), labels), r"scores must be finite, got NaN or infinity in \d+ of 50"),
        ((scores, labels - 1), r"labels must be 0..4, got 10 of 50 others"),
        ((scores, labels % 4), r"labels must hold every class, got no jets of \['t'\]"),
    ):
        with pytest.raises(DataError, match=message):
            measure_classes(*bad, CLASSES, ("g",))


def test_errors_of_bias_and_resolution_are_the_spread_of_toys(rng):
    """The quoted errors against 300 repetitions of the same measurement."""
    toys = [measure_response("pt", np.full(500, 1.1), 1 / rng.normal(1.0, 0.1, 500)) for _ in range(300)]
    assert np.mean([t.bias.value for t in toys]) == pytest.approx(0.1, abs=0.002)
    assert np.mean([t.resolution.value for t in toys]) == pytest.approx(0.1, abs=0.002)
    for figure in ("bias", "resolution"):
        spread = np.std([getattr(t, figure).value for t in toys])
        quoted = np.mean([getattr(t, figure).error for t in toys])
        assert quoted == pytest.approx(spread, rel=0.25)


def test_a_perfect_regression_has_neither_bias_nor_spread(rng):
    true = np.append(rng.uniform(0.5, 2.0, 100), np.nan)
    found = measure_response("mass", true, true)
    assert (found.n_jets, found.bias.value, found.resolution.value) == (100, 0.0, 0.0)
    assert found.resolution_before.value > 0.1
    with pytest.raises(DataError, match="mass must be known for 10 jets or more, got 9"):
        measure_response("mass", true[:9], true[:9])
    with pytest.raises(DataError, match="pt must be finite, got 1 NaN"):
        measure_response("pt", np.append(np.nan, true[1:]), true)
    with pytest.raises(DataError, match=r"one entry per jet, got shapes \(100,\) and \(101,\)"):
        measure_response("pt", true[:100], true)


@pytest.mark.parametrize("head", [HEAD, HeadConfig(regression=("pt",)), HeadConfig()], ids=["classes", "pt", "binary"])
def test_figures_of_any_head_come_back_from_json(rng, toy_jets, head):
    jets = class_jets(100) if head.classes else dataclasses.replace(toy_jets(100), ratios=class_jets(100).ratios)
    outputs = rng.normal(size=(100, head.n_outputs))
    found = measure_head(outputs, jets, head)
    assert isinstance(found, HeadMetrics if head.n_outputs > 1 else Metrics)
    assert read_metrics(dataclasses.asdict(found), head) == found
    plain = json.loads(json.dumps(found.as_dict()))
    assert plain["auc"]["value"] == found.auc.value
    assert plain["accuracy"]["value"] == found.accuracy.value
    assert [r["quantity"] for r in plain.get("regression", [])] == list(head.regression)
    assert str(found)


def test_tag_scores_are_one_question_a_signal_class(rng, toy_jets):
    jets = class_jets(100)
    outputs = rng.normal(size=(100, 7))
    answers = tag_scores(outputs, jets.label.numpy(), HEAD)
    assert list(answers) == ["W", "Z", "t"]
    figures = measure_head(outputs, jets, HEAD)
    assert isinstance(figures.scores, ClassMetrics)
    for name, (scores, labels) in answers.items():
        assert (len(labels), labels.sum()) == (60, 20)
        assert measure(scores, labels).rejections == figures.scores.of(name).rejections
    logits = rng.normal(size=40)
    ((name, (scores, _)),) = tag_scores(logits, toy_jets(40).label.numpy(), HeadConfig()).items()
    assert name == "signal"
    assert np.array_equal(scores, logits)
