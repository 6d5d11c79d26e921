"""How well a tagger separates signal from background, each figure with its statistical error.

Scores may be floats or the integers of the firmware: jets with equal score are never ordered by chance. Where a working
point falls inside a group of equal scores, the ROC is interpolated linearly across the group, which is what accepting
a random fraction of that group gives on average.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tritag.errors import DataError

SIGNAL_EFFICIENCIES = (0.3, 0.5)

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """A figure and its statistical error (one standard deviation)."""

    value: float
    error: float

    def __str__(self) -> str:
        return f"{self.value:.4f} ± {self.error:.4f}"


@dataclass(frozen=True)
class Rejection:
    """Background rejection 1/eps_B at one signal efficiency.

    Attributes
    ----------
    signal_efficiency : float
        eps_S.
    value, error : float
        1/eps_B and its binomial error; both infinite when no background jet passes. The error does not contain the
        fluctuation of the threshold with the signal jets.
    background_passed : float
        Background jets above the threshold (with a fraction where the threshold cuts through equal scores).
    n_background : int
        Background jets in all.
    threshold : float
        Score at which the signal efficiency is reached: jets with a higher score pass, jets with exactly this score
        pass in part.
    """

    signal_efficiency: float
    value: float
    error: float
    background_passed: float
    n_background: int
    threshold: float

    def __str__(self) -> str:
        figure = f"{self.value:.0f} ± {self.error:.0f}" if math.isfinite(self.value) else "infinite"
        return (
            f"{figure} at eps_S = {self.signal_efficiency:g} "
            f"({self.background_passed:.0f} of {self.n_background} background jets)"
        )


@dataclass(frozen=True)
class Metrics:
    """What is quoted of a tagger.

    Attributes
    ----------
    n_signal, n_background : int
        Jets of each class.
    accuracy : Estimate
        Fraction of jets on the right side of logit 0 (exactly 0 counts as background), binomial error.
    auc : Estimate
        Area under the ROC (equal scores count one half), DeLong error.
    rejections : tuple of Rejection
        One per signal efficiency.
    """

    n_signal: int
    n_background: int
    accuracy: Estimate
    auc: Estimate
    rejections: tuple[Rejection, ...]

    def rejection(self, signal_efficiency: float) -> Rejection:
        """Rejection at one of the measured signal efficiencies.

        Raises
        ------
        DataError
            That efficiency was not measured.
        """
        for rejection in self.rejections:
            if math.isclose(rejection.signal_efficiency, signal_efficiency):
                return rejection
        measured = ", ".join(f"{r.signal_efficiency:g}" for r in self.rejections)
        raise DataError(f"signal_efficiency must be one of those measured ({measured}), got {signal_efficiency:g}")

    def as_dict(self) -> dict[str, Any]:
        """Nested dictionary for JSON; a figure that is not finite becomes None."""
        return finite(dataclasses.asdict(self))

    def __str__(self) -> str:
        rejections = "; ".join(f"1/eps_B = {r}" for r in self.rejections)
        return f"accuracy {self.accuracy}; AUC {self.auc}; {rejections}"


@dataclass(frozen=True)
class Roc:
    """Points of a ROC, one per distinct score from the highest to the lowest, after the point (0, 0).

    Attributes
    ----------
    signal, background : (P,) float64
        Jets with a score of at least ``threshold``.
    threshold : (P,) float64
        Scores; the first is +infinity.
    """

    signal: Floats
    background: Floats
    threshold: Floats

    @property
    def signal_efficiency(self) -> Floats:
        """Share of the signal jets that pass each threshold, eps_S (P,)."""
        return self.signal / self.signal[-1]

    @property
    def background_efficiency(self) -> Floats:
        """Share of the background jets that pass each threshold, eps_B (P,)."""
        return self.background / self.background[-1]


def measure(
    scores: ArrayLike, labels: ArrayLike, signal_efficiencies: tuple[float, ...] = SIGNAL_EFFICIENCIES
) -> Metrics:
    """Accuracy, AUC and background rejections of a tagger.

    Parameters
    ----------
    scores : (B,) float or int
        Logits, or integers proportional to them; higher is more signal-like.
    labels : (B,) int
        1 = signal, 0 = background.
    signal_efficiencies : tuple of float
        Working points, each in (0, 1].

    Raises
    ------
    DataError
        Shapes that differ, scores that are not finite, labels other than 0 and 1, a class without jets, or an
        efficiency outside (0, 1].

    References
    ----------
    DeLong, DeLong and Clarke-Pearson, Biometrics 44 (1988) 837; Sun and Xu, IEEE Signal Process. Lett. 21 (2014) 1389.
    """
    scores, signal = check_scores(scores, labels)
    right = float(np.mean((scores > 0) == signal))
    accuracy = Estimate(right, math.sqrt(right * (1 - right) / len(scores)))
    roc = _roc(scores, signal)
    rejections = tuple(_rejection(roc, efficiency) for efficiency in signal_efficiencies)
    n_signal = int(signal.sum())
    return Metrics(n_signal, len(signal) - n_signal, accuracy, _auc(scores, signal), rejections)


def measure_roc(scores: ArrayLike, labels: ArrayLike) -> Roc:
    """ROC of a tagger; arguments and errors as in :func:`measure`."""
    return _roc(*check_scores(scores, labels))


def check_scores(scores: ArrayLike, labels: ArrayLike) -> tuple[Floats, NDArray[np.bool_]]:
    """Scores as float64 and "is signal" as bool, both (B,); errors as in :func:`measure`."""
    values, classes = np.asarray(scores, np.float64), np.asarray(labels)
    if values.ndim != 1 or values.shape != classes.shape:
        raise DataError(f"scores and labels must have one entry per jet, got shapes {values.shape} and {classes.shape}")
    if n_bad := int(np.sum(~np.isfinite(values))):
        raise DataError(
            f"scores must be finite, got {n_bad} NaN or infinite of {len(values)}; check the tagger's weights"
        )
    if n_bad := int(np.sum((classes != 0) & (classes != 1))):
        raise DataError(f"labels must be 0 or 1, got {n_bad} of {len(classes)} jets with other values; drop those jets")
    signal = classes == 1
    if not 0 < signal.sum() < len(signal):
        raise DataError(
            f"labels must hold both classes, got {int(signal.sum())} signal and {int((~signal).sum())} background jets"
        )
    return values, signal


class Ranking:
    """Jets sorted by score, once: counts above every threshold for any weights of the jets.

    Parameters
    ----------
    scores : (B,) float64
        Finite.
    signal : (B,) bool
    """

    def __init__(self, scores: Floats, signal: NDArray[np.bool_]) -> None:
        self._order = np.argsort(-scores, kind="stable")
        ranked = scores[self._order]
        # last jet of each group of equal scores
        self._ends = np.append(np.flatnonzero(ranked[1:] != ranked[:-1]), len(ranked) - 1)
        self._signal = signal[self._order]
        self.thresholds = np.append(math.inf, ranked[self._ends])

    def counts(self, weights: Floats | None = None) -> tuple[Floats, Floats]:
        """Signal and background, each (P,), at or above each threshold; jet i counts ``weights[i]`` times."""
        ordered = np.ones(len(self._order)) if weights is None else weights[self._order]
        signal = np.cumsum(np.where(self._signal, ordered, 0.0))[self._ends]
        background = np.cumsum(np.where(self._signal, 0.0, ordered))[self._ends]
        return np.append(0.0, signal), np.append(0.0, background)


def _roc(scores: Floats, signal: NDArray[np.bool_]) -> Roc:
    ranking = Ranking(scores, signal)
    return Roc(*ranking.counts(), ranking.thresholds)


def interpolate_background(signal: Floats, background: Floats, signal_efficiency: float) -> tuple[float, int]:
    """Background jets that pass at a signal efficiency.

    Parameters
    ----------
    signal, background : (P,) float64
        Jets above each threshold, from (0, 0) on, not decreasing.
    signal_efficiency : float
        In (0, 1]. The tightest threshold that reaches it counts; within a step the ROC is a straight line.

    Returns
    -------
    passed : float
        Background jets above the threshold.
    point : int
        Index of the ROC point at the end of that step.
    """
    if not 0 < signal_efficiency <= 1:
        raise DataError(f"signal_efficiency must lie in (0, 1], got {signal_efficiency:g}")
    # 0.7 * 10 is not 7 in floating point: without rounding the next signal jet would be asked for.
    wanted = round(signal_efficiency * float(signal[-1]), 6)
    point = max(int(np.searchsorted(signal, wanted, side="left")), 1)
    below, above = signal[point - 1], signal[point]
    fraction = (wanted - below) / (above - below)
    return float(background[point - 1] + fraction * (background[point] - background[point - 1])), point


def _rejection(roc: Roc, signal_efficiency: float) -> Rejection:
    passed, point = interpolate_background(roc.signal, roc.background, signal_efficiency)
    total = int(roc.background[-1])
    value = total / passed if passed > 0 else math.inf
    # eps_B = passed/total with binomial error; relative errors of eps_B and 1/eps_B are equal
    error = value * math.sqrt((1 - passed / total) / passed) if passed > 0 else math.inf
    return Rejection(signal_efficiency, value, error, passed, total, float(roc.threshold[point]))


def _mid_ranks(values: Floats) -> Floats:
    """Ranks from 1; equal values share the mean of their ranks."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return (last - (counts - 1) / 2)[inverse]


def _auc(scores: Floats, signal: NDArray[np.bool_]) -> Estimate:
    n_signal, n_background = int(signal.sum()), int((~signal).sum())
    ranks = _mid_ranks(scores)
    # for each signal jet the fraction of background below it, for each background jet the fraction of signal above it
    below = (ranks[signal] - _mid_ranks(scores[signal])) / n_background
    above = 1 - (ranks[~signal] - _mid_ranks(scores[~signal])) / n_signal
    variance = sum(float(np.sum((v - v.mean()) ** 2)) / (len(v) * max(len(v) - 1, 1)) for v in (below, above))
    # sums of half-integers are exact: the order of the jets cannot matter
    value = (ranks[signal].sum() - n_signal * (n_signal + 1) / 2) / (n_signal * n_background)
    return Estimate(float(value), math.sqrt(variance))


def finite(value: Any) -> Any:
    """``value`` for JSON: in nested containers too, a figure that is not finite becomes None."""
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
