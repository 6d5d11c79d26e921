"""What the modules of a network cost in firmware, counted on its layers and estimated of its Verilog."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from tritag.export.cost import multiplications
from tritag.export.firmware_layers import FirmwareGraph, Layer, Op
from tritag.export.rtl.design.design import Design
from tritag.pipeline.check_network import NamedModule, NetworkModules


@dataclass(frozen=True)
class ModuleCost:
    """A module of the network in firmware.

    Attributes
    ----------
    module, kind, place : str
        Path of the module in the network, its class, and the file and line where the network asks for it.
    firmware : tuple of str
        Kinds of its layers in the firmware graph; an op by the name of its program.
    multiplications : int
        Products of one jet.
    lut, ff, dsp, bram : int
        Estimated resources of its kernels; None without Verilog.
    cycles, ready_cycle : int, optional
        Clock cycles between its last input and its last output, and when that is, after the jet's first beat.
    """

    module: str
    kind: str
    place: str
    firmware: tuple[str, ...]
    multiplications: int
    lut: int | None = None
    ff: int | None = None
    dsp: int | None = None
    bram: int | None = None
    cycles: int | None = None
    ready_cycle: int | None = None


def module_costs(
    graph: FirmwareGraph, origins: Mapping[str, str], network: NetworkModules, design: Design | None
) -> Iterator[ModuleCost]:
    """Costs of a network's modules in the order in which they are executed first.

    Parameters
    ----------
    origins : Mapping
        Path of the module in the quantized network that each tensor comes from.
    design : Design, optional
        The Verilog; without it resources and cycles are None.
    """
    layers: dict[NamedModule, list[Layer]] = {}
    for layer in graph.layers:
        layers.setdefault(network.of(origins.get(layer.name, "")), []).append(layer)
    ready = {} if design is None else _ready_cycles(graph, design)
    for module, own in layers.items():
        names = {layer.name for layer in own}
        kinds = tuple(layer.bound.program.name if isinstance(layer, Op) else type(layer).__name__ for layer in own)
        products = sum(multiplications(graph, layer) for layer in own)
        cost = ModuleCost(module.path, module.kind, module.place, kinds, products)
        if design is None:
            yield cost
            continue
        kernels = [kernel for kernel in design.kernels if kernel.layer in names]
        resources = {
            name: round(sum(getattr(k.cost, name) * k.instances for k in kernels))
            for name in ("lut", "ff", "dsp", "bram")
        }
        end = max(ready[name] for name in names)
        start = max((ready[s] for layer in own for s in layer.sources if s not in names), default=0)
        yield replace(cost, **resources, cycles=end - start, ready_cycle=end)


def _ready_cycles(graph: FirmwareGraph, design: Design) -> dict[str, int]:
    """Cycle in which the last row of each tensor is there; what costs no kernel is there with its sources."""
    ready = dict.fromkeys(graph.inputs, 0)
    for layer in graph.layers:
        own = [kernel.last_stage for kernel in design.kernels if kernel.layer == layer.name]
        ready[layer.name] = max([*own, *(ready[source] for source in layer.sources)])
    return ready
