"""``tritag verify``: the same jets through every executor, compared as integers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tritag import api
from tritag.arguments import one_run
from tritag.commands.options import AsJson, FirstJets, Interface, OldRun, Plugins, Run, Target
from tritag.pipeline.defaults import DEFAULT_TARGET
from tritag.terminal import print_json, print_result, print_table, print_warning

if TYPE_CHECKING:
    from tritag.pipeline.verify import VerifyResult


def command(
    run: Run = None,
    old_run: OldRun = None,
    jets: Annotated[
        Path | None,
        typer.Option(help="Jet file (npz or HDF5); by default 10 000 of the run's, and 100 000 through the emulator."),
    ] = None,
    n_max: FirstJets = None,
    layers: Annotated[bool, typer.Option("--layers", help="Name the first layer that differs.")] = False,
    target: Target = DEFAULT_TARGET,
    executors: Annotated[
        str | None,
        typer.Option(
            help="Comma-separated, the reference first: pytorch, onnxruntime, qonnx, csim, emulator; "
            "only when named: cmssw, the package's emulator for CMS' software (the C-simulation's arithmetic behind "
            "another interface: it takes as long again), and verilog, which is simulated for minutes."
        ),
    ] = None,
    interface: Interface = "plain",
    plugin: Plugins = None,
    json: AsJson = False,
) -> None:
    """Compare PyTorch, ONNX Runtime, QONNX, hls4ml's C-simulation and the native emulator.

    Exit status 1 when an integer differs or all jets have one answer, 2 when no jet was compared.
    """
    chosen = None if executors is None else [name.strip() for name in executors.split(",") if name.strip()]
    where = one_run(run, old_run)
    result = api.verify(
        where, jets, n_max, layers=layers, target=target, executors=chosen, interface=interface, progress=not json
    )
    if json:
        print_json(result.as_list())
    else:
        _print(result, layers)
    for found in result.originals:
        if found.beyond_ties:
            print_warning(found.warning)
    result.require_equal()


def _print(result: VerifyResult, layers: bool) -> None:
    from rich.table import Table

    table = Table("executor", "jets compared", "jets that differ", "largest difference", "first layer that differs")
    for v in result.verdicts:
        unknown = "none found" if layers else "not searched (--layers)"
        first = v.first_layer or (unknown if v.differ else "-")
        table.add_row(v.executor, f"{v.jets:,}", f"{v.differ:,}", f"{v.largest_lsb} LSB", first)
    print_table(table)
    print_result(str(result.strength))
    for found in result.originals:
        print_result(str(found))
