"""Trainings of many points: float taggers, each once, and a quantized one as soon as what it starts from is there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache

from tritag.data.simulation.generate import ensure_data
from tritag.errors import RunError
from tritag.farm import Farm
from tritag.pipeline.cost import cost_run
from tritag.pipeline.names import names_configuration
from tritag.pipeline.points.call import Call
from tritag.pipeline.points.jobs import Job, do_jobs
from tritag.pipeline.points.point import Point, run_folder
from tritag.pipeline.points.stale import Stale, require_fit, stale_training
from tritag.pipeline.train import FINISHED, is_finished, train_run
from tritag.quant.recipe import Recipe
from tritag.run import runs_named
from tritag.tasks import Report


def train_points(points: Sequence[Point], farm: Farm, title: str, call: Call) -> dict[Point, str]:
    """Train what is not trained yet, and what is stale where the call is to train that anew.

    Returns
    -------
    dict
        Errors of the points that failed, or whose float tagger did.

    Raises
    ------
    ConfigError, DataError
        The first point that is none, before anything is trained.
    RunError
        Something is stale, and the call is not to train it anew; before anything is trained.
    """
    trainings = {point: _trainings_of(point) for point in points}
    for data in dict.fromkeys(point.data for point in points):
        if names_configuration(data):
            ensure_data(data, farm)
    stale = _stale(trainings.values())
    require_fit(list(stale.values()), call)
    # what is asked for itself comes first, so that it is found by its tagger's name
    floats = sorted((found[0] for found in trainings.values()), key=lambda training: training.teacher)
    wanted = [*floats, *(found[-1] for found in trainings.values())]
    jobs = [training.job(anew=training.name in stale) for training in wanted]
    failed = do_jobs(jobs, farm, title, "trainings", call.retry)
    return {point: failed[found[-1].name] for point, found in trainings.items() if found[-1].name in failed}


def is_trained(point: Point) -> bool:
    """Whether a training is done and can stay as it is; what it starts from must be there."""
    training = _trainings_of(point)[-1]
    return training.job().done() and stale_training(point.tagger, training.recipe) is None


def stale_of(points: Iterable[Point]) -> list[Stale]:
    """Trainings of the points that cannot stay as they are, those that they start from among them where they count."""
    return list(_stale(map(_trainings_of, points)).values())


@dataclass(frozen=True)
class _Training:
    """A training that a point asks for: itself, or the float one that it starts from (``teacher``)."""

    point: Point
    recipe: Recipe
    name: str
    teacher: bool = False
    after: str | None = None

    def job(self, anew: bool = False) -> Job:
        folder = run_folder(self.point.tagger, self.recipe)
        counted = self.recipe.quant is not None and self.recipe.quant.exact
        target = folder / ("cost.json" if counted else "metrics.json")
        whole = [target, *(folder / name for name in FINISHED)]
        arguments = (self.point, self.name, self.teacher, anew)
        return Job(
            self.name,
            target,
            _train,
            arguments,
            lambda: all(path.is_file() for path in whole),
            after=self.after,
            anew=anew,
        )


def _trainings_of(point: Point) -> list[_Training]:
    """The float training, and the quantized one after it where the point is quantized."""
    recipe = point.recipe()
    first = recipe.float_part()
    name = run_folder(point.tagger, first).name
    found = [_Training(point, first, name, teacher=recipe.quant is not None)]
    if recipe.quant is not None:
        found.append(_Training(point, recipe, run_folder(point.tagger, recipe).name, after=name))
    return found


def _stale(asked: Iterable[Sequence[_Training]]) -> dict[str, Stale]:
    """What cannot stay as it is, by the names of trainings.

    A float one that is no point itself counts where another is yet to start from it.
    """
    known: dict[str, Stale | None] = {}
    named = cache(runs_named)
    for found in asked:
        for training in reversed(found):
            if training.name not in known:
                known[training.name] = stale_training(training.point.tagger, training.recipe, named)
            if known[training.name] is None and is_finished(run_folder(training.point.tagger, training.recipe)):
                break
    return {name: stale for name, stale in known.items() if stale is not None}


def _train(report: Report, point: Point, name: str, teacher: bool, fresh: bool) -> None:
    recipe = point.recipe()
    if teacher:
        recipe = recipe.float_part()
    if run_folder(point.tagger, recipe).name != name:
        raise RunError(
            f"a worker must have the same tritag, plug-ins and files as the command, which asks for {name}, but makes "
            f"{run_folder(point.tagger, recipe).name} of it; install the same on all machines"
        )
    opened = train_run(point.tagger, recipe, fresh=fresh, progress=False, teacher=teacher, keep_float=True).run
    if recipe.quant is not None and recipe.quant.exact:
        cost_run(opened)
