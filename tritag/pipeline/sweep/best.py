"""The point of a finished sweep to deploy, from its table alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tritag import advice
from tritag.configs import config_names
from tritag.environment import runs_root
from tritag.errors import ConfigError, RunError, short, unknown_name
from tritag.files import JsonObject
from tritag.pipeline.sweep.objectives import OBJECTIVES
from tritag.pipeline.sweep.place import FOLDER, TABLE, folder_of
from tritag.report.sweep import FIGURES, written
from tritag.structured import read_json
from tritag.terminal import print_progress

_NO_FIRMWARE = "no firmware: this precision has no exact form; ask for a limit or objective that only exact ones have"


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
        """Run, folder of the sweep, figures and the commands that take the run to firmware, a line each."""
        figures = [f"{head}: {written(self.point, name)}" for name, (head, _) in FIGURES.items() if name in self.point]
        sweep = f"sweep: {runs_root() / FOLDER / self.sweep}"
        following = [f"next: {command}" for command in self.commands] or [_NO_FIRMWARE]
        return "\n".join([str(self.point["run"]), sweep, *figures, *following])

    @property
    def commands(self) -> tuple[str, ...]:
        """What takes the run to firmware: nothing without an exact form, whose bit operations are not counted."""
        if self.point.get("bit_operations") is None:
            return ()
        run, given = str(self.point["run"]), []
        for option in ("interval", "beats", "dsp_bits"):
            value = self.point.get(f"most_{option}") or self.point.get(option)  # what the schedule was allowed
            if value is not None:
                given += [f"--{option.replace('_', '-')}", str(value)]
        return (advice.command("export", run), advice.command("rtl", run, "--target", self.target, *given))


def best_point(name: str | None, limits: Mapping[str, float], objective: str | None = None) -> BestPoint:
    """The point with the best first objective among those trained in full that keep to the limits.

    Points whose runs are gone are passed over, with a sentence.

    Parameters
    ----------
    name : str, optional
        Of the sweep, as :func:`read_sweep` takes it; by default the newest.
    limits : mapping
        Largest value of figures that are to be small, by their column.
    objective : str, optional
        Another column than the sweep's first objective.

    Raises
    ------
    ConfigError
        A limit is not above 0, or an unknown objective.
    RunError
        No point does, the message names the nearest; or the runs of all that do are gone.
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
    best = _first_there(sorted(found, key=lambda line: (sign * _number(line[goal]), _number(line["point"]))), sweep)
    return BestPoint(sweep, best, str(best.get("target") or content["target"]))


def _first_there(lines: list[JsonObject], sweep: str) -> JsonObject:
    """The first line whose run is still there; a sentence names those before it.

    Raises
    ------
    RunError
        There is none.
    """
    gone: list[str] = []
    for line in lines:
        if (runs_root() / str(line["run"]) / "weights.safetensors").is_file():
            if gone:
                print_progress(f"better, but passed over, since the runs are gone: {', '.join(gone)}")
            return line
        gone.append(f"point {line['point']} ({line['run']})")
    raise RunError(
        f"the run of a point that fits must be there, but in {sweep} they are gone: {', '.join(gone)}; the sweep, "
        "called again, trains them anew"
    )


def _nearest(known: list[JsonObject], limits: Mapping[str, float]) -> str:
    if not known or not limits:
        return "; its points have no such figures"
    near = min(known, key=lambda line: max(_number(line[key]) / most for key, most in limits.items()))
    return "; the nearest has " + ", ".join(f"{key} = {_number(near[key]):.3g}" for key in limits)


def _number(value: object) -> float:
    return float(value)  # type: ignore[arg-type]


def read_sweep(name: str | None = None) -> tuple[str, Mapping[str, object], list[JsonObject]]:
    """Name of the folder, content and lines of a sweep's table.

    Parameters
    ----------
    name : str, optional
        Of a folder, whose table is read; of a configuration or a YAML file, which must have been done as it stands; or
        what a sweep was called, the newest of that name. By default the newest of all.

    Raises
    ------
    RunError
        There is none, or it is damaged; or the file has changed since it was done.
    ConfigError
        The file is no sweep.
    """
    root = runs_root() / FOLDER
    paths = sorted(root.glob(f"*/{TABLE}"), key=lambda path: path.stat().st_mtime_ns, reverse=True)
    if not paths:
        raise RunError(f"there is no sweep in {root}; make one with 'tritag sweep SPEC.yaml'")
    known = [path.parent.name for path in paths]
    folder = known[0] if name is None else _folder(name, known)
    table = root / folder / TABLE
    content = read_json(table, RunError, "call the sweep again")
    if not isinstance(content, dict) or not isinstance(content.get("points"), list):
        raise RunError(f"{table} must be a sweep's table; call the sweep again")
    return folder, content, content["points"]


def _folder(name: str, known: list[str]) -> str:
    """Which of the folders, the newest first, is meant.

    Raises
    ------
    RunError
        None.
    """
    is_file = name.endswith((".yaml", ".yml"))
    called = Path(name).stem if is_file else Path(name).name
    if not is_file and called in known:
        return called
    others = [folder for folder in known if folder.rpartition("-")[0] == called]
    if (is_file and Path(name).is_file()) or name in config_names("sweeps"):
        from tritag.pipeline.sweep.config import load_sweep  # PyTorch, which names alone need not wait for

        folder = folder_of(name, load_sweep(name)).name
        if folder not in known:
            named = "".join(
                f"; or name one of other settings: {advice.command('sweep', 'best', x)}" for x in others[:1]
            )
            raise RunError(
                f"{name} must have been done as it stands, but there is no table of it in {folder}; call "
                f"{advice.command('sweep', name)}{named}"
            )
        return folder
    if not others:
        raise RunError(unknown_name("sweep", called, {*known, *(k.rpartition("-")[0] for k in known)}))
    return others[0]
