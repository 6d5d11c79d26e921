"""A recipe from what a user says: names and changes of settings."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from tritag import plugins
from tritag.configs import build
from tritag.data.jets.field_codes import require_columns
from tritag.data.jets.store import read_info
from tritag.data.readers.formats import is_own_file
from tritag.data.simulation.candidate_columns import COLUMNS
from tritag.data.simulation.config import load_data_config
from tritag.errors import ConfigError, short, unknown_name
from tritag.files import JsonObject
from tritag.models.nets.head import BINARY, HeadConfig
from tritag.models.nets.registry import TaggerConfig, load_tagger_config
from tritag.models.training.config import TrainingConfig
from tritag.models.training.start import StartConfig
from tritag.pipeline.defaults import DEFAULT_DATA, DEFAULT_PRECISION, SECTIONS
from tritag.pipeline.start import require_same_body
from tritag.quant.recipe import Recipe, make_recipe
from tritag.structured import parse_yaml
from tritag.terminal import print_progress
from tritag.zoo import lasting_name


def recipe_of(
    tagger: str,
    data: str,
    constituents: int | None,
    precision: str,
    changes: Sequence[str],
    on_grid: bool = True,
    start: StartConfig | None = None,
    reads_jets: bool = True,
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
        Where a fine-tuning takes its body from (:func:`tritag.pipeline.start.start_of`).
    reads_jets : bool
        False where no jet will be read: they may lack what the tagger's fields are made of.

    Raises
    ------
    ConfigError
        Unknown names, sections or keys, values that cannot be, or a start of another network or of other sizes.
    DataError
        Jets without what a field is made of.
    """
    sections = parse_changes(changes)
    config = load_tagger_config(tagger, constituents)
    classes, n_training = known_jets(data)
    if reads_jets:
        require_fields(config, data)
    head = _head(config.head, sections.pop("head"), classes, data)
    config = dataclasses.replace(config, sizes={**config.sizes, **sections.pop("sizes")}, head=head)
    if start is not None:
        require_same_body(config, start)
    if n_training is not None:
        config = _fitting_batch(config, sections, n_training, data)
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


def known_jets(data: str) -> tuple[tuple[str, ...] | None, int | None]:
    """Classes and number of training jets of a configuration or an own jet file, without making or reading jets.

    None and None for files of other kinds, which have to be read.
    """
    path = Path(data)
    if not path.is_file():
        settings = load_data_config(data)
        return settings.classes, sum(settings.train.values())
    if not is_own_file(path):
        return None, None
    info = read_info(path)
    start, stop = info.splits.get("train", (0, 0))
    return info.classes, stop - start


def require_fields(tagger: TaggerConfig, data: str) -> None:
    """Refuse a data configuration, or an own jet file, without what the fields of a tagger are made of.

    Files of other kinds say so when they are read.

    Raises
    ------
    DataError
        Names the field and what it is made of.
    """
    path = Path(data)
    if not path.is_file():
        require_columns(tagger.candidates, dict.fromkeys(COLUMNS if load_data_config(data).fields else ()), data)
    elif is_own_file(path):
        require_columns(tagger.candidates, dict.fromkeys(read_info(path).columns), data)


def _head(own: HeadConfig, changes: JsonObject, classes: tuple[str, ...] | None, data: str) -> HeadConfig:
    """The tagger's head with the user's changes; jets of several classes get a score each where nobody says otherwise.

    Raises
    ------
    DataError
        The jets have other classes than the head.
    """
    if given := changes.get("own_loss"):
        changes = {**changes, "own_loss": plugins.refer(str(given), Path())}
    head = build(HeadConfig, {**dataclasses.asdict(own), **changes}, where="head")
    if head == BINARY and not changes and classes is not None and len(classes) > 2:
        print_progress(f"{data} has {len(classes)} classes: the head gets a score for each ({', '.join(classes)})")
        head = HeadConfig(classes=classes)
    if classes is not None:
        head.check_names(classes, data)
    return head


def _fitting_batch(config: TaggerConfig, sections: dict[str, JsonObject], n_jets: int, data: str) -> TaggerConfig:
    """The tagger with a batch that its training jets fill: its own size shrinks, one that was asked for must fit.

    Raises
    ------
    ConfigError
        A batch was asked for that is larger than the number of training jets.
    """
    for section in ("training", "quant_training"):
        asked = sections[section].get("batch_size")
        if isinstance(asked, int | float) and asked > n_jets:
            raise ConfigError(
                f"{section}.batch_size must be <= the number of training jets of {data}, got {asked:g} > {n_jets}; "
                "lower it"
            )
    own = config.training.get("batch_size", TrainingConfig.batch_size)
    if "batch_size" in sections["training"] or not isinstance(own, int) or own <= n_jets or not n_jets:
        return config
    print_progress(f"{data} has {n_jets} training jets: batches of {n_jets} in place of {own}")
    return dataclasses.replace(config, training={**config.training, "batch_size": n_jets})


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


def require_distinct(changes: Sequence[str]) -> None:
    """Refuse changes of one setting to two values: which of them was meant, nobody can tell.

    Raises
    ------
    ConfigError
        Names the setting and both values.
    """
    seen: dict[str, str] = {}
    for change in changes:
        key, _, value = change.partition("=")
        if seen.setdefault(key, value) != value:
            raise ConfigError(f"{key} must be given once, got {short(seen[key])} and {short(value)}; leave one out")


def call_of(tagger: str, recipe: Recipe) -> dict[str, object]:
    """The call of :func:`tritag.train` that trains ``recipe``, as :func:`tritag.advice.training` takes it.

    It says what differs from the settings of ``tagger``, a name in ``configs/taggers`` or a YAML file.
    """
    own = load_tagger_config(tagger)
    base = make_recipe(own, recipe.data, recipe.precision, on_grid=recipe.on_grid)
    if recipe.quant is not None:
        derived = make_recipe(own, recipe.data, recipe.precision, training=dataclasses.asdict(recipe.training))
        base = dataclasses.replace(base, quant_training=derived.quant_training)
    parts: dict[str, tuple[Mapping[str, object], Mapping[str, object]]] = {
        "sizes": (own.sizes, recipe.tagger.sizes),
        "head": (dataclasses.asdict(own.head), dataclasses.asdict(recipe.tagger.head)),
    }
    for name in ("training", "quant", "quant_training"):
        if getattr(recipe, name) is not None:
            parts[name] = dataclasses.asdict(getattr(base, name)), dataclasses.asdict(getattr(recipe, name))
    settings = [
        f"{section}.{key}={_as_yaml(value)}"
        for section, (was, now) in parts.items()
        for key, value in now.items()
        if was.get(key) != value
    ]
    start = recipe.start
    wanted: dict[str, tuple[object, object]] = {
        "data": (recipe.data, DEFAULT_DATA),
        "constituents": (recipe.tagger.n_constituents, own.n_constituents),
        "precision": (recipe.precision, DEFAULT_PRECISION),
        "on_grid": (recipe.on_grid, True),
        "settings": (settings, []),
        "start": (lasting_name(start.run) if start else None, None),
        "body_rate": (start.body_rate if start else 1.0, 1.0),
    }
    return {"tagger": tagger, **{key: value for key, (value, default) in wanted.items() if value != default}}


def _as_yaml(value: object) -> str:
    return value if isinstance(value, str) and value.replace("-", "").isalpha() else json.dumps(value)


def run_name(name: str, recipe: Recipe) -> str:
    """Readable part of a run's directory name: tagger, K and precision."""
    return f"{name}-k{recipe.tagger.n_constituents}-{recipe.precision}{'' if recipe.on_grid else '-offgrid'}"
