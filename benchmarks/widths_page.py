"""The table and the figure of learned widths: points of both sides, over the seeds."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.widths_settings import FORMAT
from tritag.errors import RunError
from tritag.files import atomic_path
from tritag.report.drawing import drawing
from tritag.report.pareto import pareto_front

_EFFICIENCY = 0.3
# What a DSP counts in the plane of resources, in LUTs.
LUT_OF_DSP = 50
_COLOURS = {"HGQ2": "#d55e00", "HGQ2, one width a tensor": "#cc79a7"}
_OTHERS = ("#0072b2", "#009e73", "#8c8c92", "#56b4e9")

Points = Sequence[dict[str, Any]]


def read_points(folder: Path) -> list[dict[str, Any]]:
    """All points of a folder.

    Raises
    ------
    RunError
        There is none, or one of another format.
    """
    paths = [path for path in sorted(folder.glob("*-beta*.json")) if not path.name.endswith(".alkaid.json")]
    if not paths:
        raise RunError(f"{folder} must hold points of learned widths, got none; train them with --beta")
    points = [_with_alkaid(path, json.loads(path.read_text(encoding="utf-8"))) for path in paths]
    if wrong := [path.name for path, point in zip(paths, points, strict=True) if point.get("format") != FORMAT]:
        raise RunError(f"points in {folder} must have format {FORMAT}, got another in {wrong[0]}; delete it")
    return points


def _with_alkaid(path: Path, point: dict[str, Any]) -> dict[str, Any]:
    kept = path.with_suffix(".alkaid.json")
    return {**point, "alkaid": json.loads(kept.read_text(encoding="utf-8")) if kept.is_file() else None}


def variant(point: dict[str, Any]) -> str:
    """What a point's curve is called."""
    if point["side"] == "hgq2":
        return "HGQ2" if point["settings"]["widths"] == "element" else "HGQ2, one width a tensor"
    name = f"tritag, {point['precision']}"
    return ", ".join([name, *(change.removeprefix("quant.") for change in point["changes"])])


def rows(points: Points) -> list[dict[str, Any]]:
    """One row for each variant and penalty: means over its seeds, statistical errors and spreads."""
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for point in points:
        groups.setdefault((variant(point), budget(point), point["beta"]), []).append(point)
    return [_row(*key, groups[key]) for key in sorted(groups, key=lambda key: (key[0], key[1], key[2]))]


def budget(point: dict[str, Any]) -> str:
    """Data, constituents and jets seen of a point; one table may hold several budgets."""
    settings = point["settings"]
    return f"{settings['data']}, K = {settings['constituents']}, {point['jets_seen'] / 1e6:.2g} million jets"


def _row(name: str, seen: str, beta: float, points: Points) -> dict[str, Any]:
    found = {"variant": name, "budget": seen, "beta": beta, "seeds": len(points)}
    found["auc"] = _figure(point["test"]["auc"] for point in points)
    found["rejection"] = _figure(_rejection(point) for point in points)
    found["operations"] = _mean(point["effective_bit_operations"] for point in points)
    found["stages"] = {
        stage: _mean(point["stages"].get(stage, 0) for point in points)
        for stage in ("linear", "attention", "softmax", "norms", "pool")
    }
    costs = [resources(point) for point in points]
    found["resources"] = None if any(cost is None for cost in costs) else _mean(costs)  # type: ignore[arg-type]
    found["cpu_s"] = _mean(point["cpu_s"] for point in points)
    return found


def _rejection(point: dict[str, Any]) -> dict[str, Any]:
    for rejection in point["test"]["rejections"]:
        if rejection["signal_efficiency"] == _EFFICIENCY and rejection["value"] is not None:
            return dict(rejection)
    raise RunError(f"points must have a finite rejection at {_EFFICIENCY}, got none for beta {point['beta']:g}")


def _mean(values: Iterable[float]) -> float:
    return float(np.mean(list(values)))


def _figure(figures: Iterable[dict[str, Any]]) -> tuple[float, float, float | None]:
    """Mean, mean statistical error, and spread over seeds (None of a single one)."""
    given = list(figures)
    values = [figure["value"] for figure in given]
    spread = float(np.std(values, ddof=1)) if len(values) > 1 else None
    return _mean(values), _mean(figure["error"] for figure in given), spread


