"""``tritag report``: the verdict on the terminal and as a page."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from tritag.terminal import print_json, print_progress


def command(
    run: Annotated[str, typer.Option(help="Run directory or tagger name.")],
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print a run's verdict and write report.html."""
    summary = report_run(run)
    if json:
        print_json(summary)
        return
    from rich.console import Console

    from tritag.report.verdict import verdict_table

    Console().print(verdict_table(summary))


def report_run(where: str) -> dict[str, Any]:
    """Write report.html; returns the summary behind it."""
    import json

    from tritag.commands.train import open_run
    from tritag.files import write_text
    from tritag.report.html import html_report
    from tritag.report.summary import summarise
    from tritag.run import Run

    run, _ = open_run(where)
    metrics = json.loads(run.require("metrics.json").read_text())
    start = metrics["float_run"]
    summary = summarise(run.directory, Run.open(start).directory if start else None)
    write_text(run.path("report.html"), html_report(summary))
    print_progress(f"report: {run.path('report.html')}")
    return summary
