"""A recipe from what a user says: names, changes of settings, and where a fine-tuning begins."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from tritag.configs import build
from tritag.environment import runs_root
from tritag.errors import ConfigError, RunError, short, unknown_name
from tritag.files import JsonObject
from tritag.models.layers.tagger import Tagger
from tritag.models.nets.head import HeadConfig
from tritag.models.nets.registry import load_tagger_config
from tritag.models.training.start import StartConfig, load_body, weights_hash
from tritag.pipeline.defaults import SECTIONS
from tritag.pipeline.opened import open_run
from tritag.quant.recipe import Recipe, make_recipe
from tritag.run import Run
from tritag.structured import parse_yaml


def recipe_of(
    tagger: str,
    data: str,
    constituents: int | None,
    precision: str,
    changes: Sequence[str],
    on_grid: bool = True,
    start: StartConfig | None = None,
) -> Recipe:
    """Recipe of a tagger's own settings and what the user changes of them.

    The quantized training inherits the float one's settings.

    Parameters
    ----------
    tagger : str
        A name in ``configs/taggers``, or a YAML file.
    data : str
        A name in ``configs/data``, or a jet file with splits.
    constituents : int, optional
        Leading constituents K of a jet; None leaves the tagger's own.
    precision : str
        ``float`` or a name in ``configs/precisions``.
    changes : sequence of str
        ``section.key=value`` with a section of :data:`tritag.pipeline.defaults.SECTIONS`; later ones win.
    on_grid : bool
        False trains a float tagger on unrounded candidates.
    start : StartConfig, optional
        Where a fine-tuning takes its body from (:func:`start_of`).

    Raises
    ------
    ConfigError
        Unknown names, sections or keys, or values that cannot be.
    """
    sections = parse_changes(changes)
    config = load_tagger_config(tagger, constituents)
    head = build(HeadConfig, {**dataclasses.asdict(config.head), **sections.pop("head")}, where="head")
    config = dataclasses.replace(config, sizes={**config.sizes, **sections.pop("sizes")}, head=head)
    return make_recipe(
        config,
        data,
        precision,
        on_grid=on_grid,
        start=start,
        training=sections["training"],
        quant=sections["quant"],
        quant_training=sections["quant_training"],
    )


def parse_changes(changes: Sequence[str]) -> dict[str, JsonObject]:
    """Changed settings by section and key, from texts ``section.key=value`` whose values are YAML.

    Raises
    ------
    ConfigError
        A text of another form, or an unknown section.
    """
    sections: dict[str, JsonObject] = {name: {} for name in SECTIONS}
    for change in changes:
        key, equals, value = change.partition("=")
        section, _, name = key.partition(".")
        if not equals or not name:
            raise ConfigError(
                f"--set takes section.key=value, got {short(change)}; for example training.batch_size=256"
            )
        if section not in sections:
            raise ConfigError(unknown_name("section of --set", section, SECTIONS))
        sections[section][name] = parse_yaml(value, f"--set {section}.{name}", advice="correct the value")
    return sections


def start_of(where: str | None, body_rate: float = 1.0) -> StartConfig | None:
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
    if where is None:
        if body_rate != 1:
            raise ConfigError(f"--body-rate needs --start, got {body_rate:g}; name the run to start from")
        return None
    opened = open_run(where)
    if Path(where).name != opened.name:
        raise ConfigError(
            f"--start must be the whole name of a run, so that the command means the same again, got {where!r}; "
            f"for example {opened.name}"
        )
    opened = opened.float_run() or opened
    if opened.directory.resolve().parent != runs_root().resolve():
        raise ConfigError(f"--start must name a run in {runs_root()}, got {opened.directory}; move it there")
    return StartConfig(opened.name, weights_hash(opened.run.require("weights.safetensors")), body_rate)


def load_start(network: Tagger, start: StartConfig) -> None:
    """Give a fresh float network the body of the run it starts from.

    Raises
    ------
    RunError
        The run is gone, has other weights than when it was named, or its body does not fit.
    """
    weights = Run.open(runs_root() / start.run).require("weights.safetensors")
    if (found := weights_hash(weights)) != start.weights:
        raise RunError(
            f"{start.run} must have the weights it had when the fine-tuning was named ({start.weights}), got {found}; "
            "name it again with --start"
        )
    load_body(network, weights, start.run)


def run_name(name: str, recipe: Recipe) -> str:
    """Readable part of a run's directory name: tagger, K and precision."""
    return f"{name}-k{recipe.tagger.n_constituents}-{recipe.precision}{'' if recipe.on_grid else '-offgrid'}"
