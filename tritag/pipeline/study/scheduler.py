"""Has done what a study still lacks: trainings, then the firmware checks of those with an exact form."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

from tritag.data.simulation.generate import ensure_data
from tritag.environment import runs_root
from tritag.errors import RunError, TritagError
from tritag.export.feature_vectors import load_vectors
from tritag.export.graph import read_graph
from tritag.farm import Farm
from tritag.hls_projects.target import DEFAULT_TARGET
from tritag.pipeline import fingerprint
from tritag.pipeline.csim import csim_run
from tritag.pipeline.executors import DEFAULT_EXECUTORS
from tritag.pipeline.export import export_run
from tritag.pipeline.opened import OpenedRun
from tritag.pipeline.points.call import Call
from tritag.pipeline.points.jobs import Job, do_jobs, require_none
from tritag.pipeline.points.point import Point, run_folder
from tritag.pipeline.points.stale import require_fit, told
from tritag.pipeline.points.trainings import is_trained, stale_of, train_points
from tritag.pipeline.run_files import VerdictFile, verdict_name
from tritag.pipeline.study.config import (
    PRETRAINING,
    StudyConfig,
    StudyRow,
    pretraining_point,
    row_point,
    row_recipe,
)
from tritag.pipeline.train import is_finished
from tritag.pipeline.vectors import run_inputs
from tritag.pipeline.verify import DEFAULT_JETS, verify_run
from tritag.run import Run
from tritag.tasks import Report
from tritag.terminal import print_progress, print_warning

# What says that a step of the firmware was done, and what the table of a study reads.
_FILES = {"export": ("model.qonnx.onnx", "vectors.npz"), "csim": ("csim.json", "hls"), "verify": ("verify.json",)}
_READ = {"csim": {"compile_s"}, "verify": {"executor", "jets", "differ", "strength"}}


def do_all(config: StudyConfig, farm: Farm, call: Call) -> None:
    """Train what is not trained yet, and check the firmware of what is; what fails stops only what needs it.

    Raises
    ------
    RunError
        At the end, when a training or a check failed; its error is kept. Before anything is trained, when a training
        is stale and the call is not to train it anew.
    ConfigError
        A row is none, before anything is trained.
    """
    failed, asked = _train_all(config, farm, call)
    if config.firmware:
        jobs = _firmware_jobs(config)
        failed |= do_jobs(jobs, farm, "study", "firmware checks", call.retry)
        asked += len(jobs)
    require_none(failed, asked, call)


def _train_all(config: StudyConfig, farm: Farm, call: Call) -> tuple[dict[str, str], int]:
    """Errors of the trainings that failed, by the names of their runs, and how many there were."""
    rows = [(row, seed) for row in config.rows for seed in config.seeds]
    for row, seed in rows:  # what it starts from may be trained only later
        row_recipe(config, replace(row, start=None, body_rate=1.0) if row.start == PRETRAINING else row, seed)
    first = {(row, seed): pretraining_point(config, row, seed) for row, seed in rows if row.start == PRETRAINING}
    for data in (config.data, *([config.pretraining.data] if config.pretraining else [])):
        if not Path(data).is_file():
            ensure_data(data, farm)
    require_fit(stale_of(_known_points(config)), call)  # of the rows, too, before a pretraining
    errors = train_points(list(first.values()), farm, "pretraining", call) if first else {}
    failed = _named(errors)
    points = [row_point(config, row, seed) for row, seed in rows if first.get((row, seed)) not in errors]
    failed |= _named(train_points(points, farm, "study", call))
    return failed, len({*first.values(), *points})


def _named(errors: dict[Point, str]) -> dict[str, str]:
    return {run_folder(point.tagger, point.recipe()).name: text for point, text in errors.items()}


def _firmware_jobs(config: StudyConfig) -> list[Job]:
    """The checks of the exact rows whose first seed is trained."""
    rows = [row for row in config.rows if _is_trained(config, row, config.seeds[0])]
    return [job for row in rows if (job := _firmware_job(config, row)) is not None]


def _firmware_job(config: StudyConfig, row: StudyRow) -> Job | None:
    """The check of a row's first seed; None for a row without an exact form."""
    recipe = row_recipe(config, row, config.seeds[0])
    if recipe.quant is None or not recipe.quant.exact:
        return None
    folder = run_folder(row.tagger, recipe)
    return Job(f"{folder.name}.firmware", folder / "verify.json", _check, (folder.name,), partial(_is_checked, folder))


