"""How well a regressed quantity agrees with the truth: bias and resolution of the response, with errors.

The response of a jet is its corrected over its true quantity. Its distribution has tails, so both figures are made of
quantiles; their errors follow from the spacing of the quantiles around them and assume no shape.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from tritag.errors import DataError
from tritag.models.figures.metrics import Estimate, Floats

# Central 68.3 %: one standard deviation to each side of a Gaussian.
_LOW, _MIDDLE, _HIGH = 0.158655, 0.5, 0.841345
_FEWEST_JETS = 10


@dataclass(frozen=True)
class Response:
    """Bias and resolution of one quantity.

    Attributes
    ----------
    quantity : str
    n_jets : int
        Jets whose truth is known.
    bias : Estimate
        Median of the response, minus 1.
    resolution : Estimate
        Half the central 68.3 % interval of the response, over its median.
    bias_before, resolution_before : Estimate
        The same of the jets as they are, uncorrected.
    """

    quantity: str
    n_jets: int
    bias: Estimate
    resolution: Estimate
    bias_before: Estimate
    resolution_before: Estimate

    def __str__(self) -> str:
        return (
            f"{self.quantity}: bias {self.bias} (before {self.bias_before}), resolution {self.resolution} "
            f"(before {self.resolution_before}), {self.n_jets} jets"
        )


def measure_response(quantity: str, regressed: ArrayLike, true: ArrayLike) -> Response:
    """Response of a quantity.

    Parameters
    ----------
    regressed, true : (B,) float
        Factors from the jet's to the corrected and to the true quantity; jets whose true factor is NaN are left out.

    Raises
    ------
    DataError
        Shapes that differ, regressed factors that are not finite, or fewer than 10 jets with known truth.
    """
    given, wanted = np.asarray(regressed, np.float64), np.asarray(true, np.float64)
    if given.shape != wanted.shape or given.ndim != 1:
        raise DataError(f"factors must have one entry per jet, got shapes {given.shape} and {wanted.shape}")
    known = np.isfinite(wanted) & (wanted > 0)
    given, wanted = given[known], wanted[known]
    if len(given) < _FEWEST_JETS:
        raise DataError(f"{quantity} must be known for {_FEWEST_JETS} jets or more, got {len(given)}")
    if not np.isfinite(given).all():
        raise DataError(f"{quantity} must be finite, got {int(np.sum(~np.isfinite(given)))} NaN or infinite values")
    after, before = _bias_and_resolution(given / wanted), _bias_and_resolution(1 / wanted)
    return Response(quantity, len(given), *after, *before)


def _bias_and_resolution(response: Floats) -> tuple[Estimate, Estimate]:
    ordered = np.sort(response)
    (low, low_error), (middle, middle_error), (high, high_error) = (
        _quantile(ordered, fraction) for fraction in (_LOW, _MIDDLE, _HIGH)
    )
    half = (high - low) / 2
    # two quantiles p < q of one sample have correlation sqrt(p (1 - q) / (q (1 - p)))
    correlation = math.sqrt(_LOW * (1 - _HIGH) / (_HIGH * (1 - _LOW)))
    half_error = 0.5 * math.sqrt(low_error**2 + high_error**2 - 2 * correlation * low_error * high_error)
    if middle <= 0:
        return Estimate(middle - 1, middle_error), Estimate(math.inf, math.inf)
    resolution = half / middle
    # a common factor of all responses cancels, so the median's error enters as if it were independent
    return Estimate(middle - 1, middle_error), Estimate(
        resolution, math.hypot(half_error / middle, resolution * middle_error / middle)
    )


def _quantile(ordered: Floats, fraction: float) -> tuple[float, float]:
    """Quantile and its error: half the distance of the quantiles one binomial standard deviation to each side."""
    n = len(ordered)
    step = math.sqrt(fraction * (1 - fraction) / n)
    at = np.quantile(ordered, [max(fraction - step, 0.0), fraction, min(fraction + step, 1.0)])
    return float(at[1]), float(at[2] - at[0]) / 2
