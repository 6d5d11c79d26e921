"""Distribution of the score for signal and background, before and after quantization."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tritag.report.plots.plot import Plot, Report
from tritag.report.plots.style import BLUE, ORANGE

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def _draw(axes: Axes, report: Report) -> None:
    signal, curves = next(iter(report["curves"].items()))
    classes = (("signal", signal, BLUE), ("background", "background", ORANGE))
    for name, tagger in curves["taggers"].items():
        histogram = tagger["histogram"]
        for key, label, colour in classes:
            counts = np.array(histogram[key]) / max(sum(histogram[key]), 1)
            line = ("-", 1.5) if name == "quantized" else ("--", 1)
            axes.stairs(
                counts, histogram["edges"], color=colour, linestyle=line[0], linewidth=line[1], label=f"{label}, {name}"
            )
    axes.set_xlabel("score")
    axes.set_ylabel("share of the class in a bin")
    axes.set_ylim(0, 1.3 * axes.get_ylim()[1])  # room for the legend
    axes.legend(loc="upper center", ncols=2)


def _caption(report: Report) -> str:
    return "Scores of the test jets by class: dashed before, solid after quantization."


PLOT = Plot("distribution", "Scores", _caption, lambda report: bool(report["curves"]), _draw)
