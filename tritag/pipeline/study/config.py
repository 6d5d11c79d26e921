"""What a study consists of (``configs/studies/``), and the recipes of its rows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tritag.configs import build, load_config
from tritag.errors import ConfigError, short
from tritag.pipeline.points.point import Point, require_no_seed, run_folder
from tritag.pipeline.recipes import require_distinct
from tritag.quant.recipe import Recipe

PRETRAINING = "pretraining"
_SEEDS = "the study's key seeds"


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

    def __post_init__(self) -> None:
        require_no_seed(self.settings, _SEEDS)
        require_distinct(self.settings)

    @property
    def name(self) -> str:
        """Beginning of the names of this row's runs."""
        return Path(self.tagger).stem


@dataclass(frozen=True)
class Pretraining:
    """A float training on other jets, before the rows that start from it."""

    data: str
    settings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        require_no_seed(self.settings, _SEEDS)
        require_distinct(self.settings)


@dataclass(frozen=True)
class StudyConfig:
    """A study: rows, seeds, jets, and settings common to all rows.

    With ``firmware`` every exact row goes on to C-simulation and bit check, with its first seed.
    """

    data: str
    rows: tuple[StudyRow, ...]
    seeds: tuple[int, ...] = (1,)
    settings: tuple[str, ...] = ()
    firmware: bool = False
    pretraining: Pretraining | None = None

    def __post_init__(self) -> None:
        require_no_seed(self.settings, _SEEDS)
        require_distinct(self.settings)
        if len(set(self.seeds)) != len(self.seeds):
            raise ConfigError(f"seeds must be different numbers, got {short(list(self.seeds))}")


def load_study(name: str) -> StudyConfig:
    """Read a study by name or from a YAML file.

    Raises
    ------
    ConfigError
        Unknown name or key, a study without rows or seeds, a seed twice or among the settings.
    """
    config = build(StudyConfig, load_config("studies", name), where=f"study {name}")
    if not config.rows or not config.seeds:
        raise ConfigError(f"study {name} must have rows and seeds, got {len(config.rows)} and {len(config.seeds)}")
    return config


def row_recipe(config: StudyConfig, row: StudyRow, seed: int) -> Recipe:
    """Recipe of a row; what it starts from must be trained, because the weights are part of the recipe."""
    return row_point(config, row, seed).recipe()


def row_point(config: StudyConfig, row: StudyRow, seed: int) -> Point:
    """The training that a row is with a seed."""
    common = [s for s in config.settings if row.precision != "float" or not s.startswith(("quant.", "quant_training."))]
    start = row.start
    if start == PRETRAINING:
        point = pretraining_point(config, row, seed)
        start = run_folder(point.tagger, point.recipe()).name
    return Point(
        row.tagger,
        config.data,
        row.precision,
        row.constituents,
        row.on_grid,
        (*common, *row.settings, f"training.seed={seed}"),
        start,
        row.body_rate,
    )


def pretraining_point(config: StudyConfig, row: StudyRow, seed: int) -> Point:
    """The training that ``row`` starts from.

    Raises
    ------
    ConfigError
        The study has no pretraining.
    """
    if config.pretraining is None:
        raise ConfigError(f"start: {PRETRAINING} needs the study's key {PRETRAINING} with data and settings, got none")
    changes = (*config.pretraining.settings, f"training.seed={seed}")
    return Point(row.tagger, config.pretraining.data, "float", row.constituents, changes=changes)
