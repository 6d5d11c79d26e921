"""The page of a sweep: rejection against each cost with the Pareto front, and the table of all points."""

from __future__ import annotations

import math
from html import escape
from typing import TYPE_CHECKING, Any

from tritag.report.page.document import figures, page
from tritag.report.page.numbers import number
from tritag.report.page.tables import table
from tritag.report.pareto import pareto_front
from tritag.report.plots.plot import Plot, Report
from tritag.report.plots.style import BLUE, GREY, ORANGE
from tritag.report.sweep import FIGURES, fates, shown_figures

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COSTS = ("latency_ns", "lut_share", "dsp_share", "bit_operations", "effective_bit_operations")
_GAIN = "rejection_0.3"


def sweep_page(report: Report) -> str:
    """Page of a sweep.

    Parameters
    ----------
    report : dict
        Content of table.json: name, objectives, axes, points.
    """
    lines = report["points"]
    body = [
        f"<h1>Sweep {escape(report['name'])}</h1>",
        f'<p class="lead">{escape(fates(lines))} No point on the front is beaten in all of '
        f"{escape(', '.join(FIGURES[name][0] for name in report['objectives']))} by another that was trained in full. "
        "Rejections are those of the test jets, and the best of many is a lucky one, too: train the run that is chosen "
        "with other seeds before its figure is quoted.</p>",
        *figures([_plot(name) for name in _COSTS], report),
        "<h2>Front</h2>",
        f'<div class="scroll">{_table(report, [i for i, line in enumerate(lines) if line["front"]])}</div>',
        "<h2>All points</h2>",
        f'<div class="scroll">{_table(report, list(range(len(lines))))}</div>',
    ]
    return page(f"Sweep {report['name']}", body)


def _table(report: Report, numbers: list[int]) -> str:
    shown = shown_figures(report["points"], report["objectives"])
    heads = ["point", *map(escape, report["axes"]), "fate", "run", *(escape(FIGURES[name][0]) for name in shown)]
    return table(heads, (_cells(report, i, shown) for i in numbers), numbers=len(shown))


def _cells(report: Report, i: int, shown: list[str]) -> list[str]:
    line, where = report["points"][i], f"/points/{i}"
    fate = f"{line['status']}: {line['error']}" if line["error"] else str(line["status"])
    cells = [str(line["point"]), *(str(line[axis]) for axis in report["axes"]), fate, str(line["run"] or "-")]
    found = [number(report, f"{where}/{name}", FIGURES[name][1]) for name in shown]
    for j, name in enumerate(shown):
        if line.get(f"{name}_error") is not None:
            found[j] += " ± " + number(report, f"{where}/{name}_error", FIGURES[name][1])
    return [*map(escape, cells), *found]


def _points(report: Report, cost: str) -> list[dict[str, Any]]:
    """Lines that a figure can show: an infinite rejection has no place on an axis."""
    known = [line for line in report["points"] if line.get(cost) is not None and line.get(_GAIN) is not None]
    return [line for line in known if math.isfinite(line[_GAIN])]


def _plot(cost: str) -> Plot:
    title = FIGURES[cost][0]

    def draw(axes: Axes, report: Report) -> None:
        lines = _points(report, cost)
        for label, colour, chosen in (
            ("stopped early", GREY, [line for line in lines if line["status"] == "stopped"]),
            ("trained in full", BLUE, [line for line in lines if line["status"] == "done" and not line["front"]]),
            ("on the front of all objectives", ORANGE, [line for line in lines if line["front"]]),
        ):
            if chosen:
                x, y, error = ([line[key] for line in chosen] for key in (cost, _GAIN, f"{_GAIN}_error"))
                axes.errorbar(x, y, error, fmt="o", markersize=3, capsize=1, color=colour, label=label)
        done = [(line[cost], line[_GAIN]) for line in lines if line["status"] == "done"]
        if best := [done[i] for i in pareto_front(done)]:
            axes.plot(*zip(*best, strict=True), color=ORANGE, linewidth=0.8, zorder=0)
        axes.set_xscale("log")
        axes.set_xlabel(title)
        axes.set_ylabel("rejection at signal efficiency 0.3")
        axes.legend(fontsize=6)

    return Plot(
        cost.replace("_", "-"),
        f"Rejection against {title}",
        lambda report: (
            "Bars are one standard deviation of the test jets; the line joins the points that no other one "
            "beats in these two figures. Points that no background jet passes stand in the table alone."
        ),
        lambda report: any(line[cost] > 0 for line in _points(report, cost)),
        draw,
    )
