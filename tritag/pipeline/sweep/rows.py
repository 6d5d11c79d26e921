"""Rows of a sweep's table: what a point is, what became of it, and its figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tritag.errors import RunError
from tritag.files import JsonObject
from tritag.models.figures.head_metrics import tag_scores
from tritag.models.figures.metrics import measure
from tritag.models.nets.registry import count_parameters, make_tagger
from tritag.pipeline.cost import cost_run
from tritag.pipeline.opened import open_run
from tritag.pipeline.points.designs import DesignAsked, read_design
from tritag.pipeline.sweep.objectives import OBJECTIVES
from tritag.report.pareto import front_numbers
from tritag.report.study import mean_figure

_EFFICIENCIES = (0.3, 0.5)
_COUNTS = ("weight_bits", "bit_operations", "effective_bit_operations")


@dataclass(frozen=True)
class SweepRow:
    """A point of a sweep.

    Attributes
    ----------
    number : int
        Its place in the sweep.
    values : dict
        Its value on every axis.
    share : float
        Share of the steps that it was trained for, 1 for all.
    status : str
        ``done``, ``stopped`` (others were better at this share, or it lacks an objective), ``failed``, or ``same``: it
        is the run and design of an earlier point, which has the figures.
    run : str, optional
        Its run's directory name.
    figures : dict
        Rejections and AUC with their statistical errors, trained parameters; costs and design, where the point has an
        exact form.
    error : str
        Why a point failed, which objectives one lacks that halving stopped for that, or which point one is again.
    kept : bool
        Whether its error is kept, so that it is tried again only where the call says so (``retry``).
    """

    number: int
    values: JsonObject
    share: float
    status: str = "done"
    run: str | None = None
    figures: JsonObject = field(default_factory=dict)
    error: str = ""
    kept: bool = False

    def objectives(self, names: Sequence[str]) -> tuple[float, ...] | None:
        """Values of objectives, each so that less is better; None where one is not known."""
        given = [self.figures.get(name) for name in names]
        if self.status == "failed" or any(value is None for value in given):
            return None
        return tuple(
            -float(v) if OBJECTIVES[name] else float(v)  # type: ignore[arg-type]
            for name, v in zip(names, given, strict=True)
        )


def figures_of(run: Path, design: DesignAsked | None) -> JsonObject:
    """Figures of a trained run and its design.

    Those of a head with several signal classes are means over these. A rejection is infinite, without an error, where
    no background jet passes.

    Raises
    ------
    RunError
        The run is damaged, or what it was made of has changed; or its design is not that of these weights and sources.
    """
    opened = open_run(run, ["weights.safetensors", "scores.npz", "metrics.json"], jets=False)
    file = opened.run.read_npz("scores.npz", ("scores", "labels"))
    answers = tag_scores(file["scores"], file["labels"], opened.recipe.tagger.head).values()
    metrics = [measure(scores, labels, _EFFICIENCIES) for scores, labels in answers]
    figures: JsonObject = {}
    for efficiency in _EFFICIENCIES:
        found = [m.rejection(efficiency) for m in metrics]
        figures |= _mean(f"rejection_{efficiency}", [(x.value, x.error) for x in found])
    figures |= _mean("auc", [(m.auc.value, m.auc.error) for m in metrics])
    figures["parameters"] = count_parameters(make_tagger(opened.recipe.tagger))
    quant = opened.recipe.quant
    if quant is not None and quant.exact:
        counts = cost_run(opened).counts
        figures |= {key: counts[key] for key in _COUNTS}
    if design is None:
        return figures
    scheduled = read_design(run, design)
    if scheduled is None:
        raise RunError(
            f"the design of {run.name} must be made of its weights by the sources of this command, but a worker made "
            "another; install the same tritag on all machines and call the command again"
        )
    return figures | scheduled


def _mean(name: str, values: Sequence[tuple[float, float]]) -> JsonObject:
    mean = mean_figure(values)
    return {name: mean["value"], f"{name}_error": mean["error"]}


def lacking(figures: Mapping[str, object], objectives: Sequence[str]) -> str:
    """Names of the objectives that figures of a point lack, with commas between them; empty where they have all."""
    return ", ".join(name for name in objectives if figures.get(name) is None)


def best_first(rows: Sequence[SweepRow], objectives: Sequence[str]) -> list[SweepRow]:
    """Rows whose objectives are known, front by front, inside a front by the first objective, then by number."""
    known = [(row, goal) for row in rows if (goal := row.objectives(objectives)) is not None]
    fronts = front_numbers([goal for _, goal in known])
    order = sorted(zip(fronts, known, strict=True), key=lambda x: (x[0], x[1][1][0], x[1][0].number))
    return [row for _, (row, _) in order]


def on_front(rows: Sequence[SweepRow], objectives: Sequence[str]) -> set[int]:
    """Numbers of the rows trained in full that no other one of these beats."""
    known = [(row, goal) for row in rows if row.status == "done" and (goal := row.objectives(objectives)) is not None]
    fronts = front_numbers([goal for _, goal in known])
    return {row.number for (row, _), front in zip(known, fronts, strict=True) if front == 0}
