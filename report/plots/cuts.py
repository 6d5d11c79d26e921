"""What a cut on the score lets through: share of signal and of background."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tritag.report.plots.plot import Plot, Report
from tritag.report.plots.style import BLUE, ORANGE

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def _draw(axes: Axes, report: Report) -> None:
    signal, curves = next(iter(report["curves"].items()))
    cuts = list(curves["taggers"].values())[-1]["cuts"]
    threshold = [cut["threshold"] for cut in cuts]
    axes.plot(threshold, [cut["signal_efficiency"] for cut in cuts], color=BLUE, label=f"{signal} that pass")
    passed = [cut["background_efficiency"] or float("nan") for cut in cuts]
    axes.plot(threshold, passed, color=ORANGE, label="background that passes")
    axes.set_yscale("log")
    axes.set_xlabel("cut on the score")
    axes.set_ylabel("share of jets")
    axes.legend()


def _caption(report: Report) -> str:
    return (
        "The share of jets at or above each cut on the firmware's score. Times the rate of jets that reach the tagger, "
        "the background's line is the trigger rate."
    )


PLOT = Plot("cuts", "Rate and efficiency of a cut", _caption, lambda report: bool(report["curves"]), _draw)
