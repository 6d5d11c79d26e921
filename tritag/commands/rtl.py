"""``tritag rtl``: the tagger as pipelined Verilog, simulated with Verilator against the exported file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypedDict

import typer

from tritag import api
from tritag.arguments import one_run
from tritag.commands.options import AsJson, Name, OldRun, Run, Target, VerilogInterface, Version
from tritag.errors import ConfigError
from tritag.modes import require_only
from tritag.numbers_as_written import number_of
from tritag.pipeline.defaults import DEFAULT_TARGET, RTL_JETS
from tritag.terminal import print_json, print_result, print_table

if TYPE_CHECKING:
    from tritag.pipeline.clocks import ClockFigures


Interval = Annotated[int | None, typer.Option(min=1, help="Cycles between two jets; by default the target's.")]
Beats = Annotated[
    int | None,
    typer.Option(min=1, help="Most cycles in which a jet's rows pass; by default as few as one SLR holds (estimate)."),
]
DspBits = Annotated[
    int | None,
    typer.Option(min=1, help="Products of so many partial bits (width times width) and more go into DSPs."),
]


class Design(TypedDict):
    """What decides a design besides its target, by the names of the public functions' arguments."""

    interval: int | None
    beats: int | None
    dsp_bits: int | None
    interface: str


def command(
    context: typer.Context,
    run: Run = None,
    old_run: OldRun = None,
    target: Target = DEFAULT_TARGET,
    interval: Interval = None,
    beats: Beats = None,
    dsp_bits: DspBits = None,
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
    clocks: Annotated[
        str | None,
        typer.Option(metavar="MHZ,...", help="Only schedule for these clocks in MHz, and print what each would give."),
    ] = None,
    json: AsJson = False,
) -> None:
    """Write Verilog of an exported run, simulate it bit by bit, and measure latency and II in cycles.

    Exit status 1 when an integer differs from the exported file's, or a measured cycle count from the schedule.
    """
    where = one_run(run, old_run)
    if vendor_report:
        require_only(context, "--vendor-report", "run", "vendor_report", "name", "version", "json")
        kept = api.vendor_reports(where, vendor_report, name, version)
        if json:
            print_json(kept)
        return
    design: Design = {"interval": interval, "beats": beats, "dsp_bits": dsp_bits, "interface": interface}
    if clocks is not None:
        require_only(context, "--clocks", "run", "clocks", "target", *design, "json")
        _print_clocks(api.clocks(where, _frequencies(clocks), target, **design), json)
        return
    result = api.rtl(where, target, **design, jets=jets, name=name, version=version)
    if json:
        print_json(result.as_dict())
    else:
        print_result(str(result.run.directory / "rtl"))
    result.require_right()


def _frequencies(text: str) -> list[float]:
    """Clocks in MHz as they were written, with commas between them."""
    found = [number_of(part.strip()) for part in text.split(",")]
    if None in found:
        raise ConfigError(
            f"--clocks must be frequencies in MHz with commas between them, such as 240,360, got {text!r}"
        )
    return [float(number) for number in found if number is not None]


def _print_clocks(clocks: Sequence[ClockFigures], json: bool) -> None:
    from rich.box import SIMPLE
    from rich.table import Table

    from tritag.export.rtl.text.clock import SIZE_ERROR_NS

    if json:
        print_json([at.as_dict() for at in clocks])
        return
    heads = ("MHz", "ns", "levels", "beats", "cycles", "latency", "LUT", "DSP", "size", "latency then")
    table = Table(*heads, box=SIMPLE, padding=(0, 1, 0, 0), pad_edge=False)
    table.title, table.title_justify = "As scheduled, in ns; LUTs and DSPs are estimated", "left"
    table.caption, table.caption_justify = (
        f"size: period that published designs of so many LUTs reached, ± {SIZE_ERROR_NS:.2f} ns; latency then: at that "
        "period, or at the assumed one where that is longer",
        "left",
    )
    for at in clocks:
        table.add_row(
            f"{at.clock_mhz:g}",
            f"{at.clock_period_ns:.2f}",
            str(at.levels),
            str(at.beats),
            f"{at.latency_cycles:,}",
            f"{at.latency_ns:,.0f}",
            f"{at.lut:,}",
            f"{at.dsp:,}",
            f"{at.size_period_ns:.2f}",
            f"{at.latency_at_size_ns:,.0f} ± {at.latency_at_size_error_ns:,.0f}",
        )
    print_table(table)
