"""Fingerprints of a run: what its steps were made of besides the settings, recorded once and compared on every use.

A run's directory is named by its settings (and, where the jets come from a file, by their content). What else decides
about numbers stands in ``fingerprint.json``, step by step: the sources of the network, its layers, their quantized
forms, ops and the training, the version of tritag, the constants of the trigger grid, the content of the jets. A step
that finds another fingerprint than the recorded one stops and names what changed (docs/reliability.md).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NotRequired, TypedDict

from tritag import advice
from tritag._version import __version__
from tritag.errors import RunError
from tritag.files import write_json
from tritag.pipeline.jets_fingerprint import JetsPart, changed_jets, describe_jets
from tritag.pipeline.plugins import changed_origins
from tritag.pipeline.sources import SourceDigest, changed_sources, closure, digest_sources
from tritag.pipeline.step_sources import digest_step
from tritag.run import Run, runs_named
from tritag.run_config import plain_values
from tritag.steps import STEPS, step_of, steps_before
from tritag.structured import read_json, read_json_if_there
from tritag.terminal import print_progress
from tritag.zoo import GOLDEN

if TYPE_CHECKING:
    from tritag.quant.recipe import Recipe

FILE = "fingerprint.json"
# PyTorch's threads in a training: with another number sums are rounded in another order.
TRAINING_THREADS = 1
_TAGGER = ("tritag.models.layers", "tritag.models.nets", "tritag.models.jets", "tritag.quant", "tritag.data.jets")
_TRAINING = ("tritag.models.training", "tritag.models.figures", "tritag.models.jets", "tritag.quant.recipe")
# What tables, pages and packages show: each must still be made of these sources.
_SHOWN = ("metrics.json", "model.qonnx.onnx", "csim.json", "verify.json", "rtl.json")
_DONE = {
    "train": "trained",
    "import": "imported",
    "export": "exported",
    "csim": "compiled",
    "verify": "verified",
    "rtl": "written as Verilog",
}


class StepPrint(TypedDict):
    """What one step was made of."""

    tritag: str
    sources: dict[str, SourceDigest]
    training_sources: NotRequired[dict[str, SourceDigest]]
    grid: NotRequired[dict[str, float]]
    jets: NotRequired[JetsPart]
    threads: NotRequired[int]
    teacher: NotRequired[str]


def record_training(run: Run, recipe: Recipe, teacher: str | None = None) -> None:
    """Record what a training is made of, at its beginning.

    Parameters
    ----------
    teacher : str, optional
        Hash of the weights of the float run that a quantized training starts from.

    Raises
    ------
    RunError
        A layer has no source file, or the training began with another fingerprint and is not finished.
    """
    from tritag.quant.recipe import source_modules

    beside = run.directory.resolve()
    made = StepPrint(
        tritag=__version__,
        sources=digest_sources(closure(source_modules(recipe), _TAGGER), beside),
        training_sources=digest_sources(closure(["tritag.models.training.training"], _TRAINING), beside),
        grid=grid_constants(),
        jets=describe_jets(recipe.data),
        threads=TRAINING_THREADS,
    )
    if teacher is not None:
        made["teacher"] = teacher
    _write(run, "train", made)


def record_step(run: Run, step: str) -> None:
    """Record which sources made the files of ``step``."""
    _write(run, step, StepPrint(tritag=__version__, sources=digest_step(step, run.directory)))


def _write(run: Run, step: str, made: StepPrint) -> None:
    # after a training or an import nothing of other steps stands any more
    kept = {} if step in ("train", "import") else _recorded(run)
    write_json(run.path(FILE), {**kept, step: made})


def _recorded(run: Run) -> dict[str, StepPrint]:
    """What was recorded by step; nothing in a run of an older tritag."""
    path, again = run.path(FILE), f"train again with {advice.training(run.call(), again=True)}"
    recorded: dict[str, StepPrint] = read_json(path, RunError, again) if path.is_file() else {}
    return recorded


def grid_constants() -> dict[str, float]:
    """Constants of the trigger grid by name."""
    from tritag.data.jets.trigger_grid import TriggerGrid

    return {name: value for name, value in vars(TriggerGrid).items() if name.isupper()}


def changes(run: Run, step: str, jets: bool = True, training: bool = False) -> list[str] | None:
    """What has changed since ``step`` was made: a phrase each; None where nothing was recorded.

    Parameters
    ----------
    jets : bool
        Compare the run's jets, too, where they are on this machine.
    training : bool
        Compare the sources of the training, too, which a finished run does not need any more.
    """
    recorded: StepPrint | None = _recorded(run).get(step)
    if recorded is None:
        return None
    beside = run.directory.resolve()
    found = [f"tritag's version ({recorded['tritag']} -> {__version__})"] if recorded["tritag"] != __version__ else []
    found = [f"{change} changed" for change in [*found, *_changed_grid(recorded), *_changed_threads(recorded)]]
    found += changed_sources(recorded["sources"], beside)
    if step == "train":
        found += changed_origins(run)
    if training:
        found += changed_sources(recorded.get("training_sources", {}), beside)
    if jets and "jets" in recorded:
        found += changed_jets(str(run.config["data"]), recorded["jets"])
    return found


def _changed_grid(recorded: StepPrint) -> list[str]:
    if "grid" not in recorded:
        return []
    was, now = recorded["grid"], grid_constants()
    names = [name for name in was | now if was.get(name) != now.get(name)]
    return [f"the trigger grid's {name} ({was.get(name)} -> {now.get(name)})" for name in names]


def _changed_threads(recorded: StepPrint) -> list[str]:
    was = recorded.get("threads", TRAINING_THREADS)
    return [f"the training's threads ({was} -> {TRAINING_THREADS})"] if was != TRAINING_THREADS else []


def check(run: Run, needs: Sequence[str], jets: bool = True) -> None:
    """Refuse a run of which something has changed since the steps that wrote ``needs``, and those before them.

    Raises
    ------
    RunError
        The message names what changed, and the command that makes it again.
    """
    for step in steps_before({step_of(filename) or "train" for filename in needs}):
        found = changes(run, step, jets)
        # a step's fingerprint stays where its files are removed
        is_there = run.path(STEPS[step].files[0]).is_file()
        if found and (is_there or step == "train"):
            raise RunError(f"{summary(found)} since {run.directory.name} was {_DONE[step]}; {_advice(run, step)}")
        # golden integers hold a run from the zoo, whatever made it
        if found is None and is_there and step in _UNKNOWN and not (step == "train" and run.path(GOLDEN).is_file()):
            _tell_unknown(run, step)


def check_shown(run: Run) -> None:
    """Refuse to show a run of which something has changed since any of its steps that a table or a page shows.

    Raises
    ------
    RunError
        The message names what changed, and the command that makes it again.
    """
    check(run, [name for name in _SHOWN if run.path(name).is_file()])


def check_training(run: Run) -> None:
    """Refuse a run that a training would not make, or not continue, as it is: also when the training's sources changed.

    Raises
    ------
    RunError
        The message names what changed, and the command that trains again.
    """
    if found := training_changes(run):
        state = "trained" if run.path("metrics.json").is_file() else "begun"
        raise RunError(f"{summary(found)} since {run.directory.name} was {state}; {_advice(run, 'train')}")


def training_changes(run: Run) -> list[str]:
    """What has changed since a training, sources of the training among it: a phrase each; says where it cannot tell."""
    found = changes(run, "train", training=True)
    if found is None:
        _tell_unknown(run)
    return [] if found is None else found + _changed_float(run)


def check_float(run: Run) -> None:
    """Refuse a run whose float run has other weights than when the quantized training began.

    Raises
    ------
    RunError
        The message holds the command that trains again.
    """
    if found := _changed_float(run):
        raise RunError(f"{summary(found)} since {run.directory.name} was trained; {_advice(run, 'train')}")


def _changed_float(run: Run) -> list[str]:
    recorded, now = teacher_of(run), _float_weights(run)
    return ["the float run that it starts from changed"] if recorded and now and now != recorded else []


def refuse_other_jets(name: str, settings: Mapping[str, object], jets: str | None, call: Mapping[str, object]) -> None:
    """Refuse a training on a jet file that has another content than when a run with the same call was trained.

    Parameters
    ----------
    name : str
        Readable part of the run's name.
    settings, call : mapping
        Of the run that is asked for.
    jets : str, optional
        Digest of the jet file's content; None of a data configuration.

    Raises
    ------
    RunError
        The message names the file and the command that trains on its new content.
    """
    if jets is not None and (other := other_jets(settings, jets, runs_named(name))) is not None:
        raise RunError(
            f"{summary(other[1])} since {other[0].directory.name} was trained; put it back, or train again with "
            f"{advice.training(call, again=True)}"
        )


def other_jets(settings: Mapping[str, object], jets: str, named: Iterable[Run]) -> tuple[Run, list[str]] | None:
    """The newest of runs that was trained with these settings on another content of the jet file, and what changed."""
    same = [run for run in named if run.jets is not None and run.config == plain_values(settings)]
    if not same or any(run.jets == jets for run in same):
        return None
    return same[0], changes(same[0], "train") or [f"the content of {settings['data']} changed"]


def _float_weights(run: Run) -> str | None:
    """Hash of the weights that the float run of a finished quantized run has now."""
    metrics = read_json_if_there(run.path("metrics.json")) or {}
    weights = run.directory.parent / str(metrics.get("float_run")) / "weights.safetensors"
    if not weights.is_file():
        return None
    from tritag.models.training.start import weights_hash

    return weights_hash(weights)


# Steps of which is said that an older tritag recorded nothing, and what it said then.
_UNKNOWN = {
    "train": f"holds no {FILE}: an older tritag trained it, and whether sources or jets have changed since",
    "import": f"is not in its {FILE}: an older tritag imported it, and whether sources have changed since",
    "verify": f"has a bit check that is not in {FILE}: an older tritag made it, and whether sources have changed since",
}
_TOLD: set[tuple[Path, str]] = set()


def _tell_unknown(run: Run, step: str = "train") -> None:
    """Say once in a process that what an older tritag made cannot be compared."""
    if (run.directory, step) not in _TOLD:
        _TOLD.add((run.directory, step))
        print_progress(f"{run.directory.name} {_UNKNOWN[step]} cannot be told")


def _advice(run: Run, step: str) -> str:
    command = run.command_for(step, again=True)
    return f"put it back, or {f'train again with {command}' if step == 'train' else f'run {command} again'}"


def summary(found: Iterable[str]) -> str:
    """Changes in one phrase: the first two, and how many more there are."""
    listed = list(found)
    more = f" and {len(listed) - 2} more changes" if len(listed) > 2 else ""
    return ", ".join(listed[:2]) + more


def teacher_of(run: Run) -> str | None:
    """Hash of the float weights that a quantized training started from, where it was recorded."""
    recorded = _recorded(run).get("train")
    return recorded.get("teacher") if recorded else None
