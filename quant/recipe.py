"""A recipe: a tagger, its jets, a precision, and the trainings that lead there.

A quantized training starts from the weights of the float one with the same settings, so that both can be compared.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from tritag import plugins
from tritag.configs import ADDED, build, load_config, plain_settings, precision_names
from tritag.data.simulation.config import load_data_config
from tritag.errors import ConfigError, unknown_name
from tritag.models.layers.tagger import Tagger
from tritag.models.nets.registry import TaggerConfig, make_tagger, sizes_of
from tritag.models.training.start import StartConfig
from tritag.models.training.training import TrainingConfig, seed_everything
from tritag.models.training.weights import read_weights
from tritag.quant.config import QuantConfig
from tritag.quant.layers.factory import quantized_form
from tritag.quant.layers.tagger import QuantTagger
from tritag.quant.simulated.forms import simulated_form
from tritag.quant.simulated.tagger import SimulatedTagger

# Settings that are read in any case, and the one that decides whether they have an effect: its name and values.
_NEEDS = {
    **dict.fromkeys(("parq_start", "parq_end", "parq_steepness"), ("weight_method", ("parq",))),
    **dict.fromkeys(("incremental_end", "incremental_scale"), ("weight_method", ("incremental",))),
    "bit_granularity": ("weights", ("learned",)),
    "size_gradient": ("weights", ("learned",)),
    "cut_parameter": ("learned_cuts", (True,)),
    "low_bit_layers": ("weights", ("ternary", "binary", "learned")),
}


@dataclass(frozen=True)
class Recipe:
    """Everything that decides about the weights of a run.

    Attributes
    ----------
    data : str
        Name of a data configuration, or path of a jet file with splits.
    on_grid : bool
        False trains a float tagger on unrounded candidates: what the trigger grid costs.
    training : TrainingConfig
        Of the float tagger.
    quant, quant_training : QuantConfig, TrainingConfig
        Of the quantized tagger; None for precision "float".
    start : StartConfig, optional
        Where the float training takes its body from.
    plugins : tuple of str
        Names of the plug-ins (:mod:`tritag.plugins`) that the tagger or the user asked for; they hold digests of their
        sources.
    """

    tagger: TaggerConfig
    data: str
    precision: str = "int8-ternary"
    on_grid: bool = True
    training: TrainingConfig = field(default_factory=TrainingConfig)
    quant: QuantConfig | None = None
    quant_training: TrainingConfig | None = None
    start: StartConfig | None = field(default=None, metadata=ADDED)
    plugins: tuple[str, ...] = field(default=(), metadata=ADDED)

    def settings(self) -> dict[str, Any]:
        """What a run directory keeps, and what its digest is made of."""
        return plain_settings(self)

    def float_part(self) -> Recipe:
        """The float training that a quantized one starts from."""
        return dataclasses.replace(self, precision="float", quant=None, quant_training=None)


def make_recipe(
    tagger: TaggerConfig,
    data: str,
    precision: str,
    *,
    on_grid: bool = True,
    training: Mapping[str, Any] | None = None,
    quant: Mapping[str, Any] | None = None,
    quant_training: Mapping[str, Any] | None = None,
    start: StartConfig | None = None,
) -> Recipe:
    """Recipe from the tagger's own training settings and what the user changed of them.

    Raises
    ------
    ConfigError
        Unknown precision, data or key, impossible sizes, or a quantized tagger off the grid.
    """
    sizes_of(tagger)
    references = filter(plugins.is_reference, (tagger.network, tagger.head.own_loss))
    needed = tuple(dict.fromkeys((*(reference.rpartition(":")[0] for reference in references), *plugins.used())))
    if not Path(data).is_file():
        load_data_config(data)
    if precision not in precision_names():
        raise ConfigError(unknown_name("precision", precision, precision_names()))
    float_training = build(TrainingConfig, {**tagger.training, **(training or {})}, where="training")
    if precision == "float":
        if unused := [*(f"quant.{key}" for key in quant or {}), *(f"quant_training.{k}" for k in quant_training or {})]:
            raise ConfigError(
                f"precision float has no quantized training, so that {', '.join(unused)} would have no effect; leave "
                "it out or choose another precision"
            )
        return Recipe(tagger, data, "float", on_grid, float_training, start=start, plugins=needed)
    if not on_grid:
        raise ConfigError("a quantized tagger takes the trigger's integer codes; drop the off-grid option")
    preset = load_config("precisions", precision)["quant"]
    config = build(QuantConfig, {**preset, **(quant or {})}, where="quant")
    check_used(tagger, config, quant or {})
    # Fine-tuning: the same batches at a lower rate, which the frozen ranges follow.
    fine = {**dataclasses.asdict(float_training), "learning_rate": 0.5 * float_training.learning_rate}
    second = build(TrainingConfig, {**fine, **(quant_training or {})}, where="quant_training")
    return Recipe(tagger, data, precision, True, float_training, config, second, start, needed)


def check_used(tagger: TaggerConfig, quant: QuantConfig, given: Iterable[str]) -> None:
    """Refuse settings of ``given`` that have no effect on this tagger with this quantization.

    A setting has an effect where the network reads it while it is made, and its method or widths are in use.

    Raises
    ------
    ConfigError
        Names the setting and what it belongs to.
    """
    wanted = set(given)
    for name in sorted(wanted):
        needs = _NEEDS.get(name)
        if needs is not None and getattr(quant, needs[0]) not in needs[1]:
            value = getattr(quant, needs[0])
            raise ConfigError(
                f"quant.{name} has no effect with {needs[0]}: {value}, only with {' or '.join(map(str, needs[1]))}; "
                "leave it out"
            )
    rest = wanted - {*_NEEDS, "weights", "weight_method", "activations", "distillation", "bit_penalty"}
    if unused := sorted(rest - settings_read(tagger, quant)) if rest else []:
        raise ConfigError(
            f"quant.{unused[0]} has no effect on network {tagger.network} with weights: {quant.weights} and "
            f"activations: {quant.activations}; leave it out"
        )


def settings_read(tagger: TaggerConfig, quant: QuantConfig) -> set[str]:
    """Names of the settings of ``quant`` that the quantized tagger reads while it is made."""
    names, read = {f.name for f in dataclasses.fields(QuantConfig)}, set[str]()

    class Watched(QuantConfig):
        def __getattribute__(self, name: str) -> Any:
            read.add(name)
            return super().__getattribute__(name)

    watched = Watched(**{name: getattr(quant, name) for name in names})
    read.clear()
    with torch.random.fork_rng():
        (QuantTagger if quant.exact else SimulatedTagger)(tagger, watched)
    return read & names


def fresh_tagger(recipe: Recipe) -> Tagger:
    """The recipe's network with initial weights, which depend on the seed alone."""
    seed_everything(recipe.training.seed)
    if recipe.quant is None:
        return make_tagger(recipe.tagger)
    return (QuantTagger if recipe.quant.exact else SimulatedTagger)(recipe.tagger, recipe.quant)


def source_modules(recipe: Recipe) -> set[str]:
    """Names of the modules whose code makes the recipe's tagger: of the network, its layers, their other forms, ops."""
    network = make_tagger(recipe.tagger)
    things: list[Any] = [type(module) for module in network.modules()]
    if recipe.quant is not None:
        things += [type(module) for module in fresh_tagger(recipe).modules()]
        forms = [find(kind) for kind in set(things) for find in (quantized_form, simulated_form)]
        things += [form for form in forms if form is not None]
    return {thing.__module__ for thing in things}


def trained_tagger(recipe: Recipe, weights: Path, again: str = "train the tagger again") -> Tagger:
    """The recipe's network with the weights of a file, in evaluation mode; ``again`` is advice for a damaged one."""
    tagger = fresh_tagger(recipe)
    read_weights(weights, tagger, again)
    return tagger.eval()
