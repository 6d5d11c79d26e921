"""Figures of a study: rejection against bit operations and energy (tagger-quantization paper, Figs. 5 and 6)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tritag.files import atomic_path
from tritag.report.drawing import drawing
from tritag.report.pareto import pareto_front

# Key of a study's row, name of the file, label of the axis.
AXES = (
    ("effective_bit_operations", "effective-bit-operations", "effective bit operations of a jet (as exported)"),
    ("paper_bit_operations", "bit-operations", "bit operations of a jet (formula)"),
    ("paper_energy_nj", "energy", "energy of a jet in nJ (formula)"),
)


def write_figures(rows: Sequence[dict[str, Any]], folder: Path, name: str) -> list[Path]:
    """Write one SVG file for each cost that at least two rows have; returns the files.

    Points are means over seeds; bars are the spread over seeds, or the statistical error of a single one. Where the
    cost is counted on exported graphs, a line joins the Pareto front of each signal. Rows that :func:`is_drawn` refuses
    are left out.

    Raises
    ------
    ToolError
        matplotlib is not installed.
    """
    written = []
    for key, ending, label in AXES:
        chosen = [row for row in rows if row.get(key) is not None and is_drawn(row)]
        if len(chosen) > 1:
            folder.mkdir(parents=True, exist_ok=True)
            path = folder / f"{name}-{ending}.svg"
            _draw(chosen, key, label, path, front=key == "effective_bit_operations")
            written.append(path)
    return written


def is_drawn(row: dict[str, Any]) -> bool:
    """Whether a row has a place in a figure: an infinite rejection has none."""
    return math.isfinite(row["rejection_0.3"]["value"])


def _draw(rows: Sequence[dict[str, Any]], key: str, label: str, path: Path, front: bool) -> None:
    # Without salt and date the same rows give the same file.
    with drawing({"svg.hashsalt": "tritag", "font.size": 9}):
        from matplotlib.figure import Figure

        figure = Figure(figsize=(6.4, 5.2), layout="constrained")
        axes = figure.add_subplot()
        colors, markers = (_numbered(column) for column in zip(*(_named(row) for row in rows), strict=True))
        for row in rows:
            network, precision = _named(row)
            rejection = row["rejection_0.3"]
            bar = rejection["error"] if rejection["spread"] is None else rejection["spread"]
            color, marker = f"C{colors[network] % 10}", "osD^v<>pXh"[markers[precision] % 10]
            axes.errorbar(row[key], rejection["value"], bar, fmt=marker, color=color, capsize=2, label=row["tagger"])
        for signal in dict.fromkeys(row.get("signal", "") for row in rows) if front else ():
            points = [(row[key], row["rejection_0.3"]["value"]) for row in rows if row.get("signal", "") == signal]
            best = [points[i] for i in pareto_front(points)]
            axes.plot(*zip(*best, strict=True), color="0.7", zorder=0)
        axes.set_xscale("log")
        axes.set_xlabel(label)
        axes.set_ylabel("background rejection at signal efficiency 0.3")
        figure.legend(fontsize=6, loc="outside lower center", ncols=2)
        with atomic_path(path) as temporary:
            figure.savefig(temporary, format="svg", metadata={"Date": None})


def _named(row: dict[str, Any]) -> tuple[str, str]:
    """Network with its number of candidates, which gives a point its colour, and precision, which gives its marker."""
    network, candidates, precision = [*row["tagger"].split(", ", 2), "", ""][:3]
    return f"{network}, {candidates}", precision


def _numbered(names: Sequence[str]) -> dict[str, int]:
    return {name: index for index, name in enumerate(dict.fromkeys(names))}
