"""``tritag report``: the verdict on the terminal and as a page, of one run or of several beside each other."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tritag.arguments import complete_run, one_run
from tritag.commands.options import AsJson, OldRun
from tritag.errors import ConfigError
from tritag.pipeline.opened import open_run
from tritag.terminal import print_json, print_table


def command(
    runs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="RUN...",
            help="Run directories or tagger names.",
            show_default=False,
            autocompletion=complete_run,
        ),
    ] = None,
    old_run: OldRun = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Page of several runs; by default comparison.html here.")
    ] = None,
    figures: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Write every figure there as PDF and PNG, for talks.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Print a run's verdict and write report.html and report.json; of several runs, a page that compares them."""
    names = list(runs or [])
    if len(names) < 2 or old_run is not None:
        names = [one_run(names[0] if names else None, old_run)]
    if out is not None and len(names) < 2:
        raise ConfigError(
            f"--out is for the page of several runs, got {out} and one run, whose page is report.html in it"
        )
    opened = [open_run(name, needs=("metrics.json",)) for name in names]
    from tritag.pipeline.report import report_run, report_runs
    from tritag.report.verdict import verdict_table

    results = (
        report_runs(opened, out or Path("comparison.html"), figures)
        if len(opened) > 1
        else (report_run(opened[0], figures),)
    )
    if json:
        plain = [result.as_dict() for result in results]
        print_json(plain if len(plain) > 1 else plain[0])
        return
    for result in results:
        print_table(verdict_table(result.summary))
