"""The modules of a network for messages: where each was asked for, and which of them an error came up in."""

from __future__ import annotations

import re
import sys
import traceback
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import nn

from tritag import plugins
from tritag.models.layers.factory import FloatLayers, P
from tritag.models.nets.registry import TaggerConfig, count_parameters, make_tagger
from tritag.quant.layers.factory import quantized_form
from tritag.quant.layers.tagger import QuantTagger


@dataclass(frozen=True)
class NamedModule:
    """A module of a network.

    Attributes
    ----------
    path : str
        Its path in the network, ``blocks.0.query``; empty for the network itself.
    kind : str
        Name of its class.
    place : str
        File and line where the network asks for it; of what it makes by itself, where its class is defined.
    """

    path: str
    kind: str
    place: str

    @property
    def name(self) -> str:
        """Path, class and place in a line, for messages."""
        return f"{self.path or 'the network'} ({self.kind}, {self.place})"


class NetworkModules:
    """The modules of a tagger's network by their paths, found by making its float form.

    Parameters
    ----------
    config : TaggerConfig
        The tagger.

    Attributes
    ----------
    parameters : int
        Its trained parameters.
    without_form : list of NamedModule
        Modules whose kind has no quantized form.
    """

    def __init__(self, config: TaggerConfig) -> None:
        noting = _NotingLayers(config.head.n_outputs)
        network = make_tagger(config, noting)
        self.parameters = count_parameters(network)
        self._modules = {
            path: NamedModule(
                path, type(module).__name__, noting.places.get(id(module), plugins.place_of(type(module)))
            )
            for path, module in network.named_modules()
        }
        self.without_form = [
            self._modules[path]
            for path, module in network.named_modules()
            if id(module) in noting.places and quantized_form(type(module)) is None
        ]

    def of(self, path: str) -> NamedModule:
        """The innermost module of the network that a path in its quantized form lies in."""
        while path not in self._modules:
            path = path.rpartition(".")[0]
        return self._modules[path]

    def raising(self, error: BaseException) -> NamedModule:
        """The innermost module of the quantized tagger in whose forward pass an error came up."""
        found, behind, paths = "", typing.cast("BaseException | None", error), dict[int, str]()
        while behind is not None:
            for frame, _ in traceback.walk_tb(behind.__traceback__):
                owner = frame.f_locals.get("self")
                if isinstance(owner, QuantTagger):  # the export runs a copy
                    paths.update({id(module): path for path, module in owner.tagger.named_modules()})
                found = paths.get(id(owner), "") or found
            behind = behind.__cause__
        return self.of(found)

    def named_in(self, message: str, origins: Mapping[str, str]) -> NamedModule | None:
        """The module of the node or tensor that a message names first; None where it names none of ``origins``."""
        found = next((word for word in re.findall(r"\w+", message) if word in origins), None)
        return None if found is None else self.of(origins[found])


class _NotingLayers(FloatLayers):
    """Float layers, noting the file and line of the call that asked for each."""

    def __init__(self, n_outputs: int) -> None:
        super().__init__(n_outputs)
        self.places: dict[int, str] = {}

    def __call__(self, kind: Callable[P, nn.Module], *args: P.args, **kwargs: P.kwargs) -> nn.Module:
        caller = sys._getframe(1)
        made = super().__call__(kind, *args, **kwargs)
        self.places[id(made)] = f"{caller.f_code.co_filename}:{caller.f_lineno}"
        return made
