"""``tritag import``: somebody's QONNX file as a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tritag import api
from tritag.closed import require_file
from tritag.commands.options import AsJson
from tritag.errors import DataError
from tritag.terminal import print_json, print_progress, print_result


def command(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A QONNX file: Brevitas, QKeras, HGQ2, or QCDQ.")],
    inputs: Annotated[
        Path | None,
        typer.Option(metavar="GRID.yaml", help="What the integers at each input mean: bits, signed, lsb, unit."),
    ] = None,
    name: Annotated[str | None, typer.Option(help="Name of the run; by default the file's.")] = None,
    json: AsJson = False,
) -> None:
    """Turn a QONNX file of anybody into an exact integer program: a run that goes on to csim, verify, rtl and synth.

    What has no exact integer form is refused with the node's name; what differs from the file is printed.
    """
    require_file(file, DataError, "name an ONNX file")  # before PyTorch is imported
    result = api.import_file(file, inputs, name)
    if json:
        print_json(result.as_dict())
        return
    for note in result.notes:
        print_progress(f"note: {note}")
    print_result(str(result.run.directory))
