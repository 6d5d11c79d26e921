"""Runs what a study still lacks: trainings side by side, then firmware checks one after the other."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path
from typing import TypeAlias

from tritag import plugins
from tritag.data.simulation.generate import ensure_data
from tritag.errors import RunError, ToolError, TritagError
from tritag.export.feature_vectors import load_vectors
from tritag.export.graph import read_graph
from tritag.hls_projects.target import DEFAULT_TARGET
from tritag.pipeline import fingerprint
from tritag.pipeline.cost import cost_run
from tritag.pipeline.csim import csim_run
from tritag.pipeline.export import export_run
from tritag.pipeline.opened import OpenedRun
from tritag.pipeline.study.config import StudyConfig, StudyRow, row_recipe
from tritag.pipeline.train import train_run
from tritag.pipeline.verify import verify_run
from tritag.progress import Progress
from tritag.run import Run
from tritag.terminal import print_progress
from tritag.workers import available_cores, follow_parent

# What says that a step of the firmware was done, and what the table of a study reads.
_FILES = {"export": ("model.qonnx.onnx", "vectors.npz"), "csim": ("csim.json", "hls"), "verify": ("verify.json",)}
_READ = {"csim": {"compile_s"}, "verify": {"executor", "jets", "differ"}}
_Group: TypeAlias = list[tuple[StudyRow, int]]


def train_all(config: StudyConfig, processes: int | None = None) -> None:
    """Train what is not trained yet; rows that share a float training stay in one process.

    Parameters
    ----------
    processes : int, optional
        Trainings at a time; by default one a core.

    Raises
    ------
    ToolError
        A process died, for want of memory or killed.
    """
    for data in (config.data, *([config.pretraining.data] if config.pretraining else [])):
        if not Path(data).is_file():
            ensure_data(data)
    groups = _groups(config)
    processes = min(processes or available_cores(), len(groups))
    with Progress("study", sum(map(len, groups)), "trainings") as shown:
        if processes == 1:  # a process of its own would import everything again
            for group in groups:
                _train_group(config, group)
                shown.advance(len(group))
        else:
            _train_groups(config, groups, processes, shown)


def _train_groups(config: StudyConfig, groups: Sequence[_Group], processes: int, shown: Progress) -> None:
    """Train groups side by side, in processes."""
    pool = ProcessPoolExecutor(
        processes,
        get_context("spawn"),
        initializer=_start_worker,
        initargs=(os.getpid(), plugins.used_paths()),
    )
    with pool:
        pending = {pool.submit(_train_group, config, group): len(group) for group in groups}
        for done in as_completed(pending):
            try:
                done.result()
            except BrokenProcessPool as error:
                raise ToolError(
                    "a training process died (killed, or out of memory); run the same command again, finished "
                    "trainings are kept"
                ) from error
            shown.advance(pending[done])


def _start_worker(parent: int, paths: tuple[Path, ...]) -> None:
    """Initializer of a worker: it ends with its ``parent`` and knows the plug-ins that the user asked for."""
    follow_parent(parent)
    plugins.use(paths)


def _groups(config: StudyConfig) -> list[_Group]:
    groups: dict[tuple[str, int | None, bool, str | None, int], _Group] = {}
    for row in config.rows:
        for seed in config.seeds:
            key = (row.tagger, row.constituents, row.on_grid, row.start, seed)
            groups.setdefault(key, []).append((row, seed))
    return list(groups.values())


def _train_group(config: StudyConfig, group: _Group) -> None:
    for row, seed in group:
        recipe = row_recipe(config, row, seed)
        opened = train_run(row.tagger, recipe, progress=False).run
        if recipe.quant is not None and recipe.quant.exact:
            cost_run(opened)


def check_all(config: StudyConfig) -> None:
    """Take the exact rows to C-simulation and bit check, one after the other; what is checked already stays."""
    recipes = [(row, row_recipe(config, row, config.seeds[0])) for row in config.rows]
    exact = [(row, recipe) for row, recipe in recipes if recipe.quant is not None and recipe.quant.exact]
    for index, (row, recipe) in enumerate(exact, start=1):
        opened = train_run(row.tagger, recipe, progress=False).run
        print_progress(f"firmware {index} of {len(exact)}: {opened.name}")
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
    run = opened.run
    if not all(run.path(name).exists() for name in _FILES[step]):
        return True
    reason = fingerprint.summary(fingerprint.changes(run, step) or ())
    try:
        if not reason:
            _require_whole(run, step)
            return False
    except TritagError as error:
        reason = str(error)
    print_progress(f"{opened.name}: {step} is done again: {reason}")
    return True


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
