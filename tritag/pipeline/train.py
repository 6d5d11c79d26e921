"""Training into a run directory: the float tagger, then the quantized one from its weights."""

from __future__ import annotations

import dataclasses
import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from tritag import plugins
from tritag.data.jets.identity import jets_id
from tritag.data.simulation.generate import ensure_data
from tritag.environment import runs_root
from tritag.files import JsonObject, atomic_path, write_json
from tritag.models.figures.head_metrics import HeadMetrics, measure_head
from tritag.models.figures.metrics import Metrics
from tritag.models.jets.coded_jets import CodedJets
from tritag.models.layers.tagger import Tagger
from tritag.models.training.checkpoint import CHECKPOINT_FILE
from tritag.models.training.compute import Compute
from tritag.models.training.evaluate import scores
from tritag.models.training.start import weights_hash
from tritag.models.training.training import train
from tritag.models.training.weights import WEIGHTS_FILE
from tritag.pipeline import fingerprint
from tritag.pipeline.jets import coded_jets
from tritag.pipeline.jets_fingerprint import describe_jets
from tritag.pipeline.names import names_configuration
from tritag.pipeline.opened import OpenedRun, writing
from tritag.pipeline.plugins import keep_plugins, refuse_other_plugins, tell_changes
from tritag.pipeline.recipes import call_of, run_name
from tritag.pipeline.run_files import MetricsFile
from tritag.pipeline.start import load_start
from tritag.pipeline.strength import require_various
from tritag.quant.recipe import Recipe, fresh_tagger
from tritag.quant.simulated.tagger import why_not_exact
from tritag.run import Run
from tritag.run_config import identity, plain_values
from tritag.terminal import print_progress

# What a training that came to its end has written.
FINISHED = ("metrics.json", WEIGHTS_FILE, "scores.npz")


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


def train_run(
    tagger: str,
    recipe: Recipe,
    fresh: bool = False,
    progress: bool = True,
    teacher: bool = False,
    compute: Compute | None = None,
    keep_float: bool = False,
) -> TrainResult:
    """Train ``recipe`` into its run directory, or find it finished.

    A quantized recipe first trains, or finds, the float run that it starts from. Two processes with the same recipe do
    not write into each other's files: the second waits, and finds the run finished. A training that fails before its
    first checkpoint leaves no directory.

    Parameters
    ----------
    tagger : str
        Name of the tagger or its YAML file, whose stem begins the run's name.
    fresh : bool
        Discard what is there, the float run included, and train again.
    progress : bool
        Show a bar on a terminal.
    teacher : bool
        It is trained for the sake of another run, and a tagger's name alone does not find it.
    compute : Compute, optional
        The device; by default ``$TRITAG_DEVICE``, else the processor.
    keep_float : bool
        With ``fresh``, find the float run where it is finished.

    Raises
    ------
    ConfigError
        The device is not there.
    DataError
        The jets do not fit the tagger's head.
    RunError
        Something that the finished run was made of has changed since: sources, jets, the trigger grid.
    CheckFailed
        The trained tagger gives all test jets one answer.
    TritagError
        The loss or its gradient is not finite.
    """
    compute = compute or Compute()
    compute.find()
    asked = _Asked(tagger, recipe, fresh, progress, teacher, compute, keep_float)
    run = asked.make_run()
    with writing(run):
        return _train_or_discard(asked, run)


def trained_run(tagger: str, recipe: Recipe) -> OpenedRun:
    """The run of a recipe that is trained.

    Raises
    ------
    RunError
        It is not, or something that it was made of has changed since.
    """
    run = Run.open(runs_root() / directory_of(tagger, recipe), needs=(WEIGHTS_FILE, "metrics.json"))
    fingerprint.check_training(run)
    return OpenedRun(run)


def _train_or_discard(asked: _Asked, run: Run) -> TrainResult:
    try:
        return _train_run(asked)
    except BaseException:
        if not any(run.path(name).exists() for name in (CHECKPOINT_FILE, WEIGHTS_FILE)):
            shutil.rmtree(run.directory, ignore_errors=True)
        raise


