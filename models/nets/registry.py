"""All taggers by name: a network class and a YAML file of sizes (``configs/taggers/<name>.yaml``).

A new tagger is one file in ``models/nets/`` whose class carries :func:`register`, and one YAML file. A network of your
own lies anywhere: ``network: deep_sets.py:DeepSets`` in a YAML file names the class in a file beside it
(:mod:`tritag.plugins`).
"""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import pkgutil
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from torch import nn

import tritag.models.nets
from tritag import plugins
from tritag.configs import ADDED, build, config_names, load_config
from tritag.data.jets.candidate_grid import TOP, CandidateGrid, CandidateInputs, load_grid, with_numbers
from tritag.errors import ConfigError, short, unknown_name
from tritag.models.layers.factory import FloatLayers, Layers
from tritag.models.layers.tagger import Tagger
from tritag.models.nets.head import FLOAT_SCORES, HeadConfig

TaggerClass = TypeVar("TaggerClass", bound=type[Tagger])
_NETWORKS: dict[str, tuple[type[Tagger], type]] = {}


@dataclass(frozen=True)
class TaggerConfig:
    """A tagger: which network, how many leading constituents, the network's own sizes, training settings, and head.

    ``grid`` says in which steps candidates are counted, and ``fields`` what the tagger takes of them beside pt, eta and
    phi, both by content: a run does not change with the file that its YAML names (docs/grids.md).
    """

    network: str
    n_constituents: int = 16
    sizes: dict[str, Any] = field(default_factory=dict)
    training: dict[str, Any] = field(default_factory=dict)
    summary: str = ""
    head: HeadConfig = field(default=HeadConfig(), metadata=ADDED)
    grid: CandidateGrid = field(default=TOP, metadata=ADDED)
    fields: tuple[str, ...] = field(default=(), metadata=ADDED)

    def __post_init__(self) -> None:
        if not 1 <= self.n_constituents <= 128:
            raise ConfigError(f"n_constituents must lie in [1, 128], got {self.n_constituents}")
        self.grid.taken(self.fields)

    @property
    def candidates(self) -> CandidateInputs:
        """What the tagger takes of each candidate."""
        return CandidateInputs(self.grid, self.fields)


def register(name: str, config: type) -> Callable[[TaggerClass], TaggerClass]:
    """Class decorator: make a network known under ``name``, with the dataclass of its sizes.

    The networks of this package are found by themselves; a file of your own is imported, or loaded with
    :func:`tritag.plugins.use`, before its network is asked for.

    Parameters
    ----------
    name : str
        What ``network:`` of a tagger's YAML says.
    config : type
        The frozen dataclass of its sizes.

    Raises
    ------
    ConfigError
        Another class has the name; the message holds both places.
    """

    def decorate(cls: TaggerClass) -> TaggerClass:
        known, _ = _NETWORKS.get(name, (cls, config))
        if not plugins.is_again(known, cls):
            raise ConfigError(
                f"network {name!r} must be one class, got {known.__name__} ({plugins.place_of(known)}) and "
                f"{cls.__name__} ({plugins.place_of(cls)}); register another name"
            )
        _NETWORKS[name] = (cls, config)
        return cls

    return decorate


def load_tagger_config(name: str | Path, n_constituents: int | None = None) -> TaggerConfig:
    """Read a tagger by name or from a YAML file, with another number of constituents when given.

    A ``network`` of the form ``FILE.py:CLASS`` is loaded, and a head's ``own_loss``; paths are relative to the YAML
    file. The config that is returned holds references to plug-ins (:mod:`tritag.plugins`) and no path.

    Raises
    ------
    ConfigError
        Unknown names or keys, or a plug-in that cannot be loaded.
    """
    values = load_config("taggers", name)
    given = values.get("network")
    if isinstance(given, str) and plugins.is_reference(given):
        values["network"] = plugins.refer(given, Path(name).parent)
    head = values.get("head")
    if isinstance(head, dict) and head.get("own_loss"):
        values["head"] = {**head, "own_loss": plugins.refer(str(head["own_loss"]), Path(name).parent)}
    if n_constituents is not None:
        values["n_constituents"] = n_constituents
    if "grid" in values:
        values["grid"] = _grid(values["grid"], Path(name).parent)
    config = build(TaggerConfig, values, where=f"tagger {name}")
    cls, _ = _network(config.network)
    if (owner := plugins.owner_of(cls)) is not None:
        return dataclasses.replace(config, network=f"{owner}:{cls.__qualname__}")
    return config


