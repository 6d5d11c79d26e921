"""All taggers by name: a network class and a YAML file of sizes (``configs/taggers/<name>.yaml``).

A new tagger is one file in ``models/nets/`` whose class carries :func:`register`, and one YAML file.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from torch import nn

import tritag.models.nets
from tritag.configs import ADDED, build, config_names, load_config
from tritag.errors import ConfigError, unknown_name
from tritag.models.layers.factory import FloatLayers, Layers
from tritag.models.layers.tagger import Tagger
from tritag.models.nets.head import FLOAT_SCORES, HeadConfig

TaggerClass = TypeVar("TaggerClass", bound=type[Tagger])
_NETWORKS: dict[str, tuple[type[Tagger], type]] = {}


@dataclass(frozen=True)
class TaggerConfig:
    """A tagger: which network, how many leading constituents, the network's own sizes, training settings, and head."""

    network: str
    n_constituents: int = 16
    sizes: dict[str, Any] = field(default_factory=dict)
    training: dict[str, Any] = field(default_factory=dict)
    summary: str = ""
    head: HeadConfig = field(default=HeadConfig(), metadata=ADDED)

    def __post_init__(self) -> None:
        if not 1 <= self.n_constituents <= 128:
            raise ConfigError(f"n_constituents must lie in [1, 128], got {self.n_constituents}")


def register(name: str, config: type) -> Callable[[TaggerClass], TaggerClass]:
    """Class decorator: make a network known under ``name``, with the dataclass of its sizes.

    The networks of this package are found by themselves; a file of your own must be imported before its network is
    asked for.
    """

    def decorate(cls: TaggerClass) -> TaggerClass:
        _NETWORKS[name] = (cls, config)
        return cls

    return decorate


def load_tagger_config(name: str | Path, n_constituents: int | None = None) -> TaggerConfig:
    """Read a tagger by name or from a YAML file, with another number of constituents when given."""
    values = load_config("taggers", name)
    if n_constituents is not None:
        values["n_constituents"] = n_constituents
    config = build(TaggerConfig, values, where=f"tagger {name}")
    _network(config.network)
    return config


def tagger_names() -> list[str]:
    """Names of all taggers that ship with tritag."""
    return config_names("taggers")


def make_tagger(config: TaggerConfig, layers: Layers | None = None) -> Tagger:
    """Make the network of ``config`` out of ``layers`` (float layers by default), with fresh weights.

    The factory holds the number of outputs; it must be that of ``config.head``.
    """
    cls, _ = _network(config.network)
    tagger = cls(layers or FloatLayers(config.head.n_outputs), config.n_constituents, sizes_of(config))
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


def _network(name: str) -> tuple[type[Tagger], type]:
    for module in pkgutil.iter_modules(tritag.models.nets.__path__):
        importlib.import_module(f"tritag.models.nets.{module.name}")
    if name not in _NETWORKS:
        raise ConfigError(unknown_name("network", name, _NETWORKS))
    return _NETWORKS[name]
