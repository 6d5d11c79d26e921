"""Tables of studies: several taggers, precisions and seeds on the same test jets."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tritag.models.figures.comparison import rejection_ratio
from tritag.models.figures.metrics import Metrics, measure
from tritag.quant.measure.cost import Cost
from tritag.report.pareto import pareto_front

_EFFICIENCIES = (0.3, 0.5)
# Sizes, costs and firmware of a row: head of the column and how a figure is written.
_SIZES: dict[str, tuple[str, Callable[[Any], str]]] = {
    "parameters": ("parameters", str),
    "macs": ("MACs", str),
}
_COSTS: dict[str, tuple[str, Callable[[Any], str]]] = {
    "effective_bit_operations": ("10^6 effective bit operations", lambda x: f"{x * 1e-6:.3g}"),
    "pareto": ("on the front", lambda x: "yes" if x else "no"),
    "paper_bit_operations": ("10^6 bit operations (formula)", lambda x: f"{x * 1e-6:.3g}"),
    "paper_energy_nj": ("energy (formula), nJ", lambda x: f"{x:.3g}"),
}
_FIRMWARE: dict[str, tuple[str, Callable[[Any], str]]] = {
    "differ": ("jets that differ", lambda f: f"{f['differ']} of {f['jets']}{' (shows nothing)' if f['weak'] else ''}"),
    "compile_s": ("C-simulation compiled in, s", lambda f: f"{f['compile_s']:.0f}"),
}


@dataclass(frozen=True)
class StudyEntry:
    """One row: test scores of the same recipe with several seeds.

    Attributes
    ----------
    reference : int, optional
        Index of the row whose rejections this one's are divided by, seed by seed, on the same jets.
    costs : sequence of dict, optional
        Counts of :func:`tritag.export.cost.count_cost`, one a seed, when the recipe has an exact form.
    paper : Cost, optional
        Cost by formula, when the recipe has one.
    macs : int, optional
        Multiply-accumulates of one jet; gives the table the columns of sizes.
    firmware : dict, optional
        Bit check of the first seed: ``differ`` and ``jets``, ``weak`` (why it shows nothing, or empty), and
        ``compile_s`` of the C-simulation.
    elsewhere : sequence of pairs, optional
        Scores and labels on the jets of another file, one pair a seed.
    signal : str
        The question of a head with several; rows of another question are not on one front with these.
    """

    label: str
    parameters: int
    scores: Sequence[NDArray[np.float64]]
    labels: NDArray[np.int64]
    reference: int | None = None
    costs: Sequence[dict[str, Any]] | None = None
    paper: Cost | None = None
    macs: int | None = None
    firmware: dict[str, Any] | None = None
    elsewhere: Sequence[tuple[NDArray[np.float64], NDArray[np.int64]]] | None = None
    signal: str = ""


def study_rows(entries: Sequence[StudyEntry]) -> list[dict[str, Any]]:
    """Figures of every entry: means over seeds, statistical error of the test set, spread over seeds.

    A rejection is infinite, without error and spread, where no background jet passes with one of the seeds, and a ratio
    None where none passes either tagger.
    """
    rows = []
    for entry in entries:
        metrics = [measure(scores, entry.labels) for scores in entry.scores]
        row: dict[str, Any] = {
            "tagger": entry.label,
            "signal": entry.signal,
            "parameters": entry.parameters,
            "seeds": len(metrics),
            "n_background": metrics[0].n_background,
            "auc": mean_figure([(m.auc.value, m.auc.error) for m in metrics]),
            "accuracy": mean_figure([(m.accuracy.value, m.accuracy.error) for m in metrics]),
        }
        for eps in _EFFICIENCIES:
            row[f"rejection_{eps}"] = mean_figure([_rejection(m, eps) for m in metrics])
        if entry.reference is not None:
            other = entries[entry.reference]
            ratios = [rejection_ratio(a, b, entry.labels) for a, b in zip(entry.scores, other.scores, strict=True)]
            row["ratio"] = mean_figure([(r.value, r.error) for r in ratios])
            row["reference"] = other.label
        if entry.costs:
            row["effective_bit_operations"] = float(np.mean([c["effective_bit_operations"] for c in entry.costs]))
            row["effective_weight_bits"] = float(np.mean([c["effective_weight_bits"] for c in entry.costs]))
        if entry.paper is not None:
            row["paper_bit_operations"] = float(entry.paper.bit_operations)
            row["paper_energy_nj"] = float(entry.paper.energy_pj) * 1e-3
        if entry.macs is not None:
            row["macs"] = entry.macs
        if entry.firmware is not None:
            row["firmware"] = entry.firmware
        if entry.elsewhere is not None:
            others = [measure(scores, labels).auc for scores, labels in entry.elsewhere]
            row["auc_elsewhere"] = mean_figure([(auc.value, auc.error) for auc in others])
            row["jets_elsewhere"] = len(entry.elsewhere[0][1])
        rows.append(row)
    _mark_fronts([row for row in rows if "effective_bit_operations" in row])
    return rows


def _mark_fronts(rows: Sequence[dict[str, Any]]) -> None:
    """Say of each row whether it is on the front of its signal."""
    for signal in {row["signal"] for row in rows}:
        same = [row for row in rows if row["signal"] == signal]
        best = pareto_front([(row["effective_bit_operations"], row["rejection_0.3"]["value"]) for row in same])
        for index, row in enumerate(same):
            row["pareto"] = index in best


def study_markdown(rows: Sequence[dict[str, Any]], elsewhere: str = "other jets") -> str:
    """Markdown table; value ± statistical error (± spread over seeds when there are several), and costs where known.

    A figure that is not finite is a word, ``infinite`` or ``unknown``.

    ``elsewhere`` names the other jets, on which rows may have an AUC, too.
    """
    sizes = list(_SIZES) if any("macs" in row for row in rows) else []
    costs = [key for key in _COSTS if any(key in row for row in rows)]
    firmware = list(_FIRMWARE) if any("firmware" in row for row in rows) else []
    other = any("auc_elsewhere" in row for row in rows)
    columns = ["tagger", *(_SIZES[key][0] for key in sizes), "AUC", *([f"AUC, {elsewhere}"] if other else [])]
    columns += ["accuracy", "1/ε_B at ε_S = 0.3", "1/ε_B at ε_S = 0.5", "relative to float at 0.3"]
    columns += [_COSTS[key][0] for key in costs] + [_FIRMWARE[key][0] for key in firmware]
    lines = ["| " + " | ".join(columns) + " |", "|---" * len(columns) + "|"]
    for row in rows:
        ratio = _text(row["ratio"], 2) if "ratio" in row else "-"
        cells = [
            row["tagger"],
            *(_SIZES[key][1](row[key]) for key in sizes),
            _text(row["auc"], 4),
            *([_elsewhere(row)] if other else []),
            _text(row["accuracy"], 4),
            _text(row["rejection_0.3"], 0),
            _text(row["rejection_0.5"], 0),
            ratio,
            *(_COSTS[key][1](row[key]) if key in row else "-" for key in costs),
            *(_FIRMWARE[key][1](row["firmware"]) if "firmware" in row else "-" for key in firmware),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _rejection(metrics: Metrics, efficiency: float) -> tuple[float, float]:
    rejection = metrics.rejection(efficiency)
    return rejection.value, rejection.error


def _elsewhere(row: dict[str, Any]) -> str:
    return f"{_text(row['auc_elsewhere'], 3)} ({row['jets_elsewhere']} jets)" if "auc_elsewhere" in row else "-"


def mean_figure(values: Sequence[tuple[float, float]]) -> dict[str, float | None]:
    """Mean of a figure over seeds or signals, from its values and statistical errors.

    Returns
    -------
    dict
        ``value``, infinite where one of them is, None where one is not known; ``error`` is the mean one, since all
        share the test jets, and None where it is not finite; ``spread`` is the standard deviation of several finite
        values, else None.
    """
    figures = np.array(values, dtype=np.float64)
    value, error = (float(x) for x in figures.mean(axis=0))
    spread = float(figures[:, 0].std(ddof=1)) if len(figures) > 1 and math.isfinite(value) else None
    sure = math.isfinite(value) and math.isfinite(error)
    return {"value": None if math.isnan(value) else value, "error": error if sure else None, "spread": spread}


def _text(figure: Mapping[str, float | None], digits: int) -> str:
    value, *errors = (figure[name] for name in ("value", "error", "spread"))
    if value is None or math.isinf(value):
        return "unknown" if value is None else "infinite"
    return " ± ".join(f"{x:.{digits}f}" for x in (value, *errors) if x is not None)
