"""Two taggers on the same jets: the ratio of their rejections, which is far better known than either of them."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from tritag.errors import DataError
from tritag.models.figures.metrics import Floats, Ranking, check_scores, interpolate_background

# Central 68.3 %: one standard deviation to each side of a Gaussian.
_LOW, _HIGH = 0.158655, 0.841345


@dataclass(frozen=True)
class RejectionRatio:
    """Rejection of tagger a over that of tagger b on the same jets.

    Attributes
    ----------
    signal_efficiency : float
        eps_S of both taggers.
    value : float
        (1/eps_B of a) / (1/eps_B of b); infinite or NaN when no background jet passes a, or a and b.
    error : float
        Half the central 68.3 % interval of the paired bootstrap.
    low, high : float
        Ends of that interval.
    background_passed : tuple of float
        Background jets that pass a and b.
    n_background : int
        Background jets in all.
    """

    signal_efficiency: float
    value: float
    error: float
    low: float
    high: float
    background_passed: tuple[float, float]
    n_background: int

    def as_dict(self) -> dict[str, Any]:
        """Dictionary for JSON; a figure that is not finite becomes None."""
        return {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in asdict(self).items()}

    @property
    def figure(self) -> str:
        """Value and error as people read them, and how many background jets it stands on.

        ``unknown`` where none passes a, a value alone where the error is not finite.
        """
        known, sure = math.isfinite(self.value), math.isfinite(self.error)
        text = f"{self.value:.3f}{f' ± {self.error:.3f}' if sure else ''}" if known else "unknown"
        return f"{text} ({self.background_passed[0]:.0f} of {self.n_background:,} background jets)"

    def __str__(self) -> str:
        return f"{self.figure} at eps_S = {self.signal_efficiency:g}"


def rejection_ratio(
    scores_a: ArrayLike,
    scores_b: ArrayLike,
    labels: ArrayLike,
    signal_efficiency: float = 0.3,
    *,
    resamples: int = 400,
    seed: int = 1,
) -> RejectionRatio:
    """Ratio of two taggers' background rejections, with the error of a paired bootstrap.

    Signal and background jets are drawn anew separately, the same draw for both taggers, and the thresholds are set
    anew in every draw: the error holds the fluctuation of both classes.

    Parameters
    ----------
    scores_a, scores_b : (B,) float or int
        Scores of the two taggers for the same jets.
    labels : (B,) int
        1 = signal, 0 = background.
    signal_efficiency : float
        eps_S, in (0, 1].
    resamples : int
        Bootstrap draws, at least 2.
    seed : int
        The same seed gives the same error.

    Raises
    ------
    DataError
        As in :func:`tritag.models.figures.metrics.measure`, or fewer than 2 resamples.
    """
    if resamples < 2:
        raise DataError(f"resamples must be >= 2, got {resamples}")
    values_a, signal = check_scores(scores_a, labels)
    values_b, _ = check_scores(scores_b, labels)
    rankings = [Ranking(values, signal) for values in (values_a, values_b)]
    passed_a, passed_b = (_passed(ranking, signal_efficiency) for ranking in rankings)
    rng = np.random.default_rng(seed)
    classes = [np.flatnonzero(signal), np.flatnonzero(~signal)]
    ratios = np.empty(resamples)
    for i in range(resamples):
        weights = np.zeros(len(signal))
        for members in classes:
            draws = rng.integers(len(members), size=len(members))
            weights[members] = np.bincount(draws, minlength=len(members))
        ratios[i] = _ratio(*(_passed(ranking, signal_efficiency, weights) for ranking in rankings))
    low, high = _interval(ratios)
    return RejectionRatio(
        signal_efficiency,
        _ratio(passed_a, passed_b),
        (high - low) / 2,
        low,
        high,
        (passed_a, passed_b),
        len(classes[1]),
    )


def _passed(ranking: Ranking, signal_efficiency: float, weights: Floats | None = None) -> float:
    return interpolate_background(*ranking.counts(weights), signal_efficiency)[0]


def _ratio(passed_a: float, passed_b: float) -> float:
    if passed_a > 0:
        return passed_b / passed_a
    return math.inf if passed_b > 0 else math.nan


def _interval(ratios: Floats) -> tuple[float, float]:
    """Ends of the central 68.3 %, nearest draws; draws without any passing background jet tell nothing and drop out."""
    known = np.sort(ratios[~np.isnan(ratios)])
    if not len(known):
        return math.nan, math.nan
    # no interpolation: it would turn an infinite draw into NaN
    return float(known[round(_LOW * (len(known) - 1))]), float(known[round(_HIGH * (len(known) - 1))])
