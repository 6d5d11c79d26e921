"""The whole way with one recipe: training, export, C-simulation, bit check, latency and resources, report."""

from __future__ import annotations

import time
from dataclasses import dataclass

from tritag.errors import ConfigError, ToolError
from tritag.export.rtl.tools import simulation, synthesis
from tritag.files import JsonObject
from tritag.pipeline.csim import csim_run
from tritag.pipeline.export import export_run
from tritag.pipeline.opened import OpenedRun
from tritag.pipeline.report import ReportResult, report_run
from tritag.pipeline.rtl import RtlResult, rtl_run
from tritag.pipeline.synth import synth_run
from tritag.pipeline.train import train_run
from tritag.pipeline.verify import VerifyResult, verify_run
from tritag.quant.recipe import Recipe
from tritag.terminal import print_progress
from tritag.workers import available_cores

# Generated jets to simulate as Verilog; the crafted ones come on top.
_VERILOG_JETS = 200


@dataclass(frozen=True)
class DemoResult:
    """Where the whole way ended.

    Attributes
    ----------
    run : OpenedRun
        The run with the files of all steps.
    verification : VerifyResult
        The bit check.
    verilog : RtlResult, optional
        Latency, interval and estimated resources; None when they were not asked for.
    report : ReportResult
        The report.
    minutes : float
        How long it all took.
    """

    run: OpenedRun
    verification: VerifyResult
    verilog: RtlResult | None
    report: ReportResult
    minutes: float

    def as_dict(self) -> JsonObject:
        """Path of the run directory, the verdict, and the minutes."""
        return {"run": str(self.run.directory), "equal": self.verification.equal, "minutes": self.minutes}


def demo_run(tagger: str, recipe: Recipe, target_name: str, rtl: bool = True, synth: bool = False) -> DemoResult:
    """Train, export, compile the hls4ml project, run the bit check, measure latency and resources, and report.

    Parameters
    ----------
    tagger : str
        Name of the tagger, or its YAML file.
    recipe : Recipe
        With an exact precision.
    target_name : str
        A name in ``configs/targets``, or a YAML file.
    rtl : bool
        Write the Verilog and simulate it. Without Verilator the latency is scheduled, not measured, and it is said.
    synth : bool
        Count the Verilog's resources with Yosys.

    Raises
    ------
    ConfigError
        ``synth`` without ``rtl``.
    ToolError
        ``synth`` without Yosys.
    """
    if synth and not rtl:
        raise ConfigError("--synth counts the Verilog that --no-rtl leaves out; give one of them")
    if synth:  # asked for: better said now than after the training
        synthesis.require_tools()
    began = time.monotonic()
    opened = train_run(tagger, recipe).run
    export_run(opened)
    csim_run(opened, target_name)
    print_progress("bit check: the same jets through every executor")
    verification = verify_run(opened, target_name=target_name)
    verilog = _verilog(opened, target_name) if rtl else None
    if synth:
        synth_run(opened, workers=available_cores())
    report = report_run(opened)
    return DemoResult(opened, verification, verilog, report, (time.monotonic() - began) / 60)


def _verilog(opened: OpenedRun, target_name: str) -> RtlResult:
    """Latency and resources; the rest of the way does not need Verilator, so that without it the schedule must do."""
    try:
        simulation.require_tools()
    except ToolError as error:
        print_progress(f"latency is not measured, only scheduled: {error}")
        return rtl_run(opened, target_name, jets=0)
    return rtl_run(opened, target_name, jets=_VERILOG_JETS)
