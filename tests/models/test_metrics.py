"""Metrics against scikit-learn, against their definitions, and at their edges."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, roc_auc_score, roc_curve

from tritag.configs import build
from tritag.errors import DataError
from tritag.models.figures.comparison import RejectionRatio, rejection_ratio
from tritag.models.figures.metrics import Metrics, measure, measure_roc


def sample(rng, n, ties=False):
    labels = rng.integers(0, 2, n)
    scores = rng.normal(size=n) + 1.5 * (labels - 0.5)
    return (np.round(4 * scores).astype(np.int64) if ties else scores), labels


@pytest.mark.parametrize("ties", [False, True])
def test_roc_equals_scikit_learn(rng, ties):
    scores, labels = sample(rng, 500, ties)
    roc = measure_roc(scores, labels)
    fpr, tpr, thresholds = roc_curve(labels, scores, drop_intermediate=False)
    np.testing.assert_array_equal(roc.signal_efficiency, tpr)
    np.testing.assert_array_equal(roc.background_efficiency, fpr)
    np.testing.assert_array_equal(roc.threshold[1:], thresholds[1:])


@pytest.mark.parametrize("ties", [False, True])
def test_auc_and_accuracy_equal_scikit_learn(rng, ties):
    scores, labels = sample(rng, 700, ties)
    metrics = measure(scores, labels)
    assert metrics.auc.value == pytest.approx(roc_auc_score(labels, scores), rel=1e-12)
    assert metrics.accuracy.value == accuracy_score(labels, scores > 0)
    p = metrics.accuracy.value
    assert metrics.accuracy.error == pytest.approx(math.sqrt(p * (1 - p) / 700))
    assert (metrics.n_signal, metrics.n_background) == (labels.sum(), 700 - labels.sum())


@pytest.mark.parametrize("efficiency", [0.3, 0.5])
@pytest.mark.parametrize("ties", [False, True])
def test_rejection_follows_the_interpolated_scikit_learn_roc(rng, ties, efficiency):
    scores, labels = sample(rng, 1000, ties)
    fpr, tpr, _ = roc_curve(labels, scores, drop_intermediate=False)
    # at equal signal efficiency the tightest threshold counts
    first = np.append(True, tpr[1:] > tpr[:-1])
    tightest = fpr[first][np.searchsorted(tpr[first], efficiency - 1e-12)]
    # with ties a group carries both classes: a straight line goes from the end of one group to that of the next
    expected = np.interp(efficiency, tpr, fpr) if ties else tightest
    rejection = measure(scores, labels).rejection(efficiency)
    assert rejection.value == pytest.approx(1 / expected, rel=1e-9)
    assert rejection.background_passed == pytest.approx(expected * rejection.n_background, rel=1e-9)


def test_auc_error_is_the_delong_variance(rng):
    scores, labels = sample(rng, 120, ties=True)
    signal, background = scores[labels == 1], scores[labels == 0]
    wins = (signal[:, None] > background) + 0.5 * (signal[:, None] == background)
    variance = wins.mean(1).var(ddof=1) / len(signal) + wins.mean(0).var(ddof=1) / len(background)
    assert measure(scores, labels).auc.error == pytest.approx(math.sqrt(variance), rel=1e-12)


def test_rejection_error_is_binomial():
    # 10 signal jets at 1, 10 at 0; 25 of 10000 background jets at 1
    scores = np.concatenate([np.ones(10), np.zeros(10), np.ones(25), -np.ones(9975)])
    labels = np.repeat([1, 0], [20, 10000])
    rejection = measure(scores, labels).rejection(0.5)
    assert rejection.value == 400
    assert rejection.error == pytest.approx(400 * math.sqrt((1 - 0.0025) / 25))
    assert (rejection.background_passed, rejection.n_background, rejection.threshold) == (25, 10000, 1)
    assert str(rejection) == "400 ± 80 at eps_S = 0.5 (25 of 10000 background jets)"
    # three fifths of the group of equal scores
    assert measure(scores, labels).rejection(0.3).background_passed == pytest.approx(15)


def test_scores_that_say_nothing():
    metrics = measure(np.zeros(200, int), np.tile([0, 1], 100))
    assert metrics.auc.value == 0.5
    assert metrics.rejection(0.3).value == pytest.approx(1 / 0.3)
    assert metrics.accuracy.value == 0.5, "a score of exactly 0 counts as background"


def test_order_of_jets_and_scale_of_scores_do_not_matter(rng):
    scores, labels = sample(rng, 300, ties=True)
    order = rng.permutation(300)
    metrics, shuffled, scaled = (
        measure(s, t) for s, t in ((scores, labels), (scores[order], labels[order]), (scores * 2.0**-7, labels))
    )
    assert shuffled.rejections == metrics.rejections
    assert scaled.rejection(0.3).value == metrics.rejection(0.3).value
    assert shuffled.auc.value == scaled.auc.value == metrics.auc.value
    assert shuffled.auc.error == pytest.approx(metrics.auc.error, rel=1e-12)


@pytest.mark.parametrize("n_signal", [10, 30, 70, 110])
def test_working_point_on_a_jet_is_not_shifted_by_rounding(n_signal):
    # between each pair of signal jets one background jet: exactly n_signal * 0.7 - 1 of them pass
    scores = np.arange(2 * n_signal, 0, -1)
    labels = np.tile([1, 0], n_signal)
    rejection = measure(scores, labels, (0.7,)).rejections[0]
    assert rejection.background_passed == round(0.7 * n_signal) - 1


def test_no_background_left_is_infinite_and_still_json():
    metrics = measure([1.0, 2.0, -1.0, -2.0], [1, 1, 0, 0])
    assert metrics.rejection(0.5).value == math.inf
    assert str(metrics.rejection(0.5)) == "infinite at eps_S = 0.5 (0 of 2 background jets)"
    plain = json.loads(json.dumps(metrics.as_dict(), allow_nan=False))
    assert plain["rejections"][1]["value"] is None
    assert plain["auc"] == {"value": 1.0, "error": 0.0}


def test_dictionary_gives_the_metrics_back(rng):
    metrics = measure(*sample(rng, 400))
    assert build(Metrics, json.loads(json.dumps(metrics.as_dict()))) == metrics


@pytest.mark.parametrize(
    ("scores", "labels", "message"),
    [
        ([1.0, 2.0], [1], r"one entry per jet, got shapes \(2,\) and \(1,\)"),
        ([1.0, math.nan], [1, 0], "scores must be finite, got 1 NaN or infinite of 2"),
        ([1.0, 2.0], [1, -1], "labels must be 0 or 1, got 1 of 2"),
        ([1.0, 2.0], [1, 1], "both classes, got 2 signal and 0 background"),
    ],
)
def test_refuses_what_cannot_be_measured(scores, labels, message):
    with pytest.raises(DataError, match=message):
        measure(scores, labels)


def test_refuses_working_points_it_does_not_have(rng):
    scores, labels = sample(rng, 20)
    with pytest.raises(DataError, match=r"signal_efficiency must lie in \(0, 1\], got 1.5"):
        measure(scores, labels, (1.5,))
    with pytest.raises(DataError, match=r"one of those measured \(0.3, 0.5\), got 0.4"):
        measure(scores, labels).rejection(0.4)


def pair(rng, n, common=0.9):
    """Scores of two taggers that see mostly the same."""
    labels = rng.integers(0, 2, n)
    shared = rng.normal(size=n) * math.sqrt(common)
    a, b = (shared + rng.normal(size=n) * math.sqrt(1 - common) + labels for _ in range(2))
    return a, b, labels


def test_ratio_is_that_of_the_rejections(rng):
    a, b, labels = pair(rng, 2000)
    ratio = rejection_ratio(a, b, labels, 0.5, resamples=50)
    single = [measure(s, labels).rejection(0.5) for s in (a, b)]
    assert ratio.value == pytest.approx(single[0].value / single[1].value)
    assert ratio.background_passed == tuple(r.background_passed for r in single)
    assert ratio.low < ratio.value < ratio.high
    assert ratio == rejection_ratio(a, b, labels, 0.5, resamples=50), "the seed fixes the error"
    assert ratio != rejection_ratio(a, b, labels, 0.5, resamples=50, seed=2)


def test_ratio_of_a_tagger_to_itself_is_exactly_one(rng):
    a, _, labels = pair(rng, 1000)
    ratio = rejection_ratio(a, 3 * a, labels, resamples=20)
    assert (ratio.value, ratio.error) == (1, 0)


def test_ratio_error_matches_the_spread_of_independent_samples(rng):
    toys = [pair(rng, 3000) for _ in range(80)]
    spread = np.std([rejection_ratio(*toy, 0.5, resamples=2).value for toy in toys])
    errors = [rejection_ratio(*toy, 0.5, resamples=100).error for toy in toys[:8]]
    assert 0.7 < np.mean(errors) / spread < 1.4
    a, b, labels = toys[0]
    unpaired = math.hypot(*(r.error / r.value for r in (measure(s, labels).rejection(0.5) for s in (a, b))))
    assert errors[0] < 0.8 * unpaired


def test_ratio_without_background_has_no_error():
    ratio = rejection_ratio([3.0, 2.0, 0.0], [3.0, 2.0, 0.0], [1, 1, 0], resamples=5)
    assert math.isnan(ratio.value)
    assert ratio.as_dict()["error"] is None
    assert str(ratio) == "unknown (0 of 1 background jets) at eps_S = 0.3"
    some = RejectionRatio(0.3, 1.25, math.inf, 0.5, math.inf, (8.0, 10.0), 1000)
    assert some.figure == "1.250 (8 of 1,000 background jets)"
    assert replace(some, error=0.1).figure == "1.250 ± 0.100 (8 of 1,000 background jets)"
    with pytest.raises(DataError, match="resamples must be >= 2, got 1"):
        rejection_ratio([1.0, 0.0], [1.0, 0.0], [1, 0], resamples=1)
