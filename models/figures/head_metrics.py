"""The figures of a tagger with any head: those of its class scores and those of its regressed quantities."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from tritag.configs import build
from tritag.models.figures.class_metrics import ClassMetrics, discriminant, measure_classes
from tritag.models.figures.metrics import SIGNAL_EFFICIENCIES, Estimate, Metrics, finite, measure
from tritag.models.figures.response import Response, measure_response
from tritag.models.jets.coded_jets import QUANTITIES, CodedJets
from tritag.models.nets.head import HeadConfig, ratios_of


@dataclass(frozen=True)
class HeadMetrics:
    """What is quoted of a head other than the plain binary one; one of ``binary`` and ``classes`` is set."""

    binary: Metrics | None
    classes: ClassMetrics | None
    regression: tuple[Response, ...]

    @property
    def scores(self) -> Metrics | ClassMetrics:
        """Figures of the class scores."""
        found = self.binary or self.classes
        assert found is not None
        return found

    @property
    def accuracy(self) -> Estimate:
        """Fraction of jets in the right class."""
        return self.scores.accuracy

    @property
    def auc(self) -> Estimate:
        """Area under the ROC; the mean over classes of those against the rest."""
        return self.scores.auc

    def as_dict(self) -> dict[str, Any]:
        """Dictionary for JSON: the figures of the class scores, and ``regression``."""
        return self.scores.as_dict() | {"regression": [finite(dataclasses.asdict(r)) for r in self.regression]}

    def __str__(self) -> str:
        return "; ".join(map(str, (self.scores, *self.regression)))


def measure_head(
    outputs: NDArray[np.float64],
    jets: CodedJets,
    head: HeadConfig,
    signal_efficiencies: tuple[float, ...] = SIGNAL_EFFICIENCIES,
) -> Metrics | HeadMetrics:
    """Figures of a tagger's outputs; plain :class:`Metrics` for a binary head without regression.

    Parameters
    ----------
    outputs : (n,) or (n, outputs) float
        As :func:`tritag.models.training.evaluate.scores` gives them.
    jets : CodedJets
        The n jets.

    Raises
    ------
    DataError
        As in :meth:`HeadConfig.check`, or outputs that are not finite.
    """
    head.check(jets, "jets to measure on")
    labels = jets.label.numpy()
    columns = outputs.reshape(len(jets), head.n_outputs)
    binary = measure(columns[:, 0], labels, signal_efficiencies) if head.binary else None
    if binary is not None and not head.regression:
        return binary
    classes = None
    if not head.binary:
        scores = columns[:, : head.n_scores]
        classes = measure_classes(scores, labels, head.classes, head.qcd, signal_efficiencies)
    return HeadMetrics(binary, classes, _responses(columns, jets, head))


def tag_scores(
    outputs: NDArray[Any], labels: NDArray[Any], head: HeadConfig
) -> dict[str, tuple[NDArray[np.float64], NDArray[np.int64]]]:
    """Scores and labels (1 or 0) of each question of the kind "signal or QCD" that a head answers.

    Parameters
    ----------
    outputs : (n,) or (n, outputs)
    labels : (n,) int
        Indices of classes.

    Returns
    -------
    dict
        By signal class, over the jets of this class and of the background classes: the logarithm of the ratio of
        probabilities. A binary head has one entry, "signal", over all jets.
    """
    columns = np.asarray(outputs, np.float64).reshape(len(labels), head.n_outputs)
    index = np.asarray(labels, np.int64)
    if head.binary:
        return {"signal": (columns[:, 0], index)}
    background = [head.classes.index(name) for name in head.qcd]
    answers = {}
    for i, name in enumerate(head.classes):
        if i not in background:
            chosen = np.isin(index, [i, *background])
            scores = discriminant(columns[chosen], [i], background)
            answers[name] = (scores, (index[chosen] == i).astype(np.int64))
    return answers


def read_metrics(values: Mapping[str, Any], head: HeadConfig) -> Metrics | HeadMetrics:
    """Figures from the dictionary that ``dataclasses.asdict`` made of them."""
    if head.binary and not head.regression:
        return build(Metrics, values, finite=False)
    return build(HeadMetrics, values, finite=False)


def _responses(columns: NDArray[np.float64], jets: CodedJets, head: HeadConfig) -> tuple[Response, ...]:
    if jets.ratios is None:
        return ()
    regressed = ratios_of(torch.from_numpy(columns), head).numpy()
    true = jets.ratios.numpy()
    return tuple(
        measure_response(quantity, regressed[:, i], true[:, QUANTITIES.index(quantity)])
        for i, quantity in enumerate(head.regression)
    )
