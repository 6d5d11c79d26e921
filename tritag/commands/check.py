"""``tritag check``: what would become of a file, in seconds, before anything is trained or converted."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tritag.commands.options import AsJson
from tritag.errors import ConfigError
from tritag.terminal import print_json, print_progress, print_result, print_table

if TYPE_CHECKING:
    from tritag.pipeline.check_onnx import OnnxCheck


def command(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A QONNX file.")],
    inputs: Annotated[
        Path | None,
        typer.Option(metavar="GRID.yaml", help="Of a QONNX file: what the integers at each input mean."),
    ] = None,
    json: AsJson = False,
) -> None:
    """Say which nodes of a QONNX file stock hls4ml would misread, and whether tritag import takes it."""
    if file.suffix.lower() != ".onnx":
        raise ConfigError(f"tritag check takes a QONNX file, whose name ends in .onnx, got {str(file)!r}")
    from tritag.pipeline.check_onnx import check_onnx

    result = check_onnx(file, inputs)
    if json:
        print_json(result.as_dict())
    else:
        print_onnx_check(result)


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
