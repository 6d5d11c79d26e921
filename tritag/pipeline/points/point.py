"""One training of a study or a sweep, as a user would ask for it, and the run directory that it gets."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tritag.environment import runs_root
from tritag.errors import ConfigError
from tritag.pipeline.recipes import recipe_of
from tritag.pipeline.start import start_of
from tritag.pipeline.train import directory_of
from tritag.quant.recipe import Recipe


@dataclass(frozen=True)
class Point:
    """What is trained: a worker makes the recipe of it anew, since plug-ins are loaded by each process.

    Attributes
    ----------
    tagger, data, precision : str
        Names, or files, as ``tritag train`` takes them.
    constituents : int, optional
        Leading constituents K.
    on_grid : bool
        False trains on candidates that are not rounded.
    changes : tuple of str
        ``section.key=value``, the seed among them.
    start : str, optional
        Whole name of the run whose body is taken.
    body_rate : float
        Learning rate of the body over the head's.
    """

    tagger: str
    data: str
    precision: str
    constituents: int | None = None
    on_grid: bool = True
    changes: tuple[str, ...] = ()
    start: str | None = None
    body_rate: float = 1.0

    def recipe(self) -> Recipe:
        """Everything that decides about the weights.

        Raises
        ------
        ConfigError, DataError
            As :func:`tritag.pipeline.recipes.recipe_of` does.
        """
        return recipe_of(
            self.tagger,
            self.data,
            self.constituents,
            self.precision,
            self.changes,
            on_grid=self.on_grid,
            start=start_of(self.start, self.body_rate),
        )


def require_no_seed(names: Iterable[str], instead: str) -> None:
    """Refuse ``training.seed`` among settings or axes, since the seed of a point would overwrite it.

    Parameters
    ----------
    names : iterable of str
        Settings ``section.key=value``, or names of axes.
    instead : str
        What sets the seed.

    Raises
    ------
    ConfigError
        It is there.
    """
    for name in names:
        if name.partition("=")[0].strip() == "training.seed":
            raise ConfigError(f"seeds are set by {instead}, got {name}; it would have no effect, leave it out")


def run_folder(tagger: str, recipe: Recipe) -> Path:
    """Directory of the run of a recipe, whether it is trained or not."""
    return runs_root() / directory_of(tagger, recipe)
