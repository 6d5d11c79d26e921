"""How much boosts and rotations change the score."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tritag.report.plots.plot import Plot, Report
from tritag.report.plots.style import BLUE, GREEN, GREY

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLOURS = {"float": GREY, "float, re-gridded": GREEN, "fixed": BLUE}


def _draw(axes: Axes, report: Report) -> None:
    changes = report["equivariance"]["changes"]
    kinds = list(dict.fromkeys(change["transformation"] for change in changes))
    for number, (tagger, colour) in enumerate(_COLOURS.items()):
        chosen = [change for change in changes if change["tagger"] == tagger]
        places = [kinds.index(change["transformation"]) + 0.26 * (number - 1) for change in chosen]
        axes.barh(places, [c["score_high"] for c in chosen], height=0.24, color=colour, alpha=0.45)
        axes.barh(places, [c["score_median"] for c in chosen], height=0.24, color=colour, label=tagger)
    axes.set_yticks(range(len(kinds)), kinds)
    axes.set_ylim(len(kinds) - 0.4, -0.6)
    axes.set_xlabel("change of the score (0 to 1)")
    axes.grid(visible=False, axis="y")
    axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=3)


def _caption(report: Report) -> str:
    return (
        f"Change of the score of {report['equivariance']['jets']:,} test jets under each transformation: solid the "
        f"median, pale the largest of 99 %. Putting a moved jet on the trigger's grid again changes the score by "
        f"itself (green)."
    )


PLOT = Plot("equivariance", "Equivariance", _caption, lambda report: bool(report.get("equivariance")), _draw)
