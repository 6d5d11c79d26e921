"""``tritag train``: float training, then quantized training from its weights."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated, Any

import typer

from tritag.errors import ConfigError, unknown_name
from tritag.terminal import print_json, print_progress, print_result

# It keeps more of the float tagger than straight-through ternary weights (docs/results.md).
DEFAULT_PRECISION = "int8-ternary-incremental"
SECTIONS = ("sizes", "head", "training", "quant", "quant_training")
SET_HELP = (
    "Change a setting: section.key=value with section sizes, head, training, quant or quant_training; may be repeated."
)


def command(
    tagger: Annotated[str | None, typer.Argument(help="A name from --list, or a YAML file.")] = None,
    data: Annotated[str, typer.Option(help="A data configuration, or a jet file with splits.")] = "top-demo",
    constituents: Annotated[int | None, typer.Option("--constituents", "-K", help="Leading constituents K.")] = None,
    precision: Annotated[str, typer.Option(help="float, or a name in configs/precisions.")] = DEFAULT_PRECISION,
    iterations: Annotated[int | None, typer.Option(help="Optimizer steps of each training.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of weights and batches.")] = 1,
    settings: Annotated[list[str] | None, typer.Option("--set", help=SET_HELP)] = None,
    start: Annotated[str | None, typer.Option(help="Fine-tune: the run whose body is taken, under a new head.")] = None,
    body_rate: Annotated[float, typer.Option(help="With --start: learning rate of the body over the head's.")] = 1.0,
    off_grid: Annotated[bool, typer.Option("--off-grid", help="Float only: unrounded candidates.")] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Train again even when the run is finished.")] = False,
    list_taggers: Annotated[bool, typer.Option("--list", help="List all taggers and stop.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Train a tagger into a new run directory; a killed training is continued by the same command."""
    if list_taggers:
        _list(json)
        return
    if tagger is None:
        raise ConfigError("name a tagger to train; `tritag train --list` shows them")
    changes = [f"training.seed={seed}", *([f"training.iterations={iterations}"] if iterations is not None else [])]
    recipe = recipe_of(
        tagger, data, constituents, precision, [*changes, *(settings or [])],
        on_grid=not off_grid, start=start_of(start, body_rate),
    )  # fmt: skip
    run = train_run(Path(tagger).stem, recipe, fresh=fresh, progress=not json)
    if json:
        import json as text

        print_json({"run": str(run.directory), **text.loads(run.require("metrics.json").read_text())})
    else:
        print_result(str(run.directory))


def recipe_of(
    tagger: str,
    data: str,
    constituents: int | None,
    precision: str,
    changes: list[str],
    on_grid: bool = True,
    start: Any = None,
) -> Any:
    """Recipe of a command line; ``changes`` are ``section.key=value`` with a section of :data:`SECTIONS`.

    The quantized training inherits the float one's settings.
    """
    import yaml

    from tritag.configs import build
    from tritag.models.nets.head import HeadConfig
    from tritag.models.nets.registry import load_tagger_config
    from tritag.quant.recipe import make_recipe

    sections: dict[str, dict[str, Any]] = {name: {} for name in SECTIONS}
    for change in changes:
        key, equals, value = change.partition("=")
        section, _, name = key.partition(".")
        if not equals or not name:
            raise ConfigError(f"--set takes section.key=value, got {change!r}; for example training.batch_size=256")
        if section not in sections:
            raise ConfigError(unknown_name("section of --set", section, SECTIONS))
        sections[section][name] = yaml.safe_load(value)
    config = load_tagger_config(tagger, constituents)
    head = build(HeadConfig, {**dataclasses.asdict(config.head), **sections.pop("head")}, where="head")
    config = dataclasses.replace(config, sizes={**config.sizes, **sections.pop("sizes")}, head=head)
    return make_recipe(config, data, precision, on_grid=on_grid, start=start, **sections)


