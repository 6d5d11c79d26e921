"""Several runs beside each other: rejection against what it costs, and all their curves in one picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tritag.report.plots.plot import Plot, Report, value_at
from tritag.report.plots.style import BLUE, GREEN, GREY, ORANGE, PINK
from tritag.report.working_point import working_point

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS_OF_RUNS = (BLUE, ORANGE, GREEN, PINK, GREY)
_MARKERS = "osD^v<>pXh"
# Key of the figure: title, axis and place of the cost in a run's report.
COSTS = {
    "lut": ("Rejection against LUTs", "LUT, estimated from the Verilog", "/rtl/estimate/lut"),
    "latency": ("Rejection against latency", "latency of the schedule, cycles", "/rtl/scheduled_latency_cycles"),
    "bits": ("Rejection against bit operations", "bit operations of a jet", "/cost/bit_operations"),
}


def _points(report: Report, pointer: str) -> list[tuple[int, float, dict[str, Any]]]:
    """Number, cost and rejection of the runs that have both."""
    points = []
    for number, run in enumerate(report["runs"]):
        cost, point = value_at(run, pointer), working_point(run)
        rejection = value_at(run, point[0]) if point else None
        if cost is not None and rejection is not None and rejection["value"] is not None:
            points.append((number, cost, rejection))
    return points


def _look(number: int) -> dict[str, Any]:
    return {"color": COLOURS_OF_RUNS[number % len(COLOURS_OF_RUNS)], "marker": _MARKERS[number % len(_MARKERS)]}


def _against(pointer: str, label: str) -> Any:
    def draw(axes: Axes, report: Report) -> None:
        for number, cost, rejection in _points(report, pointer):
            axes.errorbar(
                cost,
                rejection["value"],
                rejection["error"],
                linestyle="none",
                capsize=2,
                label=report["runs"][number]["run"],
                **_look(number),
            )
        axes.set_xscale("log")
        axes.set_xlabel(label)
        axes.set_ylabel(f"rejection at efficiency {_points(report, pointer)[0][2]['signal_efficiency']}")

    return draw


def _draw_rejections(axes: Axes, report: Report) -> None:
    for number, run in enumerate(report["runs"]):
        for curves in list(run["curves"].values())[:1]:
            points = [p for p in list(curves["taggers"].values())[-1]["rejection"] if p["value"] is not None]
            axes.plot(
                [p["signal_efficiency"] for p in points],
                [p["value"] for p in points],
                color=_look(number)["color"],
                linestyle=("-", "--", ":", "-.")[number // len(COLOURS_OF_RUNS) % 4],
                label=run["run"],
            )
    axes.set_yscale("log")
    axes.set_xlabel("signal efficiency")
    axes.set_ylabel("background rejection")
    axes.legend(fontsize=6)


def versus_plots() -> tuple[Plot, ...]:
    """The figures of a comparison; a run without the cost of a figure is not in it, and the caption says so."""
    curves = Plot(
        "rejections",
        "Rejection of every run",
        lambda report: "Each run on its own test jets: compare only runs that were tested on the same data.",
        lambda report: any(run["curves"] for run in report["runs"]),
        _draw_rejections,
    )
    return (curves, *(_versus(key, *row) for key, row in COSTS.items()))


def _versus(key: str, title: str, label: str, pointer: str) -> Plot:
    def caption(report: Report) -> str:
        missing = len(report["runs"]) - len(_points(report, pointer))
        text = "Bars are one standard deviation of the test jets; colours and markers are those of the table."
        return text + (f" {missing} of the runs have no such figure yet." if missing else "")

    return Plot(key, title, caption, lambda report: bool(_points(report, pointer)), _against(pointer, label))
