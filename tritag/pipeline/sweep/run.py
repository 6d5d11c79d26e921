"""A sweep from its name to its table, and the run of a table to deploy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tritag.errors import CheckFailed, ConfigError
from tritag.farm import Farm, kept
from tritag.files import JsonObject
from tritag.pipeline.points.call import Call
from tritag.pipeline.sweep.config import grid, load_sweep
from tritag.pipeline.sweep.engine import run_grid, run_points
from tritag.pipeline.sweep.files import has_done, table_of, write_sweep
from tritag.pipeline.sweep.place import folder_of
from tritag.pipeline.sweep.rows import SweepRow, lacking
from tritag.pipeline.sweep.search import run_search
from tritag.report.sweep import sweep_markdown
from tritag.terminal import print_progress


@dataclass(frozen=True)
class SweepResult:
    """The table of a sweep.

    Attributes
    ----------
    folder : Path
        With ``table.csv``, ``table.parquet``, ``table.json`` and ``report.html``.
    objectives : tuple of str
        Names of the columns that the front is made of.
    points : tuple of dict
        Lines of the table.
    written : bool
        Whether the files in ``folder`` hold these points: those with points that are done stay where none of these is.
    again : str
        Which call tries failed points again; empty where it would try none.
    """

    folder: Path
    objectives: tuple[str, ...]
    points: tuple[JsonObject, ...]
    written: bool = True
    again: str = ""

    @property
    def front(self) -> tuple[JsonObject, ...]:
        """Lines that no other one beats in all objectives."""
        return tuple(line for line in self.points if line["front"])

    @property
    def markdown(self) -> str:
        """The front in Markdown."""
        return sweep_markdown(self.points, self.objectives)

    def as_dict(self) -> JsonObject:
        """What ``tritag sweep --json`` prints."""
        return {"folder": str(self.folder), "objectives": list(self.objectives), "points": list(self.points)}

    def require_done(self) -> None:
        """Raise when points have failed, or when the front is empty.

        Raises
        ------
        CheckFailed
            With the number of failed points and the first error, or with what a point lacks of the objectives.
        """
        failed = [line for line in self.points if line["status"] == "failed"]
        if failed:
            table = self.folder / "table.csv"
            where = f"see the column error of {table}" if self.written else f"and {table} stays that of an earlier call"
            first = f"point {failed[0]['point']}: {failed[0]['error']}"
            again = f"; {self.again}" if self.again else ""
            raise CheckFailed(f"{len(failed)} of {len(self.points)} points failed, {where}; {first}{again}")
        if not self.front:
            first_done = next(line for line in self.points if line["status"] == "done")
            raise CheckFailed(
                f"the front must have points with all of the objectives, but none of {len(self.points)} has them; "
                f"point {first_done['point']} has no {lacking(first_done, self.objectives)}: change objectives or "
                "axes.precision"
            )


def sweep_run(name: str, farm: Farm | None = None, retry: bool = False, fresh: bool = False) -> SweepResult:
    """Do the points of a sweep and write its table and page; those that are done are found.

    A table with points that are done is not replaced by one in which none is.

    Parameters
    ----------
    name : str
        A name in ``configs/sweeps``, or a YAML file.
    farm : Farm, optional
        Where it is done; by default in a process for each core.
    retry : bool
        Try points again that failed in an earlier call.
    fresh : bool
        Train anew what is trained, but of sources or jets that have changed since, or damaged.

    Raises
    ------
    ConfigError
        The sweep is not valid.
    RunError
        Something must be trained anew, and ``fresh`` was not asked for.
    """
    config, call = load_sweep(name), Call("sweep", name, retry, fresh)
    with kept(farm or Farm()) as workers:
        rows = (run_search if config.search == "optuna" else run_grid)(config, workers, call)
    lines = table_of(config, rows)
    folder = folder_of(name, config)
    if write := any(row.status == "done" for row in rows) or not has_done(folder):
        write_sweep(folder, name, config, lines)
        print_progress(f"wrote {folder / 'table.csv'} and {folder / 'report.html'}")
    return SweepResult(folder, config.objectives, tuple(lines), write, _again(rows, call))


def _again(rows: Sequence[SweepRow], call: Call) -> str:
    """Which call tries failed points again, and how many of them; empty where it would try none."""
    failed = [row for row in rows if row.status == "failed"]
    kept = sum(row.kept for row in failed)
    return f"{call.advice('retry')} tries {'them' if kept == len(failed) else f'{kept} of them'} again" if kept else ""


def one_point(name: str, number: int, fresh: bool = False) -> JsonObject:
    """Do a single point of a grid in this process; for a batch system that starts one job for each.

    A point that failed before is tried again: who starts its job again wants that.

    Parameters
    ----------
    fresh : bool
        As of :func:`sweep_run`.

    Raises
    ------
    ConfigError
        There is no such point, or points depend on each other.
    RunError
        As :func:`sweep_run`.
    CheckFailed
        It failed.
    """
    config = load_sweep(name)
    require_independent(name, config.search, config.halving is not None)
    values = grid(config)
    if not 0 <= number < len(values):
        raise ConfigError(f"--point must be 0..{len(values) - 1} of {name}, got {number}")
    (row,) = run_points(config, [(number, values[number])], Farm(processes=1), Call("sweep", name, True, fresh))
    if row.status == "failed":
        raise CheckFailed(f"point {number} of {name} failed: {row.error}")
    return {"point": number, "run": row.run, **row.figures}


def require_independent(name: str, search: str, halving: bool) -> None:
    """Refuse sweeps whose points follow from the results of others.

    Raises
    ------
    ConfigError
        It searches, or halves.
    """
    if search != "grid" or halving:
        raise ConfigError(
            f"{name} must be a grid without halving to be done point by point, since a search and halving "
            "decide as they go; call tritag sweep with --scheduler or --farm"
        )
