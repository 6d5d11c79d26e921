"""How well a multi-class tagger tells its classes apart, each figure with its statistical error.

Scores are logits of a softmax, or real values of the firmware's integers. Two groups of classes are separated by the
logarithm of the ratio of their probabilities; for two single classes that is the difference of their scores.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tritag.errors import DataError
from tritag.models.figures.metrics import SIGNAL_EFFICIENCIES, Estimate, Floats, Rejection, finite, measure


@dataclass(frozen=True)
class ClassFigures:
    """One class against the others.

    Attributes
    ----------
    name, n_jets
        The class and how many jets of it there are.
    auc : Estimate
        Area under the ROC of the class against all others.
    accuracy : Estimate
        Fraction of its jets whose highest score is its own.
    rejections : tuple of Rejection
        Of the background classes, by the ratio of probabilities; empty for a background class.
    """

    name: str
    n_jets: int
    auc: Estimate
    accuracy: Estimate
    rejections: tuple[Rejection, ...]


@dataclass(frozen=True)
class PairFigures:
    """One class against one other, by the difference of their scores."""

    signal: str
    background: str
    auc: Estimate
    rejections: tuple[Rejection, ...]


@dataclass(frozen=True)
class ClassMetrics:
    """What is quoted of a multi-class tagger.

    Attributes
    ----------
    n_jets : int
        Jets of all classes.
    accuracy : Estimate
        Fraction of jets whose highest score is that of their class (of equal scores the first counts).
    auc : Estimate
        Mean over classes of the AUC against the rest. The error is the mean of the errors: an upper bound, because the
        same jets stand in all of them.
    background : tuple of str
        Classes that rejections are quoted against.
    classes, pairs
        Figures of each class, and of each ordered pair.
    confusion : tuple of tuples of int
        Jets by class (row) and highest score (column).
    """

    n_jets: int
    accuracy: Estimate
    auc: Estimate
    background: tuple[str, ...]
    classes: tuple[ClassFigures, ...]
    pairs: tuple[PairFigures, ...]
    confusion: tuple[tuple[int, ...], ...]

    def of(self, name: str) -> ClassFigures:
        """Figures of one class.

        Raises
        ------
        DataError
            There is no such class.
        """
        for figures in self.classes:
            if figures.name == name:
                return figures
        raise DataError(f"class must be one of {[c.name for c in self.classes]}, got {name!r}")

    def as_dict(self) -> dict[str, Any]:
        """Nested dictionary for JSON; a figure that is not finite becomes None."""
        return finite(dataclasses.asdict(self))

    def __str__(self) -> str:
        signals = [c for c in self.classes if c.rejections]
        each = "; ".join(f"{c.name}: AUC {c.auc}, 1/eps_B = {c.rejections[0]}" for c in signals)
        return f"accuracy {self.accuracy}; mean AUC {self.auc}; {each}"


def measure_classes(
    scores: ArrayLike,
    labels: ArrayLike,
    classes: Sequence[str],
    background: Sequence[str],
    signal_efficiencies: tuple[float, ...] = SIGNAL_EFFICIENCIES,
) -> ClassMetrics:
    """Accuracy, AUCs and rejections of a multi-class tagger.

    Parameters
    ----------
    scores : (B, C) float
        Logits of the softmax.
    labels : (B,) int
        Index of each jet's class.
    classes, background
        Names of the C classes, and of those that rejections are quoted against.
    signal_efficiencies : tuple of float
        Working points, each in (0, 1].

    Raises
    ------
    DataError
        Shapes that do not fit, scores that are not finite, labels outside 0..C-1, or a class without jets.
    """
    values, index = _check(scores, labels, classes)
    n = len(classes)
    highest = values.argmax(axis=1)
    confusion = np.bincount(index * n + highest, minlength=n * n).reshape(n, n)
    qcd = [i for i, name in enumerate(classes) if name in background]
    figures, pairs = [], []
    for i, name in enumerate(classes):
        rest = [j for j in range(n) if j != i]
        total = int(confusion[i].sum())
        rejections = () if i in qcd else _separate(values, index, [i], qcd, signal_efficiencies).rejections
        auc = _separate(values, index, [i], rest, ()).auc
        figures.append(ClassFigures(name, total, auc, _share(int(confusion[i, i]), total), rejections))
        for j in rest:
            pair = _separate(values, index, [i], [j], signal_efficiencies)
            pairs.append(PairFigures(name, classes[j], pair.auc, pair.rejections))
    mean = Estimate(*(float(np.mean([getattr(f.auc, part) for f in figures])) for part in ("value", "error")))
    accuracy = _share(int(np.trace(confusion)), len(index))
    rows = tuple(tuple(int(x) for x in row) for row in confusion)
    return ClassMetrics(len(index), accuracy, mean, tuple(background), tuple(figures), tuple(pairs), rows)


def discriminant(scores: ArrayLike, signal: Sequence[int], background: Sequence[int]) -> Floats:
    """Logarithm (B,) of the ratio of the summed probabilities of two groups of columns of ``scores`` (B, C)."""
    values = np.asarray(scores, np.float64)
    return _log_sum(values[:, list(signal)]) - _log_sum(values[:, list(background)])


def _log_sum(values: Floats) -> Floats:
    largest = values.max(axis=1)
    # one column stays exact: firmware's differences of integers keep their ties
    return largest + np.log(np.exp(values - largest[:, None]).sum(axis=1))


def _separate(
    values: Floats, index: NDArray[np.int64], signal: list[int], background: list[int], efficiencies: tuple[float, ...]
) -> Any:
    chosen = np.isin(index, signal + background)
    return measure(
        discriminant(values[chosen], signal, background), np.isin(index[chosen], signal).astype(int), efficiencies
    )


def _share(part: int, total: int) -> Estimate:
    value = part / total
    return Estimate(value, math.sqrt(value * (1 - value) / total))


def _check(scores: ArrayLike, labels: ArrayLike, classes: Sequence[str]) -> tuple[Floats, NDArray[np.int64]]:
    values, index = np.asarray(scores, np.float64), np.asarray(labels)
    if values.shape != (len(index), len(classes)):
        raise DataError(f"scores must have shape ({len(index)}, {len(classes)}), got {values.shape}")
    if n_bad := int(np.sum(~np.isfinite(values).all(axis=1))):
        raise DataError(
            f"scores must be finite, got NaN or infinity in {n_bad} of {len(values)} jets; check the tagger's weights"
        )
    if n_bad := int(np.sum((index < 0) | (index >= len(classes)))):
        raise DataError(f"labels must be 0..{len(classes) - 1}, got {n_bad} of {len(index)} others; drop those jets")
    counts = np.bincount(index.astype(np.int64), minlength=len(classes))
    if empty := [name for name, count in zip(classes, counts, strict=True) if not count]:
        raise DataError(f"labels must hold every class, got no jets of {empty}")
    return values, index.astype(np.int64)
