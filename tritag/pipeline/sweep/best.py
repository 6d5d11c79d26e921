"""The point of a finished sweep to deploy, from its table alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tritag import advice
from tritag.environment import runs_root
from tritag.errors import ConfigError, RunError, short, unknown_name
from tritag.files import JsonObject
from tritag.pipeline.sweep.objectives import OBJECTIVES
from tritag.report.sweep import FIGURES, written
from tritag.structured import read_json

FOLDER = "sweeps"
TABLE = "table.json"


@dataclass(frozen=True)
class BestPoint:
    """The point to deploy.

    Attributes
    ----------
    sweep : str
        Folder of the sweep.
    point : dict
        Its line of the table.
    target : str
        Target of the design.
    """

    sweep: str
    point: JsonObject
    target: str

    def as_dict(self) -> JsonObject:
        """What ``tritag sweep best --json`` prints."""
        return {"sweep": self.sweep, "target": self.target, **self.point}

    @property
    def text(self) -> str:
        """Run, figures and the commands that take it to firmware, a line each."""
        figures = [f"{head}: {written(self.point, name)}" for name, (head, _) in FIGURES.items() if name in self.point]
        return "\n".join([str(self.point["run"]), *figures, *(f"next: {command}" for command in self.commands)])

    @property
    def commands(self) -> tuple[str, ...]:
        """What takes the run to firmware."""
        run, given = str(self.point["run"]), []
        for option in ("interval", "beats", "dsp_bits"):
            value = self.point.get(f"most_{option}") or self.point.get(option)  # what the schedule was allowed
            if value is not None:
                given += [f"--{option.replace('_', '-')}", str(value)]
        return (advice.command("export", run), advice.command("rtl", run, "--target", self.target, *given))


def best_point(name: str | None, limits: Mapping[str, float], objective: str | None = None) -> BestPoint:
    """The point with the best first objective among those trained in full that keep to the limits.

    Parameters
    ----------
    name : str, optional
        Of the sweep; by default the newest.
    limits : mapping
        Largest value of figures that are to be small, by their column.
    objective : str, optional
        Another column than the sweep's first objective.

    Raises
    ------
    ConfigError
        A limit is not above 0, or an unknown objective.
    RunError
        No point does; the message names the nearest.
    """
    for key, most in limits.items():
        if not most > 0:
            raise ConfigError(f"--{key.replace('_', '-')} must be above 0, got {most:g}")
    sweep, content, lines = read_sweep(name)
    listed = content.get("objectives")
    goal = objective or (str(listed[0]) if isinstance(listed, list) and listed else "rejection_0.3")
    if goal not in OBJECTIVES:
        raise ConfigError(f"--objective must be one of {', '.join(OBJECTIVES)}, got {short(goal)}")
    sign = -1.0 if OBJECTIVES[goal] else 1.0
    done = [line for line in lines if line["status"] == "done" and line.get(goal) is not None]
    known = [line for line in done if all(line.get(key) is not None for key in limits)]
    found = [line for line in known if all(_number(line[key]) <= most for key, most in limits.items())]
    if not found:
        asked = ", ".join(f"{key} <= {most:g}" for key, most in limits.items()) or "no limits"
        raise RunError(f"no point of {sweep} has {asked} with a known {goal}{_nearest(known, limits)}")
    best = min(found, key=lambda line: (sign * _number(line[goal]), _number(line["point"])))
    return BestPoint(sweep, best, str(best.get("target") or content["target"]))


def _nearest(known: list[JsonObject], limits: Mapping[str, float]) -> str:
    if not known or not limits:
        return "; its points have no such figures"
    near = min(known, key=lambda line: max(_number(line[key]) / most for key, most in limits.items()))
    return "; the nearest has " + ", ".join(f"{key} = {_number(near[key]):.3g}" for key in limits)


def _number(value: object) -> float:
    return float(value)  # type: ignore[arg-type]


def read_sweep(name: str | None = None) -> tuple[str, Mapping[str, object], list[JsonObject]]:
    """Name of the folder, content and lines of a sweep's table: the newest, or the newest of that name.

    Raises
    ------
    RunError
        There is none, or it is damaged.
    """
    root = runs_root() / FOLDER
    tables = sorted(root.glob(f"*/{TABLE}"), key=lambda path: path.stat().st_mtime_ns, reverse=True)
    known = [path.parent.name for path in tables]
    if not tables:
        raise RunError(f"there is no sweep in {root}; make one with 'tritag sweep SPEC.yaml'")
    wanted = Path(name).name.removesuffix(".yaml") if name is not None else None
    chosen = [t for t, k in zip(tables, known, strict=True) if wanted in (None, k, k.rpartition("-")[0])]
    if not chosen:
        raise RunError(f"{unknown_name('sweep', str(wanted), {*known, *(k.rpartition('-')[0] for k in known)})}")
    content = read_json(chosen[0], RunError, "call the sweep again")
    if not isinstance(content, dict) or not isinstance(content.get("points"), list):
        raise RunError(f"{chosen[0]} must be a sweep's table; call the sweep again")
    return chosen[0].parent.name, content, content["points"]
