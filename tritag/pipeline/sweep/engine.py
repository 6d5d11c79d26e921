"""Does the points of a sweep: trained side by side, scheduled, and, by halving, the worse ones no further."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

from tritag.errors import ConfigError, TritagError
from tritag.farm import Farm
from tritag.files import JsonObject
from tritag.pipeline.points.call import Call
from tritag.pipeline.points.designs import DesignAsked, design_job
from tritag.pipeline.points.jobs import Job, do_jobs
from tritag.pipeline.points.point import Point, run_folder
from tritag.pipeline.points.trainings import train_points
from tritag.pipeline.sweep.config import SweepConfig, design_of_values, grid, point_of
from tritag.pipeline.sweep.distinct import Distinct
from tritag.pipeline.sweep.rows import SweepRow, best_first, figures_of, lacking
from tritag.terminal import print_progress


@dataclass(frozen=True)
class _Where:
    farm: Farm
    call: Call


def run_grid(config: SweepConfig, farm: Farm, call: Call) -> list[SweepRow]:
    """Rows of all points of a grid.

    Raises
    ------
    ConfigError
        As :func:`require_some`.
    RunError
        As :func:`run_points`.
    """
    points = list(enumerate(grid(config)))
    rows = Distinct(config).rows(points, lambda left: run_points(config, left, farm, call))
    require_some(config, rows)
    return rows


def require_some(config: SweepConfig, rows: Sequence[SweepRow]) -> None:
    """Raise when a whole sweep has come to nothing.

    Raises
    ------
    ConfigError
        No point is one that can be trained, or halving found none that has all objectives.
    """
    rows = [row for row in rows if row.status != "same"]
    if all(row.run is None for row in rows):
        raise ConfigError(f"no point of the sweep can be trained; the first: {rows[0].error}")
    if all(row.status == "stopped" and row.objectives(config.objectives) is None for row in rows if row.run):
        first = next(row for row in rows if row.run)
        raise ConfigError(
            f"halving must have points with all of the objectives, but none of {len(rows)} has them; point "
            f"{first.number} has no {lacking(first.figures, config.objectives)} (costs and designs belong to exact "
            "precisions): change objectives or axes.precision"
        )


def run_points(config: SweepConfig, points: Sequence[tuple[int, JsonObject]], farm: Farm, call: Call) -> list[SweepRow]:
    """Rows of some points, by their numbers; those that halving stops keep the figures of the share they came to.

    Raises
    ------
    RunError
        A point, at the share that is next, is trained but stale, and the call is not to train it anew.
    """
    rows: dict[int, SweepRow] = {}
    shares = (*config.halving.shares, 1.0) if config.halving is not None else (1.0,)
    alive = list(points)
    for share in shares:
        if not alive:
            break
        if config.halving is not None:
            print_progress(f"sweep: {len(alive)} points at {share:.3g} of their steps")
        found = _round(config, alive, share, _Where(farm, call))
        rows |= {row.number: row for row in found}
        if share < 1 and config.halving is not None:
            kept = best_first(found, config.objectives)
            kept = kept[: max(1, math.ceil(config.halving.keep * len(kept)))]
            on = {row.number for row in kept}
            for row in found:
                if row.number not in on and row.status != "failed":
                    names = lacking(row.figures, config.objectives)
                    why = f"has no {names}: halving cannot compare it with others" if names else ""
                    rows[row.number] = dataclasses.replace(row, status="stopped", error=why)
            alive = [(number, values) for number, values in alive if number in on]
    return [rows[number] for number, _ in points]


def _round(config: SweepConfig, alive: Sequence[tuple[int, JsonObject]], share: float, where: _Where) -> list[SweepRow]:
    """Train and schedule points for a share of their steps."""
    points: dict[int, Point] = {}
    errors: dict[int, str] = {}
    for number, values in alive:
        try:
            points[number] = point_of(config, values, share)
            points[number].recipe()
        except TritagError as error:
            points.pop(number, None)
            errors[number] = str(error)
    failed = train_points(list(dict.fromkeys(points.values())), where.farm, "sweep", where.call)
    errors |= {number: failed[point] for number, point in points.items() if point in failed}
    folders = {number: run_folder(point.tagger, point.recipe()) for number, point in points.items()}
    designs: dict[int, DesignAsked] = {}
    if config.designs:
        for number, values in alive:
            quant = points[number].recipe().quant if number not in errors else None
            if quant is not None and quant.exact:
                designs[number] = design_of_values(config, values)
    jobs: dict[int, Job] = {}
    for number, design in designs.items():
        try:
            jobs[number] = design_job(folders[number], design)
        except TritagError as error:
            errors[number] = str(error)
    failed_jobs = do_jobs(jobs.values(), where.farm, "sweep", "designs", where.call.retry)
    errors |= {number: failed_jobs[job.name] for number, job in jobs.items() if job.name in failed_jobs}
    kept = {number for number, point in points.items() if point in failed}
    kept |= {number for number, job in jobs.items() if job.name in failed_jobs}
    rows = []
    for number, values in alive:
        run = folders[number].name if number in folders else None
        try:
            figures = figures_of(folders[number], designs.get(number)) if number not in errors else {}
        except TritagError as error:
            errors[number] = str(error)
        if number in errors:
            rows.append(SweepRow(number, values, share, "failed", run, error=errors[number], kept=number in kept))
        else:
            rows.append(SweepRow(number, values, share, "done", run, figures))
    return rows
