"""Which bits every layer's values occupy, around the binary point."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tritag.report.plots.folding import folded, told
from tritag.report.plots.plot import Plot, Report
from tritag.report.plots.style import BLUE, FAINT, GREY, ORANGE

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST = 70
# Layers that only move values have the type of what they read.
_MOVING = ("Reshape", "Transpose", "Concat")


def _computing(report: Report) -> list[dict[str, Any]]:
    return [layer for layer in report["layers"] if layer["kind"] not in _MOVING]


def _rows(report: Report) -> list[tuple[str, dict[str, Any]]]:
    """Name of each row, and the layer of the widest type in it."""
    layers = _computing(report)
    named = folded([layer["name"] for layer in layers], _MOST)
    widest: dict[str, dict[str, Any]] = {}
    for layer in layers:
        row = named[layer["name"]]
        widest[row] = max(widest.get(row, layer), layer, key=lambda each: each["width"])
    return list(widest.items())


def _draw(axes: Axes, report: Report) -> None:
    rows = _rows(report)
    for place, (_, layer) in enumerate(rows):
        right = -layer["fraction"]
        axes.barh(place, layer["width"], left=right, height=0.8, color=FAINT, linewidth=0)
        colour = ORANGE if layer["kind"] == "CutTo" else BLUE
        if "seen_bits" in layer:
            axes.barh(place, layer["seen_bits"], left=right, height=0.45, color=colour, linewidth=0)
    axes.axvline(0, color=GREY, linewidth=0.8)
    axes.set_yticks(range(len(rows)), [name for name, _ in rows], fontsize=6)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlabel("bits before (right) and behind (left) the binary point")
    axes.grid(visible=False, axis="y")


def _caption(report: Report) -> str:
    cuts = [layer for layer in report["layers"] if "at_an_end" in layer]
    worst = max(cuts, key=lambda layer: layer["at_an_end"], default=None)
    text = (
        f"Pale: the bits of a layer's type, which hold everything that is proven about it. Solid: the bits that "
        f"{report['observed_jets']:,} golden jets reached; orange where a value is rounded and cut to its type."
    )
    if folding := told(len(_computing(report)), len(_rows(report))):
        text += f"{folding} A row shows the widest of its layers."
    if worst is None:
        return text
    return text + f" Of {worst['name']}, {worst['at_an_end']:.2%} of the values lie at an end of the type, most of all."


PLOT = Plot(
    "widths",
    "Ranges and widths, layer by layer",
    _caption,
    lambda report: bool(_computing(report)),
    _draw,
    width=9.6,
    height=lambda report: 0.9 + 0.14 * len(_rows(report)),
)