def resources(point: dict[str, Any]) -> float | None:
    """LUT + 50 DSP of the network behind its input scalars for a jet a cycle; None where nothing was estimated.

    tritag's by its estimate of the Verilog, HGQ2's by alkaid's of the combinational logic, which has no DSPs.
    """
    if point["side"] == "hgq2":
        return None if point["alkaid"] is None else float(point["alkaid"]["alkaid_cost"])
    own, inputs = point["estimate"], point["inputs_estimate"]
    return float(own["lut"] - inputs["lut"] + LUT_OF_DSP * (own["dsp"] - inputs["dsp"]))


def _errors(figure: tuple[float, float, float | None], digits: int) -> str:
    return " ± ".join(f"{part:.{digits}f}" for part in figure if part is not None)


def table(points: Points) -> str:
    """Markdown table; figures are value ± statistical error ± spread over seeds."""
    found = rows(points)
    several = len({row["budget"] for row in found}) > 1
    head = ["", "penalty", "seeds", "AUC", f"1/ε_B at ε_S = {_EFFICIENCY}", "10^6 effective bit operations"]
    head += ["weights", "attention", "softmax", "norms", "mean", "10^3 LUT + 50 DSP (estimates)", "s of CPU"]
    lines = [head, ["---"] * len(head)]
    for row in found:
        cost = "-" if row["resources"] is None else f"{row['resources'] * 1e-3:.0f}"
        stages = [f"{value * 1e-6:.3f}" for value in row["stages"].values()]
        lines.append(
            [
                f"{row['variant']}, {row['budget']}" if several else row["variant"],
                *(f"{row['beta']:g}", str(row["seeds"])),
                *(_errors(row["auc"], 4), _errors(row["rejection"], 0), f"{row['operations'] * 1e-6:.3f}"),
                *(*stages, cost, f"{row['cpu_s']:.0f}"),
            ]
        )
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def write_figure(points: Points, path: Path) -> None:
    """SVG of both planes: rejection against effective bit operations, and against resources where they are known.

    Points with changed settings stand in the table alone.

    Raises
    ------
    ToolError
        matplotlib is not installed.
    """
    found = rows([point for point in points if not point.get("changes")])
    with drawing({"svg.hashsalt": "tritag", "svg.fonttype": "none", "font.size": 9}):
        from matplotlib.figure import Figure
        from matplotlib.ticker import NullFormatter

        figure = Figure(figsize=(8.6, 4.2), layout="constrained")
        planes = figure.subplots(1, 2, sharey=True)
        labels = ("effective bit operations of a jet", "LUT + 50 DSP for a jet a cycle (each side's estimate)")
        for axes, key, label in zip(planes, ("operations", "resources"), labels, strict=True):
            _draw(axes, [row for row in found if row[key] is not None], key)
            axes.set_xscale("log")
            axes.xaxis.set_minor_formatter(NullFormatter())
            axes.set_xlabel(label)
        planes[0].set_ylabel(f"background rejection at signal efficiency {_EFFICIENCY}")
        planes[0].legend(fontsize=7)
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(path) as temporary:
            figure.savefig(temporary, format="svg", metadata={"Date": None})


def _draw(axes: Any, found: Sequence[dict[str, Any]], key: str) -> None:
    """Points with statistical error (thick) and spread (thin), and the front of each variant."""
    others = iter(_OTHERS)
    for name in dict.fromkeys(row["variant"] for row in found):
        colour = _COLOURS.get(name) or next(others)
        own = [row for row in found if row["variant"] == name]
        x, y = [row[key] for row in own], [row["rejection"][0] for row in own]
        axes.errorbar(x, y, [row["rejection"][1] for row in own], fmt="o", color=colour, markersize=4, label=name)
        axes.errorbar(x, y, [row["rejection"][2] or 0 for row in own], fmt="none", color=colour, capsize=3, lw=0.6)
        best = [(x[i], y[i]) for i in pareto_front(list(zip(x, y, strict=True)))]
        axes.plot(*zip(*best, strict=True), color=colour, lw=0.8)