@dataclass(frozen=True)
class _Asked:
    """What :func:`train_run` was asked for."""

    tagger: str
    recipe: Recipe
    fresh: bool
    progress: bool
    teacher: bool
    compute: Compute = field(default_factory=Compute)
    keep_float: bool = False

    def make_run(self) -> Run:
        """The run's directory; a jet file counts by its content."""
        recipe = self.recipe
        jets = content_of(recipe.data)
        name, call = run_name(Path(self.tagger).stem, recipe), self._call()
        # one that was begun goes on
        if not self.fresh and not (runs_root() / directory_of(self.tagger, recipe) / "config.yaml").is_file():
            fingerprint.refuse_other_jets(name, recipe.settings(), jets, call)
            refuse_other_plugins(name, recipe.settings(), call)
        return Run.create(name, recipe.settings(), jets, call, self.teacher)

    def _call(self) -> dict[str, object]:
        """The call that trains it, for advice."""
        given = [os.path.relpath(path) for path in plugins.used_paths()]
        return {**call_of(self.tagger, self.recipe), **({"plugin": given} if given else {})}

    def float_teacher(self) -> _Teacher:
        """The float run that a quantized training starts from, read before another command may train it anew."""
        fresh = self.fresh and not self.keep_float
        asked = dataclasses.replace(self, recipe=self.recipe.float_part(), teacher=True, fresh=fresh)
        with writing(run := asked.make_run()):
            opened = _train_or_discard(asked, run).run
            return _Teacher(opened.name, opened.tagger(), weights_hash(opened.run.require(WEIGHTS_FILE)))


@dataclass(frozen=True)
class _Teacher:
    """A float run: its name, its tagger, and the hash of its weights."""

    name: str
    tagger: Tagger
    weights: str


def directory_of(tagger: str, recipe: Recipe) -> str:
    """Name of the directory of a recipe's run, whether it is there or not."""
    settings = plain_values(recipe.settings())
    return f"{run_name(Path(tagger).stem, recipe)}-{identity(settings, content_of(recipe.data))}"


def is_finished(directory: Path) -> bool:
    """Whether a training came to its end; what it wrote may be damaged or made of something else."""
    return all((directory / filename).is_file() for filename in FINISHED)


def content_of(data: str) -> str | None:
    """Digest of a jet file's content; None of a data configuration."""
    return None if names_configuration(data) else jets_id(describe_jets(data)["splits"])


def _train_run(asked: _Asked) -> TrainResult:
    recipe, progress = asked.recipe, asked.progress
    run = asked.make_run()
    name = run.directory.name
    if not asked.fresh and _is_trained(run):
        print_progress(f"{name}: trained already")
        return _result(run)
    if fresh := asked.fresh or run.path(WEIGHTS_FILE).is_file():  # what was made of the weights goes with them
        run.discard_from("train")
        run.path(CHECKPOINT_FILE).unlink(missing_ok=True)
    if recipe.quant is not None and not recipe.quant.exact:
        print_progress(f"{name}: {why_not_exact(recipe.quant)}")
    tell_changes(run)
    keep_plugins(run, recipe.plugins)
    teacher = asked.float_teacher() if recipe.quant is not None else None
    if names_configuration(recipe.data):
        ensure_data(recipe.data)
    fingerprint.record_training(run, recipe, teacher.weights if teacher else None)
    jets = {split: coded_jets(recipe, split) for split in ("train", "val", "test")}
    network = fresh_tagger(recipe)
    # The weights do not depend on the number of cores.
    torch.set_num_threads(fingerprint.TRAINING_THREADS)
    targets = None
    if teacher is not None:
        targets = _learn_from_float(network, asked, teacher.tagger, jets["train"])
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
        body_rate=recipe.start.body_rate if recipe.start is not None and teacher is None else 1.0,
        name=name,
        fresh=fresh,
        config_digest=run.digest,
        compute=asked.compute,
    )
    with asked.compute.placed(network):
        test = _test(run, recipe, network, jets["test"], progress)
    started: JsonObject = {"start": dataclasses.asdict(recipe.start)} if recipe.start is not None else {}
    run.record_provenance("train", settings.seed, **started, **asked.compute.facts())
    metrics = {
        "test": test.as_dict(),
        "training": result.as_dict(),
        "float_run": teacher.name if teacher is not None else None,
    }
    write_json(run.path("metrics.json"), {**metrics, **started})
    print_progress(f"{name}: {test}")
    return _result(run)


def _is_trained(run: Run) -> bool:
    """Whether nothing is left to train; of what was trained or begun nothing must have changed."""
    if run.path(CHECKPOINT_FILE).is_file() or all(map(Path.is_file, map(run.path, ("metrics.json", WEIGHTS_FILE)))):
        fingerprint.check_training(run)
    return is_finished(run.directory)


def _result(run: Run) -> TrainResult:
    opened = OpenedRun(run)
    return TrainResult(opened, opened.metrics())


def _learn_from_float(network: Tagger, asked: _Asked, teacher: Tagger, training_jets: CodedJets) -> Tensor:
    """Load the float tagger's weights into the quantized ``network``; returns what it is to answer (distillation)."""
    recipe = asked.recipe
    assert recipe.quant is not None
    head = recipe.tagger.head
    network.load_float(teacher.state_dict())  # type: ignore[operator]
    head.check(training_jets, "training jets")
    with asked.compute.placed(teacher):
        taught = scores(teacher, training_jets, progress=asked.progress).reshape(len(training_jets), head.n_outputs)
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