def _grid(given: object, beside: Path) -> CandidateGrid:
    """A grid as a tagger's YAML gives it: a name, a YAML file beside it, or the grid itself."""
    if isinstance(given, str):
        return load_grid(given, beside)
    if not isinstance(given, Mapping):
        raise ConfigError(f"grid must be the name of a grid, a YAML file or a mapping, got {short(given)}")
    return build(CandidateGrid, with_numbers(given), where="grid")


def tagger_names() -> list[str]:
    """Names of all taggers that ship with tritag."""
    return config_names("taggers")


def make_tagger(config: TaggerConfig, layers: Layers | None = None) -> Tagger:
    """Make the network of ``config`` out of ``layers`` (float layers by default), with fresh weights.

    The factory holds the number of outputs; it must be that of ``config.head``.
    """
    cls, sizes = _network(config.network)
    if not cls.takes_fields and not config.candidates.plain:
        raise ConfigError(
            f"network {config.network} must be one that takes a grid and fields, got "
            f"{', '.join(config.fields) or 'another grid than top'}; leave grid and fields out, or see docs/grids.md"
        )
    given = () if sizes is NoSizes else (sizes_of(config),)
    layers = layers or FloatLayers(config.head.n_outputs, config.candidates)
    tagger = cls(layers, config.n_constituents, *given)
    tagger.empty_jet = config.head.scores_of_empty_jet(*FLOAT_SCORES)
    return tagger


def sizes_of(config: TaggerConfig) -> Any:
    """Sizes of the network, an instance of the dataclass it is registered with.

    Raises
    ------
    ConfigError
        Unknown keys or values that the network cannot have.
    """
    return build(_network(config.network)[1], config.sizes, where=f"sizes of {config.network}")


def count_parameters(model: nn.Module) -> int:
    """Number of trained parameters."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


@dataclass(frozen=True)
class NoSizes:
    """Sizes of a network that has none."""


def _network(name: str) -> tuple[type[Tagger], type]:
    if plugins.is_reference(name):
        return _referred(plugins.attribute(name), name)
    for module in pkgutil.iter_modules(tritag.models.nets.__path__):
        importlib.import_module(f"tritag.models.nets.{module.name}")
    if name not in _NETWORKS:
        plugins.load_installed()
    if name not in _NETWORKS:
        raise ConfigError(unknown_name("network", name, _NETWORKS))
    return _NETWORKS[name]


def _referred(cls: Any, name: str) -> tuple[type[Tagger], type]:
    """A class of a plug-in and the dataclass of its sizes: what it is registered with, or its constructor says."""
    if not (isinstance(cls, type) and issubclass(cls, Tagger)):
        raise ConfigError(f"network {name} must be a subclass of tritag.models.layers.tagger.Tagger, got {cls!r}")
    for known, config in _NETWORKS.values():
        if known is cls:
            return cls, config
    parameters = list(inspect.signature(cls).parameters)
    if not 2 <= len(parameters) <= 3:
        raise ConfigError(
            f"network {name} must be made from (layers, n_constituents, sizes), got ({', '.join(parameters)}) in "
            f"{plugins.place_of(cls)}"
        )
    if len(parameters) == 2:
        return cls, NoSizes
    sizes: Any
    try:
        sizes = typing.get_type_hints(cls.__init__).get(parameters[2])
    except NameError:
        sizes = cls.__init__.__annotations__[parameters[2]]
    if not dataclasses.is_dataclass(sizes):
        raise ConfigError(
            f"network {name} must annotate {parameters[2]!r} with the dataclass of its sizes, got {sizes!r} in "
            f"{plugins.place_of(cls)}"
        )
    return cls, typing.cast(type, sizes)
