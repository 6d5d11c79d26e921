"""``tritag check``: what would become of a tagger or file, in seconds, before anything is trained or converted."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tritag.closed import require_file
from tritag.commands.options import AsJson, Data, Leading, Plugins, Settings, Target
from tritag.errors import ConfigError, DataError
from tritag.modes import require_only
from tritag.pipeline.defaults import DEFAULT_DATA, DEFAULT_PRECISION, DEFAULT_TARGET
from tritag.pipeline.names import check_training_names
from tritag.terminal import print_json, print_progress, print_result, print_table

if TYPE_CHECKING:
    from tritag.pipeline.check_onnx import OnnxCheck
    from tritag.pipeline.check_tagger import TaggerCheck


def command(
    context: typer.Context,
    what: Annotated[
        str, typer.Argument(metavar="TAGGER|FILE.onnx", help="A tagger's name or YAML file, or a QONNX file.")
    ],
    inputs: Annotated[
        Path | None,
        typer.Option(metavar="GRID.yaml", help="Of a QONNX file: what the integers at each input mean."),
    ] = None,
    constituents: Leading = None,
    precision: Annotated[str, typer.Option(help="A name in configs/precisions.")] = DEFAULT_PRECISION,
    data: Data = DEFAULT_DATA,
    settings: Settings = None,
    target: Target = DEFAULT_TARGET,
    interval: Annotated[int | None, typer.Option(min=1, help="Cycles between two jets (II).")] = None,
    beats: Annotated[int | None, typer.Option(min=1, help="Cycles in which a jet's rows pass.")] = None,
    plugin: Plugins = None,
    json: AsJson = False,
) -> None:
    """Say what an untrained tagger costs in firmware, layer by layer, or which of its modules is refused and why.

    Of a QONNX file: which nodes stock hls4ml would misread, and whether tritag import takes it. Exit status 1 when the
    tagger or the file is refused.
    """
    if what.lower().endswith(".onnx"):
        require_only(context, "a QONNX file, which has its own network", "what", "inputs", "plugin", "json")
        require_file(Path(what), DataError, "name an ONNX file")  # before PyTorch is imported
        from tritag.pipeline.check_onnx import check_onnx

        file = check_onnx(Path(what), inputs)
        if json:
            print_json(file.as_dict())
        else:
            print_onnx_check(file)
        file.require_accepted()
        return
    if inputs is not None:
        raise ConfigError(f"--inputs belongs to a QONNX file, whose name ends in .onnx, got {what!r}; leave it out")
    check_training_names(what, data, precision)
    from tritag.pipeline.check_tagger import check_tagger

    found = check_tagger(
        what,
        data,
        constituents=constituents,
        precision=precision,
        target=target,
        interval=interval,
        beats=beats,
        settings=settings or (),
    )
    if json:
        print_json(found.as_dict())
    else:
        print_tagger_check(found)
    found.require_accepted()


def print_tagger_check(result: TaggerCheck) -> None:
    """Print what each module of an untrained tagger costs, the whole, and what is refused."""
    from rich.table import Column, Table

    from tritag.pipeline.made_design import beats_note

    print_result(
        f"{result.tagger}: {result.constituents} constituents, {result.parameters:,} parameters, {result.precision}; "
        "untrained, with ranges of random jets"
    )
    if result.modules:
        table = Table(*(Column(name, overflow="fold") for name in ("module", "kind", "asked for in", "firmware")))
        for name in ("products", "LUT", "DSP", "cycles"):
            table.add_column(name, justify="right", no_wrap=True)
        for m in result.modules:
            numbers = (m.multiplications, m.lut, m.dsp, m.cycles)
            texts = (m.module or "(network)", m.kind, Path(m.place).name, ", ".join(dict.fromkeys(m.firmware)))
            table.add_row(*texts, *("-" if n is None else f"{n:,}" for n in numbers))
        print_table(table)
    if result.design is not None and result.latency_cycles is not None:
        design, size = result.design, result.design["estimate"]
        print_result(
            f"in all {size['lut']:,} LUT, {size['ff']:,} FF, {size['dsp']:,} DSP, {size['bram']:,} BRAM_18K on "
            f"{design['part']} (estimated, with what lies between the modules); {result.latency_cycles} cycles = "
            f"{design['latency_ns']:.0f} ns at the assumed {1e3 / design['clock_period_ns']:.0f} MHz, II "
            f"{design['interval']}, {design['beats']} beats (scheduled)"
        )
        if note := beats_note(design["beats"], design["most_beats"]):
            print_result(note)
    for refusal in result.refused:
        print_result(f"refused: {refusal}")
    if not result.refused:
        print_result("goes the whole way: export, C++ project and Verilog")


def print_onnx_check(result: OnnxCheck) -> None:
    """Print the nodes of a QONNX file that stock hls4ml would misread, and whether ``tritag import`` takes it."""
    from rich.table import Table

    if result.findings:
        table = Table("node", f"stock hls4ml {result.hls4ml}", "why")
        for finding in result.findings:
            table.add_row(finding.node, finding.kind, finding.reason)
        print_table(table)
    else:
        print_result(f"stock hls4ml {result.hls4ml} is known to misread no node of it")
    for note in result.notes:
        print_progress(f"note: {note}")
    print_result(f"tritag import refuses it: {result.refused}" if result.refused else "tritag import takes it")
