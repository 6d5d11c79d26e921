"""When each kernel of the Verilog works, from the first beat of a jet to its score."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tritag.report.plots.folding import folded, told
from tritag.report.plots.plot import Plot, Report
from tritag.report.plots.style import BLUE, FAINT

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST = 40


def _layers(report: Report) -> list[str]:
    return list(dict.fromkeys(kernel["layer"] for kernel in report["rtl"]["kernels"] if "stages" in kernel))


def _spans(report: Report) -> list[tuple[str, int, int]]:
    """First and last cycle of each row's kernels, in the order in which they begin."""
    spans: dict[str, tuple[int, int]] = {}
    rows = folded(_layers(report), _MOST)
    for kernel in report["rtl"]["kernels"]:
        if "stages" in kernel:
            row = rows[kernel["layer"]]
            first, last = kernel["stages"]
            low, high = spans.get(row, (first, last))
            spans[row] = (min(low, first), max(high, last))
    return sorted(((name, *span) for name, span in spans.items()), key=lambda row: (row[1], row[2]))


def _draw(axes: Axes, report: Report) -> None:
    spans = _spans(report)
    for place, (_, first, last) in enumerate(spans):
        axes.barh(place, last - first + 1, left=first, height=0.7, color=BLUE, linewidth=0)
    axes.axvline(report["rtl"]["scheduled_latency_cycles"], color=FAINT, linewidth=1)
    axes.set_yticks(range(len(spans)), [name for name, *_ in spans], fontsize=6)
    axes.set_ylim(len(spans) - 0.4, -0.6)
    axes.set_xlim(left=0)
    axes.set_xlabel("cycle after the first beat of the jet")
    axes.grid(visible=False, axis="y")


def _caption(report: Report) -> str:
    rtl: dict[str, Any] = report["rtl"]
    return (
        f"The schedule of one jet: a layer works from the cycle where its first input is there to its last output, and "
        f"the score leaves after {rtl['scheduled_latency_cycles']} cycles. The next jet may enter after "
        f"{rtl['interval']} cycles.{told(len(_layers(report)), len(_spans(report)))}"
    )


def _shows(report: Report) -> bool:
    return bool(report.get("rtl")) and bool(_spans(report))


PLOT = Plot(
    "schedule",
    "Where the cycles go",
    _caption,
    _shows,
    _draw,
    width=9.6,
    height=lambda report: 0.9 + 0.15 * len(_spans(report)),
)
