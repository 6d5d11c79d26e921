"""Training into a run directory: the float tagger, then the quantized one from its weights."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from tritag.files import JsonObject, atomic_path, only_one, write_json
from tritag.models.figures.head_metrics import HeadMetrics, measure_head
from tritag.models.figures.metrics import Metrics
from tritag.models.jets.coded_jets import CodedJets
from tritag.models.layers.tagger import Tagger
from tritag.models.training.evaluate import scores
from tritag.models.training.training import train
from tritag.pipeline.jets import coded_jets
from tritag.pipeline.opened import OpenedRun
from tritag.pipeline.plugins import keep_plugins, tell_changes
from tritag.pipeline.recipes import load_start, run_name
from tritag.pipeline.run_files import MetricsFile
from tritag.pipeline.strength import require_various
from tritag.quant.recipe import Recipe, fresh_tagger
from tritag.run import Run
from tritag.terminal import print_progress


@dataclass(frozen=True)
class TrainResult:
    """A trained run.

    Attributes
    ----------
    run : OpenedRun
        Its directory, which every later step takes.
    metrics : MetricsFile
        Content of ``metrics.json``: ``test`` figures, the end of the ``training``, and the ``float_run``.
    """

    run: OpenedRun
    metrics: MetricsFile

    def as_dict(self) -> JsonObject:
        """Path of the run directory and the content of ``metrics.json``."""
        return {"run": str(self.run.directory), **self.metrics}  # type: ignore[dict-item]


def train_run(name: str, recipe: Recipe, fresh: bool = False, progress: bool = True) -> TrainResult:
    """Train ``recipe`` into its run directory, or find it finished.

    A quantized recipe first trains, or finds, the float run that it starts from. Two processes with the same recipe do
    not write into each other's files: the second waits, and finds the run finished.

    Parameters
    ----------
    name : str
        Beginning of the run's name, usually the tagger's.
    fresh : bool
        Discard what is there and train again.
    progress : bool
        Show a bar on a terminal.

    Raises
    ------
    DataError
        The jets do not fit the tagger's head.
    CheckFailed
        The trained tagger gives all test jets one answer.
    TritagError
        The loss or its gradient is not finite.
    """
    with only_one(Run.create(run_name(name, recipe), recipe.settings()).path(".training.lock")):
        return _train_run(name, recipe, fresh, progress)


def _train_run(name: str, recipe: Recipe, fresh: bool, progress: bool) -> TrainResult:
    run = Run.create(run_name(name, recipe), recipe.settings())
    if fresh:
        run.discard_from("train")
    elif run.path("metrics.json").is_file() and run.path("weights.safetensors").is_file():
        print_progress(f"{run.directory.name}: trained already")
        return _result(run)
    tell_changes(run)
    keep_plugins(run, recipe.plugins)
    float_run = None
    if recipe.quant is not None:
        float_run = train_run(name, recipe.float_part(), progress=progress).run
        # Written again, so that a tagger's name finds this run and not the float one that it begins with.
        run = Run.create(run_name(name, recipe), recipe.settings())
    jets = {split: coded_jets(recipe, split) for split in ("train", "val", "test")}
    network = fresh_tagger(recipe)
    # One thread: the weights do not depend on the number of cores.
    torch.set_num_threads(1)
    targets = None
    if float_run is not None:
        targets = _learn_from_float(network, recipe, float_run, jets["train"], progress)
    elif recipe.start is not None:
        load_start(network, recipe.start)
    settings = recipe.training if recipe.quant_training is None else recipe.quant_training
    result = train(
        network,
        jets["train"],
        jets["val"],
        settings,
        run.directory,
        progress=progress,
        head=recipe.tagger.head,
        targets=targets,
        body_rate=recipe.start.body_rate if recipe.start is not None and float_run is None else 1.0,
        name=run.directory.name,
        fresh=fresh or run.path("weights.safetensors").is_file(),
        config_digest=run.digest,
    )
    test = _test(run, recipe, network, jets["test"], progress)
    started: JsonObject = {"start": dataclasses.asdict(recipe.start)} if recipe.start is not None else {}
    run.record_provenance("train", settings.seed, **started)
    metrics = {
        "test": test.as_dict(),
        "training": result.as_dict(),
        "float_run": float_run.name if float_run is not None else None,
    }
    write_json(run.path("metrics.json"), {**metrics, **started})
    print_progress(f"{run.directory.name}: {test}")
    return _result(run)


def _result(run: Run) -> TrainResult:
    opened = OpenedRun(run)
    return TrainResult(opened, opened.metrics())


def _learn_from_float(
    network: Tagger, recipe: Recipe, float_run: OpenedRun, training_jets: CodedJets, progress: bool
) -> Tensor:
    """Load the float tagger's weights into the quantized ``network``; returns what it is to answer (distillation)."""
    assert recipe.quant is not None
    head = recipe.tagger.head
    teacher = float_run.tagger()
    network.load_float(teacher.state_dict())  # type: ignore[operator]
    head.check(training_jets, "training jets")
    taught = scores(teacher, training_jets, progress=progress).reshape(len(training_jets), head.n_outputs)
    return head.distilled(training_jets, torch.from_numpy(taught), recipe.quant.distillation)


def _test(run: Run, recipe: Recipe, network: Tagger, jets: CodedJets, progress: bool) -> Metrics | HeadMetrics:
    """Figures on the test jets; the scores behind them go into ``scores.npz``."""
    head = recipe.tagger.head
    given = scores(network, jets, progress=progress)
    require_various(given, jets.count.numpy().reshape(-1), run.directory.name)
    test = measure_head(given, jets, head)
    kept = {
        "scores": given.astype(np.float32),
        "labels": jets.label.numpy().astype(np.int8),
    }
    if head.regression and jets.ratios is not None:
        kept["ratios"] = jets.ratios.numpy()
    with atomic_path(run.path("scores.npz")) as path:
        np.savez_compressed(path, **kept)  # type: ignore[arg-type]
    return test
