"""Points of a sweep that are the same run and design: they are done, and count, once."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

from tritag.errors import TritagError
from tritag.files import JsonObject
from tritag.hls_projects.target import TargetConfig, load_target
from tritag.pipeline.made_design import timing_of
from tritag.pipeline.points.designs import DesignAsked
from tritag.pipeline.points.point import Point, run_folder
from tritag.pipeline.sweep.config import SweepConfig, design_of_values, point_of
from tritag.pipeline.sweep.rows import SweepRow
from tritag.terminal import print_progress

# What decides a design: the target with the interval, bits of products that go to DSPs, beats.
_Design = tuple[TargetConfig, int, int | None]
_SHOWN = 3


class Distinct:
    """The points of a sweep that have been seen, each run and design with the first point that is one.

    An axis has no effect on some points: one of a quantization on float taggers, one of the design on those without an
    exact form. Such points would stand in the table as several, side by side on the front.
    """

    def __init__(self, config: SweepConfig) -> None:
        self._config = config
        self._runs: dict[Point, tuple[str, bool] | None] = {}
        self._first: dict[tuple[str, _Design | None], tuple[int, JsonObject]] = {}
        self._rows: dict[int, SweepRow] = {}
        self._same: dict[int, int] = {}

    def rows(
        self,
        points: Sequence[tuple[int, JsonObject]],
        do: Callable[[Sequence[tuple[int, JsonObject]]], Sequence[SweepRow]],
    ) -> list[SweepRow]:
        """Rows of points, of which ``do`` does those that none before them is; the others are ``same``."""
        same: dict[int, str] = {}
        for number, values in points:
            key = self._key(values)
            if key is None:
                continue
            first, others = self._first.setdefault(key, (number, values))
            if first != number:
                idle = [axis for axis in self._config.axes if values[axis] != others[axis]]
                without = f" (without effect: {', '.join(idle)})" if idle else ""
                same[number] = f"the same run and design as point {first}{without}"
                self._same[number] = first
        if same:
            shown = [f"point {number} is {why}" for number, why in list(same.items())[:_SHOWN]]
            shown += [f"{len(same) - _SHOWN} more in the table's column error"] if len(same) > _SHOWN else []
            print_progress(f"sweep: {len(same)} of {len(points)} points are others again: {'; '.join(shown)}")
        self._rows |= {row.number: row for row in do([point for point in points if point[0] not in same])}
        for number, values in points:
            if number in same:
                row = dataclasses.replace(self._rows[self._same[number]], number=number, values=values)
                self._rows[number] = dataclasses.replace(row, status="same", figures={}, error=same[number])
        return [self._rows[number] for number, _ in points]

    def counted(self, row: SweepRow) -> SweepRow:
        """The row of a point itself, or of the first one that is the same."""
        return self._rows[self._same.get(row.number, row.number)]

    def _key(self, values: JsonObject) -> tuple[str, _Design | None] | None:
        """Run and design of a point; None where it is none, which is its error."""
        try:
            point = point_of(self._config, values)
            if point not in self._runs:
                self._runs[point] = _run(point)
            run = self._runs[point]
            if run is None:
                return None
            asked = design_of_values(self._config, values)
            return run[0], _design(asked) if self._config.designs and run[1] else None
        except TritagError:
            return None


def _run(point: Point) -> tuple[str, bool] | None:
    """Directory name of a point's run, and whether it has an exact form."""
    try:
        recipe = point.recipe()
    except TritagError:
        return None
    return run_folder(point.tagger, recipe).name, recipe.quant is not None and recipe.quant.exact


def _design(asked: DesignAsked) -> _Design:
    """What decides a design, with the target's own numbers where none are asked for."""
    target = load_target(asked.target)
    timing = timing_of(target, asked.interval, asked.dsp_bits)
    return dataclasses.replace(target, interval_cycles=timing.interval), timing.dsp_bits, asked.beats
