"""Trainings that cannot stay as they are: what they were made of has changed since, or their files are damaged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tritag.environment import runs_root
from tritag.errors import RunError, TritagError
from tritag.models.training.checkpoint import CHECKPOINT_FILE
from tritag.models.training.weights import WEIGHTS_FILE, load_tensors
from tritag.pipeline import fingerprint
from tritag.pipeline.plugins import other_plugin
from tritag.pipeline.points.call import Call
from tritag.pipeline.recipes import run_name
from tritag.pipeline.train import content_of, directory_of, is_finished
from tritag.quant.recipe import Recipe
from tritag.run import Run, runs_named

# Runs that a message names.
_NAMED = 10


@dataclass(frozen=True)
class Stale:
    """A training that cannot stay as it is.

    Attributes
    ----------
    run : str
        Directory name; of jets or plug-ins with another content the run that was trained with the earlier one.
    causes : tuple of str
        What has changed or is damaged, a phrase each.
    """

    run: str
    causes: tuple[str, ...]


def stale_training(tagger: str, recipe: Recipe, named: Callable[[str], Sequence[Run]] = runs_named) -> Stale | None:
    """What :func:`tritag.pipeline.train.train_run` would refuse without ``fresh``, or would not see.

    Parameters
    ----------
    named : callable
        As :func:`tritag.run.runs_named`; one that remembers is quicker for many.

    Returns
    -------
    Stale, optional
        None where the training can stay, or go on, or is yet to begin.
    """
    directory = runs_root() / directory_of(tagger, recipe)
    if (directory / "config.yaml").is_file():
        causes = _causes(directory)
        return Stale(directory.name, tuple(causes)) if causes else None
    jets, name, settings = content_of(recipe.data), run_name(Path(tagger).stem, recipe), recipe.settings()
    if jets is not None and (other := fingerprint.other_jets(settings, jets, named(name))) is not None:
        return Stale(other[0].directory.name, tuple(other[1]))
    if recipe.plugins and (edited := other_plugin(settings, named(name))) is not None:
        return Stale(edited[0].directory.name, (edited[1],))
    return None


def _causes(directory: Path) -> list[str]:
    """What has changed since a run was trained or begun; where nothing has, what is damaged of a finished one."""
    finished = is_finished(directory)
    if not finished and not (directory / CHECKPOINT_FILE).is_file():
        return []
    try:
        run = Run.open(directory)
        if found := fingerprint.training_changes(run):
            return found
        if finished:
            run.read_json("metrics.json")
            run.read_npz("scores.npz", ("scores", "labels"))
            load_tensors(run.require(WEIGHTS_FILE))
    except TritagError as error:
        return [str(error).partition("; ")[0]]
    return []


def told(stale: Sequence[Stale]) -> str:
    """Runs and causes in one phrase."""
    names = list(dict.fromkeys(found.run for found in stale))
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    causes = dict.fromkeys(cause for found in stale for cause in found.causes)
    return f"{', '.join(names[:_NAMED])}{more}: {fingerprint.summary(causes)}"


def require_fit(stale: Sequence[Stale], call: Call) -> None:
    """Raise where trainings cannot stay as they are, unless they are to be trained anew.

    Raises
    ------
    RunError
        With their names, what has changed, and the call that trains them anew.
    """
    if stale and not call.fresh:
        raise RunError(
            f"trainings must be of these sources and jets, and undamaged, but {len(stale)} cannot stay, {told(stale)}; "
            f"put it back, or call {call.advice('fresh')}, which trains anew what is so, and nothing else"
        )