def _known_points(config: StudyConfig) -> list[Point]:
    """The trainings that can be named: a row is known by the weights that it starts from, once they are there."""
    points: list[Point] = []
    for row, seed in [(row, seed) for row in config.rows for seed in config.seeds]:
        if row.start == PRETRAINING:
            points.append(first := pretraining_point(config, row, seed))
            if not is_finished(run_folder(first.tagger, first.recipe())):
                continue
        points.append(row_point(config, row, seed))
    return points


def done_rows(config: StudyConfig, call: Call) -> tuple[StudyRow, ...]:
    """The rows that are trained with every seed and, where the study asks for it, checked; says what is stale."""
    if stale := stale_of(_known_points(config)):
        print_warning(
            f"rows with trainings that cannot stay as they are count as not done, {told(stale)}; put it back, or train "
            f"them anew with {call.advice('fresh')}"
        )
    return tuple(row for row in config.rows if _is_done(config, row))


def _is_done(config: StudyConfig, row: StudyRow) -> bool:
    if not all(_is_trained(config, row, seed) for seed in config.seeds):
        return False
    job = _firmware_job(config, row) if config.firmware else None
    return job is None or job.done()


def _is_trained(config: StudyConfig, row: StudyRow, seed: int) -> bool:
    if row.start == PRETRAINING and not is_trained(pretraining_point(config, row, seed)):
        return False
    return is_trained(row_point(config, row, seed))


def _is_checked(folder: Path) -> bool:
    opened = OpenedRun(Run.open(folder))
    return not any(why_again(opened, step) is not None for step in _FILES)


def _check(report: Report, name: str) -> None:
    """Export, C-simulation and bit check of a run, as far as they are not done."""
    opened = OpenedRun(Run.open(runs_root() / name))
    print_progress(f"firmware: {opened.name}")
    if must_be_done(opened, "export"):
        export_run(opened)
    if must_be_done(opened, "csim"):
        csim_run(opened, DEFAULT_TARGET)
    if must_be_done(opened, "verify"):
        verify_run(opened, progress=False)


def must_be_done(opened: OpenedRun, step: str) -> bool:
    """Whether a step's files are missing, damaged, or made by other sources than there are now; all but the first said.

    What a step wrote is not believed because it is there.
    """
    reason = why_again(opened, step)
    if reason:
        print_progress(f"{opened.name}: {step} is done again: {reason}")
    return reason is not None


def why_again(opened: OpenedRun, step: str) -> str | None:
    """Why a step must be done: empty where its files are missing, None where it need not."""
    run = opened.run
    if not all(run.path(name).exists() for name in _FILES[step]):
        return ""
    reason = fingerprint.summary(fingerprint.changes(run, step) or ())
    try:
        if not reason:
            _require_whole(run, step)
    except TritagError as error:
        reason = str(error)
    return reason or None


def _require_whole(run: Run, step: str) -> None:
    """Read what a step wrote, as the next one would.

    Raises
    ------
    TritagError
        It is damaged, or something is missing in it.
    """
    if step == "export":
        load_vectors(run.require("vectors.npz"), read_graph(run.require("model.qonnx.onnx")))
        return
    content = run.read_json(f"{step}.json")
    entries, keys = content if step == "verify" else [content], _READ[step]
    if not (isinstance(entries, list) and entries and all(isinstance(e, dict) and keys <= e.keys() for e in entries)):
        raise RunError(f"{run.path(f'{step}.json')} must hold {', '.join(sorted(keys))}")
    if step == "verify":
        _require_usual(run, entries)


def _require_usual(run: Run, verdicts: list[VerdictFile]) -> None:
    """Refuse a bit check of fewer executors or jets than the study's own.

    Raises
    ------
    TritagError
        It is one, or the jets cannot be counted.
    """
    if missing := {*map(verdict_name, DEFAULT_EXECUTORS)} - {verdict["executor"] for verdict in verdicts}:
        raise RunError(f"its bit check was made without {', '.join(sorted(missing))}")
    compared = min(verdict["jets"] for verdict in verdicts)
    if compared >= DEFAULT_JETS:
        return
    graph = read_graph(run.require("model.qonnx.onnx"))
    if compared < (usual := len(run_inputs(OpenedRun(run), graph, DEFAULT_JETS)[0])):
        raise RunError(f"its bit check was made with {compared} jets instead of {usual}")
