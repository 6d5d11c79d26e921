"""What sweeps and studies leave beside the runs: records of points in ``points/``, tables in ``sweeps/``."""

from __future__ import annotations

from collections.abc import Container
from pathlib import Path

from tritag.environment import runs_root
from tritag.errors import RunError
from tritag.files import JsonObject
from tritag.pipeline.points.jobs import FOLDER as POINTS
from tritag.pipeline.sweep.files import TABLE_FILES
from tritag.pipeline.sweep.place import FOLDER as SWEEPS
from tritag.pipeline.sweep.place import TABLE
from tritag.structured import read_json

Found = list[tuple[Path, str]]


def sweep_folders() -> list[Path]:
    """The folders in which sweeps and studies write: that of the points, that of the sweeps, and that of each sweep."""
    sweeps = runs_root() / SWEEPS
    return [
        runs_root() / POINTS,
        sweeps,
        *(path for path in _inside(sweeps) if path.is_dir() and not path.is_symlink()),
    ]


def of_run(name: str) -> list[Path]:
    """Records of a run's points: errors of its training, its firmware and its designs, and its designs."""
    return [path for path in _inside(runs_root() / POINTS) if (record := _record(path)) and _belongs(record, name)]


def of_sweeps(runs: Container[str], before: float, days: float) -> tuple[Found, list[str]]:
    """What may be removed of points and sweeps, each with the reason, and what is not tritag's.

    Parameters
    ----------
    runs : container of str
        Names of the runs that are there.
    before : float
        Errors and tables written before this time (seconds since the epoch), ``days`` ago, are old.
    """
    found: Found = []
    kept: list[str] = []
    for path in _inside(runs_root() / POINTS):
        record = _record(path)
        if record is None:
            kept.append(f"{path}: not known")
        elif "error" in record:
            if path.stat().st_mtime < before:
                found.append((path, f"an error kept more than {days:g} days ago"))
        elif str(record["name"]).rpartition(".")[0] not in runs:
            found.append((path, "a design of a run that is gone"))
    for path in _inside(runs_root() / SWEEPS):
        table = _table(path)
        if table is None:
            kept.append(f"{path}: not known")
            continue
        named = [point.get("run") for point in table if point.get("run")]
        if any(run in runs for run in named) or (path / TABLE).stat().st_mtime >= before:
            continue
        foreign = [inside for inside in path.iterdir() if inside.name not in TABLE_FILES]
        kept += [f"{inside}: not made by tritag" for inside in sorted(foreign)]
        own = [inside for inside in _inside(path) if inside.name in TABLE_FILES]
        why = f"of a sweep made more than {days:g} days ago, whose runs are gone"
        found += [(inside, why) for inside in own] if foreign else [(path, why)]
    return found, kept


def _inside(folder: Path) -> list[Path]:
    there = sorted(folder.iterdir()) if folder.is_dir() and not folder.is_symlink() else []
    return [path for path in there if not path.name.startswith(".")]


def _record(path: Path) -> JsonObject | None:
    """Content of a record that a point has left; None where it is none."""
    if path.is_symlink() or not path.is_file():
        return None
    try:
        content = read_json(path, RunError, "remove it")
    except RunError:
        return None
    if not isinstance(content, dict) or not ("error" in content or "figures" in content):
        return None
    end = ".failed.json" if "error" in content else ".json"
    return content if path.name == f"{content.get('name')}{end}" else None


def _belongs(record: JsonObject, run: str) -> bool:
    name = str(record["name"])
    return name == run or name.rpartition(".")[0] == run


def _table(folder: Path) -> list[JsonObject] | None:
    """Lines of a sweep's table; None where the folder holds none."""
    if folder.is_symlink() or not (folder / TABLE).is_file():
        return None
    try:
        content = read_json(folder / TABLE, RunError, "remove it")
    except RunError:
        return None
    lines = content.get("points") if isinstance(content, dict) else None
    return [line for line in lines if isinstance(line, dict)] if isinstance(lines, list) else None
