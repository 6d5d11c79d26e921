"""``tritag synth``: resources of the Verilog, kernel by kernel, by Yosys; the vendor's beside them where installed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tritag import api
from tritag.arguments import one_run
from tritag.commands.options import AsJson, OldRun, Run
from tritag.terminal import print_json, print_progress, print_result, print_table

if TYPE_CHECKING:
    from tritag.pipeline.synth import Routing, SynthResult

_NAMES = ("lut", "ff", "carry8", "dsp", "bram18")


def command(
    run: Run = None,
    old_run: OldRun = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes of Yosys at a time.")] = 1,
    only: Annotated[
        str | None, typer.Option(help="Only kernels with this in their names; synth.json is not written.")
    ] = None,
    route: Annotated[
        bool,
        typer.Option(
            "--route", help="Also place and route each kernel alone with nextpnr, on an ECP5: slower ones are named."
        ),
    ] = False,
    json: AsJson = False,
) -> None:
    """Synthesise the Verilog of `tritag rtl` with Yosys and write synth.json.

    LUT, FF, CARRY8, DSP and BRAM are Yosys' counts; logic levels and periods are estimates, not a timing. Finished
    kernels are kept: interrupted, the same command goes on; called again, it is done at once.
    """
    result = api.synth(one_run(run, old_run), workers=workers, only=only, route=route)
    if json:
        print_json(result.as_dict())
    else:
        _print(result)


def _print(result: SynthResult) -> None:
    from rich.box import SIMPLE
    from rich.table import Column, Table

    kernels = Column("kernel", min_width=18, overflow="fold")
    table = Table(kernels, "copies", "estimate", *_NAMES, "levels", box=SIMPLE, padding=(0, 1, 0, 0), pad_edge=False)
    table.title, table.title_justify = "LUTs estimated, and Yosys' counts of each copy", "left"
    for kernel in result.kernels:
        figures = (f"{getattr(kernel.counted, n):,}" for n in (*_NAMES, "levels"))
        table.add_row(kernel.module, str(kernel.instances), f"{kernel.estimated_lut:,}", *figures)
    if whole := result.whole:
        table.add_section()
        table.add_row("top level", "1", "", *(f"{getattr(whole.top, n):,}" for n in (*_NAMES, "levels")))
        table.add_row("all copies", "", "", *(f"{getattr(whole.total, n):,}" for n in (*_NAMES, "levels")))
        for title, shares in (("the part", whole.part_shares), ("one SLR", whole.slr_shares)):
            if shares:
                table.add_row(f"share of {title}", "", "", *(f"{shares[n]:.1%}" for n in _NAMES), "-")
        if vendor := whole.vendor:
            table.add_row("Vivado, whole design", "", "", *(f"{vendor[n]:,}" for n in _NAMES), "-")
    print_table(table)
    if result.routing:
        _print_routing(result.routing)
    if whole:
        for sentence in whole.assumptions:
            print_progress(f"assumption: {sentence}")
        clock = whole.clock_estimate
        print_result(f"latency: {result.latency_text()}")
        print_result(
            f"period (estimates): {clock['levels_ns']:.2f} ns from {clock['levels']} levels, "
            f"{clock['size_ns']:.2f} ± {clock['size_error_ns']:.2f} ns from the size; "
            f"target {clock['target_ns']:.2f} ns, slack {clock['slack_ns']:+.2f} ns"
        )


def _print_routing(routing: Routing) -> None:
    from rich.box import SIMPLE
    from rich.table import Column, Table

    kernels = Column("kernel", min_width=18, overflow="fold")
    table = Table(kernels, "routed, ns", "model, ns", box=SIMPLE, padding=(0, 1, 0, 0), pad_edge=False)
    table.title, table.title_justify = (
        f"Each kernel alone on {routing.device}: only their ratios mean something",
        "left",
    )
    for module, route in routing.routes.items():
        routed = "-" if route.period_ns is None else f"{route.period_ns:.2f}"
        table.add_row(module, routed, f"{routing.model_ns[module]:.2f}")
    print_table(table)
    for module, route in routing.routes.items():
        if route.period_ns is None:
            print_progress(f"not routed: {module}: {route.reason}")
    for module, times in sorted(routing.slower.items(), key=lambda item: -item[1]):
        print_progress(f"slower than its model: {module}, {times:.2f} times the median kernel")
