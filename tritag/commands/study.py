"""``tritag study``: many trainings, one table; killed and called again, it goes on with what is missing."""

from __future__ import annotations

import dataclasses
import os
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated, Any

import typer

from tritag.errors import ConfigError
from tritag.terminal import print_json, print_progress, print_result
from tritag.workers import follow_parent

PRETRAINING = "pretraining"


@dataclass(frozen=True)
class StudyRow:
    """One row of the table: a recipe without its seed; ``note`` tells rows with other settings apart.

    ``start`` and ``body_rate`` make the row a fine-tuning, as those options of ``tritag train`` do; ``start:
    pretraining`` begins from the study's own pretraining of this tagger, with the same seed.
    """

    tagger: str
    precision: str
    constituents: int | None = None
    on_grid: bool = True
    settings: tuple[str, ...] = ()
    note: str = ""
    start: str | None = None
    body_rate: float = 1.0


@dataclass(frozen=True)
class Pretraining:
    """A float training on other jets, before the rows that start from it."""

    data: str
    settings: tuple[str, ...] = ()


@dataclass(frozen=True)
class StudyConfig:
    """A study (``configs/studies/``): rows, seeds, jets, and settings common to all rows.

    With ``firmware`` every exact row goes on to C-simulation and bit check, with its first seed.
    """

    data: str
    rows: tuple[StudyRow, ...]
    seeds: tuple[int, ...] = (1,)
    settings: tuple[str, ...] = ()
    firmware: bool = False
    pretraining: Pretraining | None = None


