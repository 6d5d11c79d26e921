"""Published designs after place and route: the only evidence for nanoseconds that there is without a vendor's licence.

Their reports give the slack at the clock that was asked. What a design reached is the clock less the uncertainty that
its user added, less the slack; the tool's own jitter stays in it. All are fully pipelined (a jet a cycle) on the same
part and speed grade as the delay model's, and their sizes are those that the vendor counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Routed:
    """A published design after place and route.

    Attributes
    ----------
    source : str
        Where its report stands.
    stages : int
        Clock cycles from input to output.
    asked_ns, uncertainty_ns, slack_ns : float
        Clock period that was asked, what the user took off it, and the worst slack of the report (WNS).
    levels, path_ns : int and float, optional
        Logic levels and delay of the worst path, where the report names it.
    """

    name: str
    source: str
    lut: int
    ff: int
    dsp: int
    stages: int
    asked_ns: float
    uncertainty_ns: float
    slack_ns: float
    levels: int | None = None
    path_ns: float | None = None

    @property
    def period_ns(self) -> float:
        """The period in ns at which it would have had no slack, without the uncertainty that its user added."""
        return self.asked_ns - self.uncertainty_ns - self.slack_ns


PART = "xcvu13p-flga2577-2-e"
_JEDI = "github.com/calad0i/JEDI-linear, official_result_reports.tar.gz (arXiv 2508.15468)"
_LINFORMER = "github.com/Aaddy-1/hgq-jetformer at c1b53b0, artifacts/synthesis"
ROUTED = (
    Routed("JEDI-linear, 8 x 3 features", _JEDI, 35_684, 20_016, 0, 19, 2.0, 0.0, -0.594),
    Routed("JEDI-linear, 8 x 3 features, permutation-invariant", _JEDI, 136_497, 73_345, 0, 24, 2.0, 0.0, -1.303),
    Routed("JEDI-linear, 8 x 16 features", _JEDI, 51_670, 27_626, 0, 19, 2.0, 0.0, -0.781),
    Routed("JEDI-linear, 8 x 16 features, permutation-invariant", _JEDI, 71_930, 39_918, 0, 21, 2.0, 0.0, -1.212),
    Routed("JEDI-linear, 16 x 3 features", _JEDI, 43_809, 22_438, 0, 19, 2.0, 0.0, -0.822),
    Routed("JEDI-linear, 16 x 3 features, permutation-invariant", _JEDI, 136_440, 70_797, 0, 23, 2.0, 0.0, -1.271),
    Routed("JEDI-linear, 16 x 16 features", _JEDI, 37_675, 20_106, 0, 20, 2.0, 0.0, -0.62),
    Routed("JEDI-linear, 16 x 16 features, permutation-invariant", _JEDI, 98_760, 49_831, 0, 22, 2.0, 0.0, -1.257),
    Routed("JEDI-linear, 32 x 3 features", _JEDI, 45_299, 25_668, 0, 19, 2.0, 0.0, -1.325),
    Routed("JEDI-linear, 32 x 3 features, permutation-invariant", _JEDI, 135_939, 78_715, 0, 24, 2.0, 0.0, -1.34),
    Routed("JEDI-linear, 32 x 16 features", _JEDI, 61_904, 33_131, 0, 21, 2.0, 0.0, -0.876),
    Routed("JEDI-linear, 32 x 16 features, permutation-invariant", _JEDI, 146_655, 71_289, 0, 24, 2.0, 0.0, -1.282),
    Routed("JEDI-linear, 64 x 3 features", _JEDI, 70_704, 38_305, 0, 20, 2.0, 0.0, -1.045),
    Routed("JEDI-linear, 64 x 3 features, permutation-invariant", _JEDI, 163_904, 92_662, 0, 24, 2.0, 0.0, -1.257),
    Routed("JEDI-linear, 64 x 16 features", _JEDI, 84_326, 46_736, 0, 22, 2.0, 0.0, -1.051),
    Routed("JEDI-linear, 64 x 16 features, permutation-invariant", _JEDI, 192_063, 91_667, 0, 25, 2.0, 0.0, -1.73),
    Routed("JEDI-linear, 128 x 3 features", _JEDI, 97_822, 48_231, 0, 21, 2.0, 0.0, -1.882),
    Routed("JEDI-linear, 128 x 3 features, permutation-invariant", _JEDI, 295_715, 163_087, 0, 28, 2.0, 0.0, -2.923),
    Routed("JEDI-linear, 128 x 16 features", _JEDI, 92_580, 46_023, 0, 22, 2.0, 0.0, -1.5),
    Routed("JEDI-linear, 128 x 16 features, permutation-invariant", _JEDI, 242_979, 110_726, 0, 26, 2.0, 0.0, -2.212),
    Routed("Linformer, 64 x 17 features", _LINFORMER, 453_288, 188_033, 8, 21, 5.0, 0.5, -1.951, 14, 6.432),
    Routed("Linformer, 128 x 17 features", _LINFORMER, 540_050, 232_585, 3, 20, 5.0, 0.5, -1.716, 16, 6.195),
)


def size_line(designs: Sequence[Routed] = ROUTED) -> tuple[float, float, float]:
    """Least squares of period against LUTs: ns without LUTs, ns a LUT, and the root of the mean squared residual in ns.

    Parameters
    ----------
    designs
        At least two of different sizes.
    """
    lut, period = (np.array([getattr(d, name) for d in designs]) for name in ("lut", "period_ns"))
    slope, at_zero = np.polyfit(lut, period, 1)
    residuals = period - at_zero - slope * lut
    return float(at_zero), float(slope), float(np.sqrt(np.mean(residuals**2)))