def start_of(where: str | None, body_rate: float = 1.0) -> Any:
    """Where a fine-tuning begins: the float run ``where``, or the one that a quantized run was trained from.

    None when ``where`` is None.

    Raises
    ------
    ConfigError
        Not the whole name of a run (a tagger's name means its newest run, which after the first step is another), a run
        outside the runs folder (settings name it without its path), or a body rate without a run.
    RunError
        No such run, or one that is not trained.
    """
    import json

    from tritag.models.training.start import StartConfig, weights_hash
    from tritag.run import Run, runs_root

    if where is None:
        if body_rate != 1:
            raise ConfigError(f"--body-rate needs --start, got {body_rate:g}; name the run to start from")
        return None
    run = Run.open(where)
    if Path(where).name != run.directory.name:
        raise ConfigError(
            f"--start must be the whole name of a run, so that the command means the same again, got {where!r}; "
            f"for example {run.directory.name}"
        )
    float_run = json.loads(run.require("metrics.json").read_text(encoding="utf-8"))["float_run"]
    if float_run is not None:
        run = Run.open(run.directory.parent / float_run)
    if run.directory.resolve().parent != runs_root().resolve():
        raise ConfigError(f"--start must name a run in {runs_root()}, got {run.directory}; move it there")
    return StartConfig(run.directory.name, weights_hash(run.require("weights.safetensors")), body_rate)


def run_name(name: str, recipe: Any) -> str:
    """Readable part of a run's directory name: tagger, K and precision."""
    return f"{name}-k{recipe.tagger.n_constituents}-{recipe.precision}{'' if recipe.on_grid else '-offgrid'}"


def train_run(name: str, recipe: Any, fresh: bool = False, progress: bool = True) -> Any:
    """Train ``recipe`` into its run directory, or find it finished.

    A quantized recipe first trains, or finds, the float run that it starts from. Returns the run. Two processes with
    the same recipe do not write into each other's files: the second waits, and finds the run finished.
    """
    from tritag.files import only_one
    from tritag.run import Run

    with only_one(Run.create(run_name(name, recipe), recipe.settings()).path(".training.lock")):
        return _train_run(name, recipe, fresh, progress)


def _train_run(name: str, recipe: Any, fresh: bool, progress: bool) -> Any:
    import numpy as np
    import torch

    from tritag.files import atomic_path, write_json
    from tritag.models.figures.head_metrics import measure_head
    from tritag.models.training.evaluate import scores
    from tritag.models.training.training import train
    from tritag.quant.recipe import fresh_tagger, trained_tagger
    from tritag.run import Run

    run = Run.create(run_name(name, recipe), recipe.settings())
    if fresh:
        run.discard_from("train")
    elif run.path("metrics.json").is_file() and run.path("weights.safetensors").is_file():
        print_progress(f"{run.directory.name}: trained already")
        return run
    float_run = None
    settings, head = recipe.training, recipe.tagger.head
    if recipe.quant is not None:
        float_run = train_run(name, recipe.float_part(), progress=progress)
        settings = recipe.quant_training
        # Written again, so that a tagger's name finds this run and not the float one that it begins with.
        run = Run.create(run_name(name, recipe), recipe.settings())
    jets = {split: coded_jets(recipe, split) for split in ("train", "val", "test")}
    network = fresh_tagger(recipe)
    # One thread: the weights do not depend on the number of cores.
    torch.set_num_threads(1)
    targets = None
    if float_run is not None:
        teacher = trained_tagger(recipe.float_part(), float_run.require("weights.safetensors"))
        network.load_float(teacher.state_dict())  # type: ignore[operator]
        head.check(jets["train"], "training jets")
        taught = scores(teacher, jets["train"], progress=progress).reshape(len(jets["train"]), head.n_outputs)
        targets = head.distilled(jets["train"], torch.from_numpy(taught), recipe.quant.distillation)
    elif recipe.start is not None:
        load_start(network, recipe.start)
    result = train(
        network,
        jets["train"],
        jets["val"],
        settings,
        run.directory,
        progress=progress,
        head=head,
        targets=targets,
        body_rate=recipe.start.body_rate if recipe.start is not None and float_run is None else 1.0,
        name=run.directory.name,
        fresh=fresh or run.path("weights.safetensors").is_file(),
        config_digest=run.digest,
    )
    given = scores(network, jets["test"], progress=progress)
    test = measure_head(given, jets["test"], head)
    kept = {"scores": given.astype(np.float32), "labels": jets["test"].label.numpy().astype(np.int8)}
    if head.regression and jets["test"].ratios is not None:
        kept["ratios"] = jets["test"].ratios.numpy()
    with atomic_path(run.path("scores.npz")) as path:
        np.savez_compressed(path, **kept)
    started = {"start": dataclasses.asdict(recipe.start)} if recipe.start is not None else {}
    run.record_provenance("train", settings.seed, **started)
    write_json(
        run.path("metrics.json"),
        {
            "test": test.as_dict(),
            "training": result.as_dict(),
            "float_run": float_run.directory.name if float_run is not None else None,
            **started,
        },
    )
    print_progress(f"{run.directory.name}: {test}")
    return run