def command(
    name: Annotated[str, typer.Argument(help="A name in configs/studies, or a YAML file.")],
    write: Annotated[Path | None, typer.Option(help="Markdown file whose section of this study is replaced.")] = None,
    figures: Annotated[Path | None, typer.Option(help="Folder for figures of rejection against cost.")] = None,
    processes: Annotated[int | None, typer.Option(min=1, help="Trainings at a time; by default one a core.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Train every row of a study with every seed and print the table of test figures."""
    from tritag.configs import build, load_config
    from tritag.report.study import study_markdown, study_rows

    config = build(StudyConfig, load_config("studies", name), where=f"study {name}")
    if not config.rows or not config.seeds:
        raise ConfigError(f"study {name} must have rows and seeds, got {len(config.rows)} and {len(config.seeds)}")
    _train_all(config, processes or os.cpu_count() or 1)
    if config.firmware:
        _check_all(config)
    rows = study_rows(_entries(config))
    table = study_markdown(rows)
    if write is not None:
        replace_section(write, Path(name).stem, table)
        print_progress(f"wrote the section of study {Path(name).stem} in {write}")
    if figures is not None:
        from tritag.report.figures import write_figures

        for path in write_figures(rows, figures, Path(name).stem):
            print_progress(f"wrote {path}")
    if json:
        print_json(rows)
    else:
        print_result(table)


def replace_section(path: Path, name: str, table: str) -> None:
    """Put ``table`` between the markers ``<!-- study NAME -->`` and ``<!-- end NAME -->`` of a Markdown file.

    Raises
    ------
    ConfigError
        The file does not exist or lacks the markers.
    """
    from tritag.files import write_text

    begin, end = f"<!-- study {name} -->", f"<!-- end {name} -->"
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    if begin not in text or end not in text:
        raise ConfigError(f"{path} must hold the lines {begin!r} and {end!r}; add them where the table belongs")
    head, rest = text.split(begin, 1)
    write_text(path, f"{head}{begin}\n{table}{end}{rest.split(end, 1)[1]}")


def _recipe(config: StudyConfig, row: StudyRow, seed: int) -> Any:
    """Recipe of a row; trains what it starts from, or finds it, because the weights are part of the recipe."""
    from tritag.commands.train import recipe_of, start_of, train_run

    common = [s for s in config.settings if row.precision != "float" or s.startswith(("training.", "head."))]
    changes = [*common, *row.settings, f"training.seed={seed}"]
    start = row.start
    if start == PRETRAINING:
        start = train_run(Path(row.tagger).stem, pretraining_recipe(config, row, seed), progress=False).directory.name
    return recipe_of(
        row.tagger,
        config.data,
        row.constituents,
        row.precision,
        changes,
        on_grid=row.on_grid,
        start=start_of(start, row.body_rate),
    )


def pretraining_recipe(config: StudyConfig, row: StudyRow, seed: int) -> Any:
    """Recipe of the training that ``row`` starts from.

    Raises
    ------
    ConfigError
        The study has no pretraining.
    """
    from tritag.commands.train import recipe_of

    if config.pretraining is None:
        raise ConfigError(f"start: {PRETRAINING} needs the study's key {PRETRAINING} with data and settings, got none")
    changes = [*config.pretraining.settings, f"training.seed={seed}"]
    return recipe_of(row.tagger, config.pretraining.data, row.constituents, "float", changes)


def _train_all(config: StudyConfig, processes: int) -> None:
    """Train what is not trained yet; rows that share a float training stay in one process."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from tritag.data.simulation.generate import ensure_data

    for data in (config.data, *([config.pretraining.data] if config.pretraining else [])):
        if not Path(data).is_file():
            ensure_data(data)
    groups: dict[tuple[Any, ...], list[tuple[StudyRow, int]]] = {}
    for row in config.rows:
        for seed in config.seeds:
            key = (row.tagger, row.constituents, row.on_grid, row.start, seed)
            groups.setdefault(key, []).append((row, seed))
    columns = (TextColumn("trainings"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    total = sum(len(group) for group in groups.values())
    pool = ProcessPoolExecutor(
        min(processes, len(groups)), get_context("spawn"), initializer=follow_parent, initargs=(os.getpid(),)
    )
    with Progress(*columns, console=Console(stderr=True)) as bar, pool:
        task = bar.add_task("", total=total)
        pending = {pool.submit(_train_group, config, group): len(group) for group in groups.values()}
        for done in as_completed(pending):
            done.result()
            bar.advance(task, pending[done])


def _train_group(config: StudyConfig, group: list[tuple[StudyRow, int]]) -> None:
    from tritag.commands.cost import cost_run
    from tritag.commands.train import train_run

    for row, seed in group:
        recipe = _recipe(config, row, seed)
        run = train_run(Path(row.tagger).stem, recipe, progress=False)
        if recipe.quant is not None and recipe.quant.exact:
            cost_run(run, recipe)


def _check_all(config: StudyConfig) -> None:
    """Take the exact rows to C-simulation and bit check, one after the other; what is checked already stays."""
    from tritag.commands.csim import csim_run
    from tritag.commands.export import export_run
    from tritag.commands.train import train_run
    from tritag.commands.verify import verify_run
    from tritag.hls_projects.target import DEFAULT_TARGET

    recipes = [(row, _recipe(config, row, config.seeds[0])) for row in config.rows]
    exact = [(row, recipe) for row, recipe in recipes if recipe.quant is not None and recipe.quant.exact]
    for index, (row, recipe) in enumerate(exact, start=1):
        run = train_run(Path(row.tagger).stem, recipe, progress=False)
        print_progress(f"firmware {index} of {len(exact)}: {run.directory.name}")
        if not run.path("model.qonnx.onnx").is_file():
            export_run(str(run.directory))
        if not run.path("csim.json").is_file():
            csim_run(str(run.directory), DEFAULT_TARGET)
        if not run.path("verify.json").is_file():
            verify_run(str(run.directory), progress=False)


def _firmware(run: Any) -> dict[str, Any]:
    """What the table says of a checked run: jets that differ in any executor, jets compared, seconds of compilation."""
    import json

    verdicts = json.loads(run.require("verify.json").read_text())
    return {
        "differ": max(v["differ"] for v in verdicts),
        "jets": min(v["jets"] for v in verdicts),
        "compile_s": json.loads(run.require("csim.json").read_text())["compile_s"],
    }


def _entries(config: StudyConfig) -> list[Any]:
    """Entries of all rows; a row with a multi-class head has one per signal class, against the background classes.

    The first float row of a tagger is what its other rows are compared with.
    """
    import numpy as np

    from tritag.commands.cost import cost_run
    from tritag.commands.train import train_run
    from tritag.models.figures.head_metrics import tag_scores
    from tritag.models.nets.macs import count_macs
    from tritag.models.nets.registry import count_parameters, make_tagger
    from tritag.report.study import StudyEntry

    entries: list[Any] = []
    keys: list[tuple[Any, ...]] = []
    references: dict[tuple[Any, ...], int] = {}
    for row in config.rows:
        answers, costs, firmware = [], [], None
        for seed in config.seeds:
            recipe = _recipe(config, row, seed)
            run = train_run(Path(row.tagger).stem, recipe, progress=False)
            if recipe.quant is not None and recipe.quant.exact:
                costs.append(cost_run(run, recipe))
                firmware = firmware or (_firmware(run) if config.firmware else None)
            with np.load(run.require("scores.npz")) as file:
                answers.append(tag_scores(file["scores"], file["labels"], recipe.tagger.head))
        tagger = recipe.tagger  # the same for all seeds
        remarks = [*([] if row.on_grid else ["off the grid"]), *([row.note] if row.note else [])]
        label = ", ".join([row.tagger, f"K = {tagger.n_constituents}", row.precision, *remarks])
        network = make_tagger(tagger)
        for name, (_, labels) in answers[0].items():
            keys.append((row.tagger, row.constituents, name))
            if row.precision == "float" and row.on_grid:
                references.setdefault(keys[-1], len(entries))
            entries.append(
                StudyEntry(
                    label if tagger.head.binary else f"{label}: {name} against {'+'.join(tagger.head.qcd)}",
                    count_parameters(network),
                    [answer[name][0] for answer in answers],
                    labels,
                    costs=costs,
                    paper=_paper_cost(tagger, row),
                    macs=count_macs(network, tagger.n_constituents) if config.firmware else None,
                    firmware=firmware,
                )
            )
    found = [references.get(key) for key in keys]
    return [
        dataclasses.replace(e, reference=None if r == i else r)
        for i, (e, r) in enumerate(zip(entries, found, strict=True))
    ]


def _paper_cost(tagger: Any, row: StudyRow) -> Any:
    """Cost by formula, where precision and network have one and the row changes no width."""
    from tritag.configs import load_config
    from tritag.quant.measure.cost import total_cost
    from tritag.quant.measure.cost_taggers import NETWORKS, sizes_of

    name = "f32" if row.precision == "float" else load_config("precisions", row.precision).get("cost")
    if (
        name is None
        or tagger.network not in NETWORKS
        or tagger.head.n_outputs > 1
        or any(s.startswith("quant.") for s in row.settings)
    ):
        return None
    return total_cost(sizes_of(tagger), tagger.n_constituents, name)
