"""``tritag package``: everything for the firmware engineer and the experiment's software, as one archive."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tritag import api
from tritag.arguments import one_run
from tritag.commands.options import AsJson, Name, OldRun, Run, Version
from tritag.terminal import print_json, print_result


def command(
    run: Run = None,
    old_run: OldRun = None,
    name: Name = None,
    version: Version = None,
    out: Annotated[
        Path | None,
        typer.Option(help="The archive (.tar.gz, .tgz), or a folder for it; by default NAME_vN.tar.gz here."),
    ] = None,
    json: AsJson = False,
) -> None:
    """Write hls4ml project, Verilog, benches, emulators, IP-XACT, figures and pictures of a run into one archive.

    The same run gives the same bytes in every folder and on every day.
    """
    result = api.package(one_run(run, old_run), name=name, version=version, out=out)
    if json:
        print_json(result.as_dict())
    else:
        print_result(str(result.archive))
