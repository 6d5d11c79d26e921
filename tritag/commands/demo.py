"""``tritag demo``: the whole way with the mini tagger, from nothing to bit-exact firmware."""

from __future__ import annotations

from typing import Annotated

import typer

from tritag.commands.options import Data, Leading, Plugins, Settings, Target
from tritag.hls_projects.target import load_target
from tritag.pipeline.defaults import DEFAULT_DATA, DEFAULT_PRECISION, DEFAULT_TARGET
from tritag.pipeline.names import check_training_names
from tritag.terminal import print_progress, print_table

_ITERATIONS = 2500


def command(
    tagger: Annotated[
        str, typer.Argument(help="A name from `tritag train --list`, or a YAML file.")
    ] = "transformer-2k",
    data: Data = DEFAULT_DATA,
    constituents: Leading = None,
    precision: Annotated[str, typer.Option(help="An exact one of configs/precisions.")] = DEFAULT_PRECISION,
    iterations: Annotated[
        int | None, typer.Option(help="Optimizer steps of each training.", show_default=str(_ITERATIONS))
    ] = None,
    settings: Settings = None,
    target: Target = DEFAULT_TARGET,
    rtl: Annotated[bool, typer.Option(help="Write and simulate Verilog: latency and estimated resources.")] = True,
    synth: Annotated[bool, typer.Option("--synth", help="Count the Verilog's resources with Yosys (minutes).")] = False,
    plugin: Plugins = None,
) -> None:
    """Make jets, train, export, compile the hls4ml project, check every executor's integers, and report.

    The report ends with the latency of the Verilog in simulated cycles and its resources. Finished trainings and
    compilations are kept: a second call takes seconds. Exit status 1 when any integer or cycle count is wrong.
    """
    check_training_names(tagger, data, precision)
    load_target(target)
    from tritag.pipeline.demo import demo_run
    from tritag.pipeline.recipes import recipe_of, require_distinct
    from tritag.report.verdict import verdict_table

    asked = [f"training.iterations={iterations}"] if iterations is not None else []
    asked += settings or []
    require_distinct(asked)
    recipe = recipe_of(tagger, data, constituents, precision, [f"training.iterations={_ITERATIONS}", *asked])
    result = demo_run(tagger, recipe, target, rtl, synth)
    print_table(verdict_table(result.report.summary))
    print_progress(f"project: {result.run.directory / 'hls'}")
    print_progress(f"done in {result.minutes:.1f} minutes")
    result.verification.require_equal()
    if result.verilog is not None:
        result.verilog.require_right()
