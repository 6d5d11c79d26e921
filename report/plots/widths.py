"""Which bits every layer's values occupy, around the binary point."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tritag.report.plots.plot import Plot, Report
from tritag.report.plots.style import BLUE, FAINT, GREY, ORANGE

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def _draw(axes: Axes, report: Report) -> None:
    layers = report["layers"]
    for place, layer in enumerate(layers):
        right = -layer["fraction"]
        axes.barh(place, layer["width"], left=right, height=0.8, color=FAINT, linewidth=0)
        colour = ORANGE if layer["kind"] == "CutTo" else BLUE
        if "seen_bits" in layer:
            axes.barh(place, layer["seen_bits"], left=right, height=0.45, color=colour, linewidth=0)
    axes.axvline(0, color=GREY, linewidth=0.8)
    axes.set_yticks(range(len(layers)), [layer["name"] for layer in layers], fontsize=6)
    axes.set_ylim(len(layers) - 0.4, -0.6)
    axes.set_xlabel("bits before (right) and behind (left) the binary point")
    axes.grid(visible=False, axis="y")


def _caption(report: Report) -> str:
    cuts = [layer for layer in report["layers"] if "at_an_end" in layer]
    worst = max(cuts, key=lambda layer: layer["at_an_end"], default=None)
    text = (
        f"Pale: the bits of a layer's type, which hold everything that is proven about it. Solid: the bits that "
        f"{report['observed_jets']:,} golden jets reached; orange where a value is rounded and cut to its type."
    )
    if worst is None:
        return text
    return text + f" Of {worst['name']}, {worst['at_an_end']:.2%} of the values lie at an end of the type, most of all."


PLOT = Plot(
    "widths",
    "Ranges and widths, layer by layer",
    _caption,
    lambda report: bool(report["layers"]),
    _draw,
    width=9.6,
    height=lambda report: 0.9 + 0.14 * len(report["layers"]),
)
