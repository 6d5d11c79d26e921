"""Trainings of many points: float taggers, each once, and a quantized one as soon as what it starts from is there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tritag.data.simulation.generate import ensure_data
from tritag.errors import RunError
from tritag.farm import Farm
from tritag.models.training.weights import WEIGHTS_FILE
from tritag.pipeline.cost import cost_run
from tritag.pipeline.names import names_configuration
from tritag.pipeline.points.jobs import Job, do_jobs
from tritag.pipeline.points.point import Point, run_folder
from tritag.pipeline.train import train_run
from tritag.quant.recipe import Recipe
from tritag.tasks import Report


def train_points(points: Sequence[Point], farm: Farm, title: str, retry: bool = False) -> dict[Point, str]:
    """Train what is not trained yet.

    Returns
    -------
    dict
        Errors of the points that failed, or whose float tagger did.

    Raises
    ------
    ConfigError, DataError
        The first point that is none, before anything is trained.
    """
    recipes = {point: point.recipe() for point in points}
    for data in dict.fromkeys(point.data for point in points):
        if names_configuration(data):
            ensure_data(data, farm)
    floats = {point: _job(point, recipe.float_part(), recipe.quant is not None) for point, recipe in recipes.items()}
    # what is asked for itself comes first, so that it is found by its tagger's name
    jobs = sorted(floats.values(), key=lambda job: bool(job.arguments[-1]))
    last = {
        point: floats[point] if recipe.quant is None else replace(_job(point, recipe), after=floats[point].name)
        for point, recipe in recipes.items()
    }
    failed = do_jobs([*jobs, *last.values()], farm, title, "trainings", retry)
    return {point: failed[job.name] for point, job in last.items() if job.name in failed}


def is_trained(point: Point) -> bool:
    """Whether a training is done; what it starts from must be."""
    return _job(point, point.recipe()).done()


def _job(point: Point, recipe: Recipe, teacher: bool = False) -> Job:
    folder = run_folder(point.tagger, recipe)
    counted = recipe.quant is not None and recipe.quant.exact
    target = folder / ("cost.json" if counted else "metrics.json")
    whole = [target, folder / "metrics.json", folder / WEIGHTS_FILE]
    return Job(
        folder.name, target, _train, (point, folder.name, teacher), lambda: all(path.is_file() for path in whole)
    )


def _train(report: Report, point: Point, name: str, teacher: bool) -> None:
    recipe = point.recipe()
    if teacher:
        recipe = recipe.float_part()
    if run_folder(point.tagger, recipe).name != name:
        raise RunError(
            f"a worker must have the same tritag, plug-ins and files as the command, which asks for {name}, but makes "
            f"{run_folder(point.tagger, recipe).name} of it; install the same on all machines"
        )
    opened = train_run(point.tagger, recipe, progress=False, teacher=teacher).run
    if recipe.quant is not None and recipe.quant.exact:
        cost_run(opened)
