"""Score of every test jet before against after quantization."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tritag.report.plots.plot import Plot, Report
from tritag.report.plots.style import FAINT, GREEN

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def _agreement(report: Report) -> dict[str, object] | None:
    return next((curves.get("agreement") for curves in report["curves"].values()), None)


def _draw(axes: Axes, report: Report) -> None:
    found = next(iter(report["curves"].values()))["agreement"]
    edges, counts = np.array(found["edges"]), np.array(found["counts"])
    centres = (edges[1:] + edges[:-1]) / 2
    i, j = np.nonzero(counts)
    strength = np.sqrt(counts[i, j] / counts.max())
    axes.plot(edges[[0, -1]], edges[[0, -1]], color=FAINT, linewidth=1, zorder=0)
    # Markers and not an image: they are the page's colour, and stay sharp.
    for low in np.linspace(0, 0.9, 10):
        chosen = (strength > low) & (strength <= low + 0.1)
        axes.scatter(centres[i[chosen]], centres[j[chosen]], s=2 + 26 * (low + 0.1), marker="s", color=GREEN, alpha=0.7)
    first, second = found["taggers"]
    axes.set_xlabel(f"score, {first}")
    axes.set_ylabel(f"score, {second}")
    axes.set_aspect("equal")


def _caption(report: Report) -> str:
    found = next(iter(report["curves"].values()))["agreement"]
    return (
        f"Test jets by their score before and after quantization; larger squares hold more. The score moves by "
        f"{found['mean_change']:+.3f} on average with a spread of {found['spread_of_change']:.3f}; "
        f"{found['same_side']:.1%} of the jets stay on their side of zero."
    )


PLOT = Plot("agreement", "Float against firmware", _caption, lambda report: _agreement(report) is not None, _draw)
