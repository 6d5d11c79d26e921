"""``tritag demo``: the whole way with the mini tagger, from nothing to bit-exact firmware."""

from __future__ import annotations

import time
from typing import Annotated, Any

import typer

from tritag.commands.train import DEFAULT_PRECISION, SET_HELP
from tritag.terminal import print_progress
from tritag.workers import available_cores

# Generated jets to simulate as Verilog; the crafted ones come on top.
_JETS = 200


def command(
    tagger: Annotated[
        str, typer.Argument(help="A name from `tritag train --list`, or a YAML file.")
    ] = "transformer-2k",
    data: Annotated[str, typer.Option(help="A data configuration, or a jet file with splits.")] = "top-demo",
    constituents: Annotated[int | None, typer.Option("--constituents", "-K", help="Leading constituents K.")] = None,
    precision: Annotated[str, typer.Option(help="An exact one of configs/precisions.")] = DEFAULT_PRECISION,
    iterations: Annotated[int, typer.Option(help="Optimizer steps of each training.")] = 2500,
    settings: Annotated[list[str] | None, typer.Option("--set", help=SET_HELP)] = None,
    target: Annotated[str, typer.Option(help="A name in configs/targets, or a YAML file.")] = "vu13p-360mhz",
    rtl: Annotated[bool, typer.Option(help="Write and simulate Verilog: latency and estimated resources.")] = True,
    synth: Annotated[bool, typer.Option("--synth", help="Count the Verilog's resources with Yosys (minutes).")] = False,
) -> None:
    """Make jets, train, export, compile the hls4ml project, check every executor's integers, and report.

    The report ends with the latency of the Verilog in simulated cycles and its resources. Finished trainings and
    compilations are kept: a second call takes seconds. Exit status 1 when any integer or cycle count is wrong.
    """
    from pathlib import Path

    from rich.console import Console

    from tritag.commands.csim import csim_run
    from tritag.commands.export import export_run
    from tritag.commands.report import report_run
    from tritag.commands.train import recipe_of, train_run
    from tritag.commands.verify import verify_run
    from tritag.errors import ConfigError
    from tritag.export.rtl.tools import synthesis
    from tritag.export.rtl.tools.check import require_right
    from tritag.hls_projects.verify import require_equal
    from tritag.report.verdict import verdict_table

    if synth and not rtl:
        raise ConfigError("--synth counts the Verilog that --no-rtl leaves out; give one of them")
    if synth:  # asked for: better said now than after the training
        synthesis.check_tools()
    began = time.monotonic()
    changes = [f"training.iterations={iterations}"]
    recipe = recipe_of(tagger, data, constituents, precision, [*changes, *(settings or [])])
    run = train_run(Path(tagger).stem, recipe)
    where = str(run.directory)
    export_run(where)
    csim_run(where, target)
    print_progress("bit check: the same jets through every executor")
    verdicts = verify_run(where, target_name=target)
    simulated = _verilog(where, target, synth) if rtl else None
    Console().print(verdict_table(report_run(where)))
    print_progress(f"project: {run.path('hls')}")
    print_progress(f"done in {(time.monotonic() - began) / 60:.1f} minutes")
    require_equal(verdicts)
    if simulated is not None:
        require_right(simulated)


def _verilog(where: str, target: str, synth: bool) -> dict[str, Any]:
    """Write the Verilog and simulate it where Verilator is installed, count it when asked; content of rtl.json."""
    from tritag.commands.rtl import rtl_run
    from tritag.commands.synth import synth_run
    from tritag.export.rtl.tools import simulation

    missing = simulation.check_missing_tools()
    if missing:
        print_progress(f"latency is not measured, only scheduled: {missing}")
    _, result = rtl_run(where, target, jets=0 if missing else _JETS)
    if synth:
        synth_run(where, workers=available_cores())
    return result
