"""``tritag rtl``: the tagger as pipelined Verilog, simulated with Verilator against the exported file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tritag import api
from tritag.arguments import one_run
from tritag.commands.options import AsJson, Name, OldRun, Run, Target, VerilogInterface, Version
from tritag.pipeline.defaults import DEFAULT_TARGET, RTL_JETS
from tritag.terminal import print_json, print_result


def command(
    run: Run = None,
    old_run: OldRun = None,
    target: Target = DEFAULT_TARGET,
    interval: Annotated[
        int | None, typer.Option(min=1, help="Cycles between two jets; by default the target's.")
    ] = None,
    beats: Annotated[
        int | None,
        typer.Option(
            min=1, help="Most cycles in which a jet's rows pass; by default as few as one SLR holds (estimate)."
        ),
    ] = None,
    dsp_bits: Annotated[
        int | None,
        typer.Option(min=1, help="Products of so many partial bits (width times width) and more go into DSPs."),
    ] = None,
    jets: Annotated[
        int, typer.Option(min=0, help="Jets to simulate, besides the crafted ones; 0: only write and schedule.")
    ] = RTL_JETS,
    interface: VerilogInterface = "plain",
    name: Name = None,
    version: Version = None,
    vendor_report: Annotated[
        list[Path] | None,
        typer.Option(help="Only read a report of Vivado or Vitis HLS back into the run; may be repeated."),
    ] = None,
    json: AsJson = False,
) -> None:
    """Write Verilog of an exported run, simulate it bit by bit, and measure latency and II in cycles.

    Exit status 1 when an integer differs from the exported file's, or a measured cycle count from the schedule.
    """
    where = one_run(run, old_run)
    if vendor_report:
        kept = api.vendor_reports(where, vendor_report)
        if json:
            print_json(kept)
        return
    result = api.rtl(
        where,
        target,
        interval=interval,
        beats=beats,
        dsp_bits=dsp_bits,
        jets=jets,
        interface=interface,
        name=name,
        version=version,
    )
    if json:
        print_json(result.as_dict())
    else:
        print_result(str(result.run.directory / "rtl"))
    result.require_right()