def load_start(network: Any, start: Any) -> None:
    """Give a fresh float network the body of the run it starts from.

    Raises
    ------
    RunError
        The run is gone, has other weights than when it was named, or its body does not fit.
    """
    from tritag.errors import RunError
    from tritag.models.training.start import load_body, weights_hash
    from tritag.run import Run, runs_root

    weights = Run.open(runs_root() / start.run).require("weights.safetensors")
    if (found := weights_hash(weights)) != start.weights:
        raise RunError(
            f"{start.run} must have the weights it had when the fine-tuning was named ({start.weights}), got {found}; "
            "name it again with --start"
        )
    load_body(network, weights, start.run)


def coded_jets(recipe: Any, split: str | None, file: Path | str | None = None, n_max: int | None = None) -> Any:
    """Jets of ``recipe``'s data (or of ``file``) on its trigger grid."""
    from tritag.data.readers.formats import is_own_file, read_any
    from tritag.data.simulation.generate import ensure_data
    from tritag.models.training.training import CodedJets

    source = Path(file if file is not None else recipe.data)
    if file is None and not source.is_file():
        source = ensure_data(recipe.data)
    batch = read_any(source, n_max=n_max, split=split)
    if is_own_file(source) and recipe.tagger.n_constituents > batch.p4.shape[1]:
        # Own files hold whole jets, padded here to the longest that was read: more padding loses nothing.
        batch = batch.leading(recipe.tagger.n_constituents)
    return CodedJets.from_batch(batch, recipe.tagger.n_constituents, rounded=recipe.on_grid)


def open_run(where: str) -> tuple[Any, Any]:
    """A run and its recipe."""
    from tritag.configs import build
    from tritag.quant.recipe import Recipe
    from tritag.run import Run

    run = Run.open(where)
    return run, build(Recipe, run.config, where="config.yaml")


def _list(json: bool) -> None:
    from rich.console import Console
    from rich.table import Table

    from tritag.models.nets.macs import count_macs
    from tritag.models.nets.registry import count_parameters, load_tagger_config, make_tagger, tagger_names

    rows = []
    for name in tagger_names():
        config = load_tagger_config(name)
        tagger = make_tagger(config)
        rows.append(
            {
                "tagger": name,
                "parameters": count_parameters(tagger),
                "constituents": config.n_constituents,
                "macs": count_macs(tagger, config.n_constituents),
                "summary": config.summary,
            }
        )
    if json:
        print_json(rows)
        return
    table = Table("tagger", "parameters", "K", "MACs", "summary")
    for row in rows:
        table.add_row(*map(str, row.values()))
    Console().print(table)
