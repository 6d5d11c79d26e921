"""Background rejection against signal efficiency, with its statistical error."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tritag.report.plots.plot import Plot, Report
from tritag.report.plots.style import TAGGERS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_STYLES = ("-", "--", ":", "-.")


def _draw(axes: Axes, report: Report) -> None:
    for style, (signal, curves) in zip(_STYLES, report["curves"].items(), strict=False):
        for name, tagger in curves["taggers"].items():
            points = [p for p in tagger["rejection"] if p["value"] is not None]
            x, y, error = (np.array([p[k] for p in points]) for k in ("signal_efficiency", "value", "error"))
            label = name if len(report["curves"]) == 1 else f"{signal}, {name}"
            axes.plot(x, y, style, color=TAGGERS[name], label=label)
            axes.fill_between(x, np.maximum(y - error, 1), y + error, color=TAGGERS[name], alpha=0.2, linewidth=0)
    axes.set_yscale("log")
    axes.set_xlabel("signal efficiency")
    axes.set_ylabel("background rejection")
    axes.legend()


def _caption(report: Report) -> str:
    return (
        "How many background jets there are for each one that passes, at every signal efficiency: the float tagger it "
        "was made from, and the quantized one, whose integers are those of the firmware. Bands are one standard "
        "deviation of the test jets."
    )


PLOT = Plot("rejection", "Rejection", _caption, lambda report: bool(report["curves"]), _draw)
