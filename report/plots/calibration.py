"""Whether the score may be read as a probability."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tritag.report.plots.plot import Plot, Report
from tritag.report.plots.style import FAINT, TAGGERS

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def _draw(axes: Axes, report: Report) -> None:
    axes.plot([0, 1], [0, 1], color=FAINT, linewidth=1, zorder=0)
    for name, tagger in next(iter(report["curves"].values()))["taggers"].items():
        points = tagger["calibration"]
        axes.errorbar(
            [p["probability"] for p in points],
            [p["share"] for p in points],
            [p["error"] for p in points],
            fmt="o-",
            markersize=3,
            color=TAGGERS[name],
            label=name,
        )
    axes.set_xlabel("probability that the score stands for")
    axes.set_ylabel("share of signal among these jets")
    axes.legend()


def _caption(report: Report) -> str:
    return (
        "On the diagonal the score is the logarithm of the odds. It moves off where the mixture of classes in the test "
        "jets is not that of the training, and where quantization stretched the score; a cut does not mind."
    )


PLOT = Plot("calibration", "Calibration", _caption, lambda report: bool(report["curves"]), _draw)
