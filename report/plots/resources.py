"""Which layers take the LUTs and the DSPs of the Verilog."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tritag.report.plots.folding import folded, told
from tritag.report.plots.plot import Plot, Report
from tritag.report.plots.style import BLUE, ORANGE

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Layers are folded into at most so many rows, of which the smallest beyond _DRAWN stand together.
_MOST, _DRAWN = 30, 14


def _layers(report: Report) -> list[str]:
    return list(dict.fromkeys(kernel["layer"] for kernel in report["rtl"]["kernels"]))


def by_layer(report: Report) -> list[tuple[str, int, int]]:
    """LUTs and DSPs of each row's kernels with all their copies, the largest first; what is small stands together."""
    found: dict[str, tuple[int, int]] = {}
    named = folded(_layers(report), _MOST)
    for kernel in report["rtl"]["kernels"]:
        row = named[kernel["layer"]]
        lut, dsp = found.get(row, (0, 0))
        copies = kernel["instances"]
        found[row] = (lut + kernel["lut"] * copies, dsp + kernel["dsp"] * copies)
    rows = sorted(((name, *counts) for name, counts in found.items()), key=lambda row: (-row[1], row[0]))
    large, small = rows[:_DRAWN], rows[_DRAWN:]
    if small:
        large.append((f"{len(small)} smaller", sum(r[1] for r in small), sum(r[2] for r in small)))
    return large


def _draw(axes: Axes, report: Report) -> None:
    rows = by_layer(report)
    total_lut, total_dsp = max(sum(row[1] for row in rows), 1), max(sum(row[2] for row in rows), 1)
    for place, (_, lut, dsp) in enumerate(rows):
        axes.barh(place - 0.2, 100 * lut / total_lut, height=0.38, color=BLUE, label=None if place else "LUT")
        axes.barh(place + 0.2, 100 * dsp / total_dsp, height=0.38, color=ORANGE, label=None if place else "DSP")
    axes.set_yticks(range(len(rows)), [name for name, *_ in rows], fontsize=6)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlabel("share of the design's, %")
    axes.grid(visible=False, axis="y")
    axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2)


def _caption(report: Report) -> str:
    estimate, layers = report["rtl"]["estimate"], _layers(report)
    return (
        f"Shares of the {estimate['lut']:,.0f} LUTs and {estimate['dsp']:,.0f} DSPs that are estimated from the "
        f"Verilog, by layer, all copies together.{told(len(layers), len(set(folded(layers, _MOST).values())))}"
    )


def _shows(report: Report) -> bool:
    return bool(report.get("rtl")) and all("layer" in kernel for kernel in report["rtl"]["kernels"])


PLOT = Plot(
    "resources",
    "Where LUTs and DSPs go",
    _caption,
    _shows,
    _draw,
    width=9.6,
    height=lambda report: 1.0 + 0.22 * len(by_layer(report)),
)
