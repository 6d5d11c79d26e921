"""How the report's figures look: in the page, where they take the page's colours, and in a talk (mplhep's style)."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import TYPE_CHECKING

from tritag.errors import ToolError
from tritag.files import atomic_path
from tritag.report.drawing import drawing
from tritag.report.plots.plot import Plot, Report

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Each colour of the drawing stands for one of the page (report/page/style.py), which knows light and dark.
INK, FAINT = "#1b1b1d", "#c9c9ce"
BLUE, ORANGE, GREEN, PINK, GREY = "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#8c8c92"
COLOURS = {INK: "ink", FAINT: "faint", BLUE: "blue", ORANGE: "orange", GREEN: "green", PINK: "pink", GREY: "grey"}
TAGGERS = {"float": GREY, "quantized": BLUE}
_PAGE = {
    "font.size": 9,
    "font.family": "sans-serif",
    "svg.fonttype": "none",
    "svg.hashsalt": "tritag",
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": FAINT,
    "grid.linewidth": 0.5,
    "axes.axisbelow": True,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
}


def inline_svg(plot: Plot, report: Report) -> str:
    """The figure as an SVG element for the page: colours and font of the page, names of its own inside.

    Raises
    ------
    ToolError
        matplotlib is not installed.
    """
    with drawing(_PAGE):
        figure = _drawn(plot, report, plot.width, plot.height_for(report))
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, count=1, flags=re.DOTALL)
    # Several drawings share a page: each one's names begin with its key.
    text = re.sub(r'\bid="', f'id="{plot.key}-', text)
    text = re.sub(r'(url\(#|href="#)', rf"\g<1>{plot.key}-", text)
    text = re.sub(r"font: (?:[\w.]+ )*?([\d.]+px) [^;\"]*", r"font-size: \1", text)
    text = re.sub(r'(<svg [^>]*?) height="[^"]*"', r"\1", text, count=1)
    text = re.sub(r'(<svg [^>]*?) width="[^"]*"', r"\1", text, count=1)
    for colour, name in COLOURS.items():
        text = re.sub(re.escape(colour), f"var(--{name})", text, flags=re.IGNORECASE)
    return text


def write_static(plot: Plot, report: Report, folder: Path) -> list[Path]:
    """Write the figure as PDF and PNG in mplhep's plain style; returns the files.

    Raises
    ------
    ToolError
        matplotlib or mplhep is not installed.
    """
    try:
        import mplhep
    except ImportError as error:
        raise ToolError("figures for talks need mplhep; install it with pip install 'tritag[plots]'") from error
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    with drawing({**mplhep.style.ROOT, "font.size": 18, "svg.hashsalt": "tritag", "legend.fontsize": 15}):
        height = 8 * plot.height_for(report) / plot.width
        figure = _drawn(plot, report, 8, height)
        for ending, metadata in (("pdf", {"CreationDate": None, "Creator": None, "Producer": None}), ("png", {})):
            path = folder / f"{plot.key}.{ending}"
            with atomic_path(path) as temporary:
                figure.savefig(temporary, format=ending, dpi=150, metadata={**metadata})
            written.append(path)
    return written


def _drawn(plot: Plot, report: Report, width: float, height: float) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    plot.draw(figure.add_subplot(), report)
    return figure
