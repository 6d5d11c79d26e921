"""What a tagger's scores of the test jets look like, as numbers that a figure can draw and a reader can check."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tritag.models.figures.head_metrics import tag_scores
from tritag.models.figures.metrics import Roc, finite, measure, measure_roc
from tritag.models.nets.head import HeadConfig

# Signal efficiencies at which the rejection is drawn: a grid of hundredths.
EFFICIENCIES = tuple(round(0.02 * i, 2) for i in range(5, 50))
BINS = 40
CALIBRATION_BINS = 10
# Most points of a curve over the cuts on the score.
MOST_CUTS = 200

Scores = NDArray[np.float64]
Labels = NDArray[np.int64]


def score_curves(outputs: dict[str, NDArray[Any]], labels: NDArray[Any], head: HeadConfig) -> dict[str, dict[str, Any]]:
    """Curves of each question "signal or QCD", of every tagger that answered it on the same jets.

    Parameters
    ----------
    outputs : dict of (n,) or (n, outputs) float
        Outputs by tagger, for example ``float`` and ``quantized``.
    labels : (n,) int
        Classes of the jets.
    head : HeadConfig
        What the outputs stand for.

    Returns
    -------
    dict
        By signal class: ``taggers`` with rejection, cuts, histogram and calibration of each, and ``agreement`` between
        the first two taggers; plain lists, None where a figure is not finite.
    """
    answers = {name: tag_scores(given, labels, head) for name, given in outputs.items()}
    curves: dict[str, dict[str, Any]] = {}
    for signal in next(iter(answers.values())):
        scores = {name: answer[signal] for name, answer in answers.items()}
        together = np.concatenate([values for values, _ in scores.values()])
        edges = np.linspace(together.min(), np.nextafter(together.max(), np.inf), BINS + 1)
        taggers = {name: _curves(values, truth, edges) for name, (values, truth) in scores.items()}
        curves[signal] = {"taggers": taggers}
        if len(scores) > 1:
            (first, _), (second, _) = list(scores.values())[:2]
            curves[signal]["agreement"] = _agreement(first, second, list(scores)[:2], edges)
    return curves


def _curves(scores: Scores, labels: Labels, edges: Scores) -> dict[str, Any]:
    figures = measure(scores, labels, EFFICIENCIES)
    roc = measure_roc(scores, labels)
    counts = {
        name: np.histogram(scores[labels == label], edges)[0].tolist()
        for name, label in (("signal", 1), ("background", 0))
    }
    curves: dict[str, Any] = finite(
        {
            "auc": {"value": figures.auc.value, "error": figures.auc.error},
            "rejection": [
                {"signal_efficiency": r.signal_efficiency, "value": r.value, "error": r.error}
                for r in figures.rejections
            ],
            "cuts": _cuts(roc),
            "histogram": {"edges": edges.tolist(), **counts},
            "calibration": _calibration(scores, labels),
            "distinct_scores": len(np.unique(scores)),
        }
    )
    return curves


def _cuts(roc: Roc) -> list[dict[str, float]]:
    """Shares of signal and background that pass a cut on the score, from the loosest to the tightest."""
    chosen = np.unique(np.linspace(1, len(roc.threshold) - 1, MOST_CUTS).astype(int))[::-1]
    return [
        {
            "threshold": float(roc.threshold[i]),
            "signal_efficiency": float(roc.signal_efficiency[i]),
            "background_efficiency": float(roc.background_efficiency[i]),
        }
        for i in chosen
    ]


def _calibration(scores: Scores, labels: Labels) -> list[dict[str, float]]:
    """Mean predicted probability against the share of signal jets, in bins of the probability that hold jets."""
    probability = 0.5 * (1 + np.tanh(scores / 2))
    index = np.minimum((probability * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    points = []
    for i in range(CALIBRATION_BINS):
        inside = index == i
        if n := int(inside.sum()):
            share = float(labels[inside].mean())
            points.append(
                {
                    "probability": float(probability[inside].mean()),
                    "share": share,
                    "error": float(np.sqrt(share * (1 - share) / n)),
                    "jets": n,
                }
            )
    return points


def _agreement(first: Scores, second: Scores, names: list[str], edges: Scores) -> dict[str, Any]:
    """Counts of jets in both scores, and how far the second is from the first."""
    counts = np.histogram2d(first, second, (edges, edges))[0].astype(int)
    change = second - first
    return {
        "taggers": names,
        "edges": edges.tolist(),
        "counts": counts.tolist(),
        "mean_change": float(change.mean()),
        "spread_of_change": float(change.std()),
        "same_side": float(np.mean((first > 0) == (second > 0))),
    }
