"""``tritag compare``: runs in firmware beside each other and beside published taggers."""

from __future__ import annotations

from typing import Annotated

import typer

from tritag.arguments import complete_run
from tritag.commands.options import AsJson
from tritag.pipeline.opened import open_run
from tritag.terminal import print_json, print_result, print_table


def command(
    runs: Annotated[
        list[str],
        typer.Argument(metavar="RUN...", help="Run directories or tagger names.", autocompletion=complete_run),
    ],
    markdown: Annotated[bool, typer.Option("--markdown", help="Print the table for a document.")] = False,
    json: AsJson = False,
) -> None:
    """Print one table of runs and published taggers: bit accuracy, latency, II, resources.

    The column "figures" says where a line comes from: measured in the simulation, counted by Yosys, estimated
    (nanoseconds are cycles times an assumed period), the vendor's (times the period that its timing reached), or quoted
    from a paper. Runs need `tritag rtl`; `tritag synth`, `csim`, `verify` and `rtl --vendor-report` add what they know.
    """
    opened = [open_run(run, needs=("rtl.json",)) for run in runs]
    from dataclasses import asdict

    from tritag.pipeline.compare import compare_runs
    from tritag.report.comparison import as_markdown, comparison_table

    rows = compare_runs(opened)
    if json:
        print_json([asdict(row) for row in rows])
    elif markdown:
        print_result(as_markdown(rows))
    else:
        print_table(comparison_table(rows))
