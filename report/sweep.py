"""The front of a sweep as a table in Markdown, and how its figures are written."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

# Head of a column and form of its numbers.
FIGURES: dict[str, tuple[str, str]] = {
    "rejection_0.3": ("1/ε_B at ε_S = 0.3", ".0f"),
    "rejection_0.5": ("1/ε_B at ε_S = 0.5", ".0f"),
    "auc": ("AUC", ".4f"),
    "latency_ns": ("latency, ns", ".0f"),
    "latency_cycles": ("latency, cycles", ".0f"),
    "interval_cycles": ("II, cycles", ".0f"),
    "beats": ("beats", ".0f"),
    "lut": ("LUT", ",.0f"),
    "lut_share": ("share of LUTs", ".2%"),
    "dsp": ("DSP", ",.0f"),
    "dsp_share": ("share of DSPs", ".2%"),
    "bit_operations": ("bit operations", ",.0f"),
    "effective_bit_operations": ("effective bit operations", ",.0f"),
    "parameters": ("parameters", ",.0f"),
}


def written(line: Mapping[str, Any], name: str) -> str:
    """A figure of a line, with its statistical error where it has one; a dash where it is not known."""
    value, error = line.get(name), line.get(f"{name}_error")
    if value is None:
        return "-"
    if math.isinf(value):
        return "infinite"
    form = FIGURES.get(name, ("", ""))[1]
    text = format(value, form) if form else str(value)
    return text if error is None else f"{text} ± {format(error, form)}"


def shown_figures(lines: Sequence[Mapping[str, Any]], objectives: Sequence[str]) -> list[str]:
    """Names of the figures of a table: the objectives first, then what else decides a design."""
    more = [name for name in ("latency_cycles", "interval_cycles", "lut", "dsp") if name not in objectives]
    return [name for name in (*objectives, *more) if any(line.get(name) is not None for line in lines)]


def sweep_markdown(lines: Sequence[Mapping[str, Any]], objectives: Sequence[str]) -> str:
    """Markdown table of the lines on the front, cheapest in the second objective first, and what became of the rest."""
    front = sorted((line for line in lines if line["front"]), key=lambda line: _order(line, objectives))
    keys = list(lines[0])
    axes = [key for key in keys[1 : keys.index("status")] if len({str(line[key]) for line in lines}) > 1]
    figures = shown_figures(front, objectives)
    heads = ["point", *axes, *(FIGURES[name][0] for name in figures), "run"]
    rows = [" | ".join(heads), "|".join(["---"] * len(heads))]
    for line in front:
        cells = [str(line[key]) for key in ("point", *axes)] + [written(line, name) for name in figures]
        rows.append(" | ".join([*cells, str(line["run"])]))
    return "".join(f"| {row} |\n" if i != 1 else f"|{row}|\n" for i, row in enumerate(rows)) + f"\n{fates(lines)}\n"


def fates(lines: Sequence[Mapping[str, Any]]) -> str:
    """How many points came to which end, in a sentence."""
    count = {
        status: sum(line["status"] == status for line in lines) for status in ("done", "stopped", "same", "failed")
    }
    front = sum(bool(line["front"]) for line in lines)
    said = [f"{count['done']} of {len(lines)} points trained in full, {front} of them on the front"]
    said += [f"{count['stopped']} stopped early"] if count["stopped"] else []
    said += [f"{count['same']} the same run and design as others"] if count["same"] else []
    said += [f"{count['failed']} failed"] if count["failed"] else []
    return "; ".join(said) + "."


def _order(line: Mapping[str, Any], objectives: Sequence[str]) -> tuple[float, int]:
    return float(line[objectives[-1] if len(objectives) == 1 else objectives[1]]), int(line["point"])
