"""The check of a tagger that nobody has trained: what it would cost in firmware, layer by layer, or who is refused."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import TypeVar

import numpy as np
import torch

from tritag import plugins
from tritag.data.jets.random_jets import random_jets
from tritag.errors import CheckFailed, ConfigError, TritagError
from tritag.export.firmware_layers import FirmwareGraph
from tritag.export.graph import read_graph
from tritag.export.qonnx_file import export_with_origins
from tritag.files import JsonObject
from tritag.helper_files import temporary_folder
from tritag.hls_projects.project import write_project
from tritag.hls_projects.target import load_target
from tritag.pipeline.check_costs import ModuleCost, module_costs
from tritag.pipeline.check_network import NamedModule, NetworkModules
from tritag.pipeline.defaults import DEFAULT_DATA, DEFAULT_PRECISION, DEFAULT_TARGET
from tritag.pipeline.made_design import DesignSettings, design_of
from tritag.pipeline.recipes import recipe_of
from tritag.quant.formats.tensor import FixedTensor
from tritag.quant.layers.tagger import QuantTagger
from tritag.quant.recipe import Recipe, fresh_tagger
from tritag.quant.simulated.tagger import why_not_exact

Result = TypeVar("Result")
# Jets that decide the ranges of the untrained network.
_JETS = 400


@dataclass(frozen=True)
class Refusal:
    """What has no form in firmware.

    Attributes
    ----------
    step : str
        ``quantized form``, ``forward pass``, ``export``, ``C++ project`` or ``Verilog``.
    module, kind, place : str
        Path of the module in the network, its class, and file and line.
    reason : str
        What must hold and what was found.
    """

    step: str
    module: str
    kind: str
    place: str
    reason: str

    def __str__(self) -> str:
        name = NamedModule(self.module, self.kind, self.place).name
        return f"{self.step}: {name}: {self.reason}"


@dataclass(frozen=True)
class TaggerCheck:
    """What would become of a tagger.

    Attributes
    ----------
    tagger, precision, target : str
        What was checked, for which part and clock.
    constituents, parameters : int
        Leading candidates K, and trained parameters.
    modules : tuple of ModuleCost
        In order of execution; empty where no file could be exported.
    refused : tuple of Refusal
        Why it would not go the whole way; empty where it would.
    design : DesignSettings, optional
        Target, interval, beats, estimate and latency of the Verilog; None where there is none.
    latency_cycles : int, optional
        Scheduled cycles from a jet's first beat to its answer.
    """

    tagger: str
    precision: str
    target: str
    constituents: int
    parameters: int
    modules: tuple[ModuleCost, ...] = ()
    refused: tuple[Refusal, ...] = ()
    design: DesignSettings | None = None
    latency_cycles: int | None = None

    def as_dict(self) -> JsonObject:
        """All of it, for JSON; the design without its kernels."""
        design = None if self.design is None else {k: v for k, v in self.design.items() if k != "kernels"}
        return {**asdict(self), "design": design}

    def require_accepted(self) -> None:
        """Raise when something is refused.

        Raises
        ------
        CheckFailed
            With the number of refusals.
        """
        if self.refused:
            raise CheckFailed(f"{self.tagger} has no firmware as it is; refused: {len(self.refused)}")


@dataclass
class _Check:
    """A check under way: what is known, and what was refused."""

    network: NetworkModules
    tagger: QuantTagger
    origins: dict[str, str] = field(default_factory=dict)
    refused: list[Refusal] = field(default_factory=list)

    def attempt(self, step: str, work: Callable[[], Result]) -> Result | None:
        """Result of a step, or None and a refusal that names a module."""
        try:
            return work()
        except Exception as error:
            found = self.network.named_in(str(error), self.origins) or self.network.raising(error)
            inside = plugins.failure_in(error)
            if inside is None and not isinstance(error, TritagError):
                raise
            place, _, reason = (inside or "").partition(": ")
            if not inside or isinstance(error, TritagError):
                place, reason = place or found.place, " ".join(str(error).split())
            if isinstance(error, TypeError | AttributeError) and FixedTensor.__name__ in reason:
                reason += "; between quantized layers are fixed-point tensors, make a layer of this with layers(...)"
            self.refused.append(Refusal(step, found.path, found.kind, place, reason))
            return None


def check_tagger(
    tagger: str,
    data: str = DEFAULT_DATA,
    *,
    constituents: int | None = None,
    precision: str = DEFAULT_PRECISION,
    target: str = DEFAULT_TARGET,
    interval: int | None = None,
    beats: int | None = None,
    settings: Sequence[str] = (),
) -> TaggerCheck:
    """Take an untrained network through export, C++ project and Verilog schedule; nothing is kept or compiled.

    Weights are those that a training begins with, and ranges are observed on random jets, so that resources are those
    of a network of this size and not those after the training.

    Parameters
    ----------
    tagger : str
        A name in ``configs/taggers``, or a YAML file.
    data : str
        Whose classes the head has; no jets are made or read of a configuration.
    constituents : int, optional
        Leading candidates K; by default the tagger's own.
    precision : str
        A name in ``configs/precisions`` with an exact form.
    target : str
        A name in ``configs/targets``, or a YAML file.
    interval, beats : int, optional
        As of ``tritag rtl``.
    settings : sequence of str
        Changes ``section.key=value``, as of ``tritag train``.

    Raises
    ------
    ConfigError
        Unknown names or settings, a precision without exact form, or a plug-in that cannot be loaded.
    """
    recipe = recipe_of(tagger, data, constituents, precision, settings, reads_jets=False)
    if recipe.quant is None:
        raise ConfigError("a check needs a quantized precision, got float; give --precision int8 or int8-ternary")
    if not recipe.quant.exact:
        raise ConfigError(why_not_exact(recipe.quant))
    cycles = interval or load_target(target).interval_cycles
    if beats is not None and not 1 <= beats <= cycles:
        raise ConfigError(f"beats must lie in [1, {cycles}] (the interval in cycles), got {beats}")
    config = recipe.tagger
    network = NetworkModules(config)
    found = TaggerCheck(tagger, precision, target, config.n_constituents, network.parameters)
    if network.without_form:
        reason = "no quantized form is registered for this kind; write one with @quantizes({0}), or take another kind"
        missing = (
            Refusal("quantized form", m.path, m.kind, m.place, reason.format(m.kind)) for m in network.without_form
        )
        return replace(found, refused=tuple(missing))
    check = _Check(network, _fresh(recipe))
    graph = _exported(check)
    if graph is None:
        return replace(found, refused=tuple(check.refused))
    with temporary_folder() as folder:
        check.attempt("C++ project", lambda: write_project(graph, load_target(target), folder / "hls"))
    made = check.attempt("Verilog", lambda: design_of(graph, target, interval, beats))
    design, own = made or (None, None)
    return replace(
        found,
        modules=tuple(module_costs(graph, check.origins, network, design)),
        refused=tuple(check.refused),
        design=own,
        latency_cycles=design.latency_cycles if design is not None else None,
    )


def _fresh(recipe: Recipe) -> QuantTagger:
    tagger = fresh_tagger(recipe)
    assert isinstance(tagger, QuantTagger)
    return tagger


def _exported(check: _Check) -> FirmwareGraph | None:
    """The firmware graph of the untrained network, with the ranges of random jets."""
    tagger, k = check.tagger, check.tagger.config.n_constituents
    jets = random_jets(np.random.default_rng(0), _JETS, k, tagger.config.candidates)
    codes, count = (torch.from_numpy(x) for x in jets)

    def observe() -> bool:
        tagger.train()
        with torch.no_grad():
            tagger(codes, count[:, None])
        return True

    if not check.attempt("forward pass", observe):
        return None
    exported = check.attempt("export", lambda: export_with_origins(tagger))
    if exported is None:
        return None
    model, origins = exported
    check.origins.update(origins)
    return check.attempt("export", lambda: read_graph(model))
