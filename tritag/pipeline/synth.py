"""Resources of a run's Verilog, kernel by kernel, by Yosys; the vendor's beside them where installed."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from tritag.errors import ConfigError
from tritag.export.graph import read_graph
from tritag.export.naming import Naming
from tritag.export.rtl.design.design import Design
from tritag.export.rtl.design.placed import Placed
from tritag.export.rtl.text.clock import clock_estimate, levels_period_ns
from tritag.export.rtl.text.delays import DelayModel
from tritag.export.rtl.text.fpga import Device, Figures, assumptions
from tritag.export.rtl.tools.routing import DEVICE, Route, require_router, route, slower_than_their_model
from tritag.export.rtl.tools.synthesis import require_tools, summed, synthesise
from tritag.export.rtl.tools.vivado import vendor_figures, vivado
from tritag.files import JsonObject, write_json
from tritag.hls_projects.target import TargetConfig
from tritag.pipeline.interfaces import model_of
from tritag.pipeline.made_design import made_design, made_target
from tritag.pipeline.opened import OpenedRun, one_writer
from tritag.pipeline.run_files import DesignFile
from tritag.progress import Progress
from tritag.report.firmware import latency_text
from tritag.terminal import print_progress


@dataclass(frozen=True)
class KernelFigures:
    """A kernel of the design, and what Yosys counted of each copy.

    ``estimated_lut`` is the estimate that was made without a synthesis.
    """

    module: str
    layer: str
    instances: int
    estimated_lut: float
    counted: Figures

    def as_dict(self) -> JsonObject:
        """An entry of ``kernels`` in ``synth.json``."""
        plain = {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.name != "counted"}
        return {**plain, **asdict(self.counted)}


@dataclass(frozen=True)
class Routing:
    """Every kernel placed and routed alone on an open device: a relative measure, nothing of the target's nanoseconds.

    Attributes
    ----------
    device : str
        What it was routed for.
    routes : dict
        Longest path of each kernel in ns, by its module.
    model_ns : dict
        What the delay model gives for the levels that Yosys counted of it, on the target, in ns.
    slower : dict
        Kernels that need more than their model says, measured at the median kernel, and how many times.
    """

    device: str
    routes: dict[str, Route]
    model_ns: dict[str, float]
    slower: dict[str, float]


@dataclass(frozen=True)
class DesignFigures:
    """The whole design: the top level, the sum over all copies, and an estimate of the clock.

    Attributes
    ----------
    top, total : Figures
        Counts of the top level alone, and of everything.
    part : str
        The target's part, with package and speed grade.
    assumptions : list of str
        Sentences about what the figures assume of it.
    holds : Device, optional
        What the part holds; None where it is not in ``configs/parts``.
    part_shares, slr_shares : dict, optional
        Shares of the part's resources, and of one SLR's; None for a part that is not in ``configs/parts``.
    clock_estimate : dict
        Estimated periods in ns; no timing was run.
    vendor : dict, optional
        Vivado's counts of the whole design, where it is installed.
    """

    top: Figures
    total: Figures
    part: str
    assumptions: list[str]
    holds: Device | None
    part_shares: dict[str, float] | None
    slr_shares: dict[str, float] | None
    clock_estimate: JsonObject
    vendor: JsonObject | None


@dataclass(frozen=True)
class SynthResult:
    """Counted resources of a run's Verilog.

    Attributes
    ----------
    run : OpenedRun
        The run.
    kernels : tuple of KernelFigures
        All kernels, or those that were asked for.
    whole : DesignFigures, optional
        None when only some kernels were asked for.
    routing : Routing, optional
        None when it was not asked for.
    """

    run: OpenedRun
    kernels: tuple[KernelFigures, ...]
    whole: DesignFigures | None
    routing: Routing | None = None

    def latency_text(self) -> str:
        """Latency in one line: at the assumed clock, and at the period of designs of the counted size."""
        made = self.run.run.read_json("rtl.json")
        return latency_text(made, self.as_dict() if self.whole else None)

    def as_dict(self) -> JsonObject:
        """Content of ``synth.json``; of some kernels these alone."""
        kernels: JsonObject = {"kernels": [kernel.as_dict() for kernel in self.kernels]}
        if self.routing is not None:
            kernels["routing"] = asdict(self.routing)
        if self.whole is None:
            return kernels
        return {
            "tool": "Yosys, synth_xilinx -family xcup",
            **kernels,
            **asdict(self.whole),
        }


@one_writer
def synth_run(opened: OpenedRun, workers: int = 1, only: str | None = None, routed: bool = False) -> SynthResult:
    """Synthesise the Verilog that ``tritag rtl`` wrote.

    Finished kernels are kept in the cache: interrupted, the same call goes on; called again, it is done at once.

    Parameters
    ----------
    workers : int
        Processes of Yosys at a time.
    only : str, optional
        Only kernels with this in their names; ``synth.json`` is not written then.
    routed : bool
        Whether to place and route each of these kernels alone, too, on an open device.

    Raises
    ------
    ToolError
        Yosys or nextpnr is missing or failed.
    RunError
        The run has no Verilog.
    ConfigError
        No kernel has ``only`` in its name.
    """
    run = opened.run
    made: DesignFile = run.read_json("rtl.json")
    require_tools()
    if routed:
        require_router()
    graph = read_graph(model_of(opened, made.get("interface", "plain")))
    naming = Naming.of_run(opened.name, made.get("name"), made.get("version"))
    design, target = made_design(graph, made, naming), made_target(made)
    chosen = [k for k in design.kernels if only is None or only in k.module]
    if not chosen:
        raise ConfigError(f"--only must be part of a kernel's name, got {only!r}; rtl.json lists them under kernels")
    modules = len(chosen) + (only is None)
    with Progress(f"{opened.name}: Yosys", modules, "modules", line_period_s=0) as shown:
        figures = synthesise(
            design,
            chosen,
            top=only is None,
            workers=workers,
            progress=lambda done, _, share: shown.update(done, share),
        )
    kernels = _kernels(chosen, figures)
    routing = _routing(opened, chosen, figures, target, workers) if routed else None
    if only is not None:
        return SynthResult(opened, kernels, None, routing)
    run.discard_from("synth")
    result = SynthResult(opened, kernels, _whole(opened, design, figures, target), routing)
    run.record_provenance("synth")
    write_json(run.path("synth.json"), result.as_dict())  # last: it says that the step was done
    return result


def _kernels(kernels: Sequence[Placed], figures: Mapping[str, Figures]) -> tuple[KernelFigures, ...]:
    return tuple(KernelFigures(k.module, k.layer, k.instances, k.cost.lut, figures[k.module]) for k in kernels)


def _routing(
    opened: OpenedRun, kernels: Sequence[Placed], figures: Mapping[str, Figures], target: TargetConfig, workers: int
) -> Routing:
    delays = DelayModel.of_clock(target.clock_period_ns, target.clock_uncertainty_percent)
    model = {k.module: levels_period_ns(figures[k.module].levels, delays) for k in kernels}
    with Progress(f"{opened.name}: nextpnr", len(kernels), "kernels", line_period_s=0) as shown:
        routes = route(kernels, workers, lambda done: shown.update(done, done / len(kernels)))
    return Routing(DEVICE, routes, model, slower_than_their_model(routes, model))


def _whole(opened: OpenedRun, design: Design, figures: Mapping[str, Figures], target: TargetConfig) -> DesignFigures:
    delays = DelayModel.of_clock(target.clock_period_ns, target.clock_uncertainty_percent)
    total, part = summed(design, figures), target.fpga
    return DesignFigures(
        top=figures[design.name],
        total=total,
        part=target.part,
        assumptions=assumptions(target.part),
        holds=part.holds if part else None,
        part_shares=part.shares(asdict(total)) if part else None,
        slr_shares=part.shares(asdict(total), slr=True) if part else None,
        clock_estimate=clock_estimate(total, delays, target.clock_period_ns),
        vendor=_vendor(opened, design, target),
    )


def _vendor(opened: OpenedRun, design: Design, target: TargetConfig) -> JsonObject | None:
    if vivado() is None:
        print_progress("vivado is not on PATH: no vendor figures of the Verilog")
        return None
    folder = opened.run.require("rtl")
    return vendor_figures(folder, design.name, target.part, target.clock_period_ns, opened.run.log_file("synth"))
