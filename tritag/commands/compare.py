"""``tritag compare``: runs in firmware beside each other and beside published taggers."""

from __future__ import annotations

from typing import Annotated

import typer

from tritag.terminal import print_json, print_result


def command(
    runs: Annotated[list[str], typer.Argument(metavar="RUN...", help="Run directories or tagger names.")],
    markdown: Annotated[bool, typer.Option("--markdown", help="Print the table for a document.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print one table of runs and published taggers: bit accuracy, latency, II, resources.

    The column "figures" says where a line comes from: measured in the simulation, counted by Yosys, estimated
    (nanoseconds are cycles times an assumed clock), the vendor's, or quoted from a paper. Runs need `tritag rtl`;
    `tritag synth`, `tritag csim` and `tritag verify` add what they know.
    """
    from dataclasses import asdict

    from rich.console import Console

    from tritag.commands.train import open_run
    from tritag.report.comparison import as_markdown, compared, comparison_table

    opened = [open_run(run)[0] for run in runs]
    rows = compared([run.directory for run in opened], [run.config for run in opened])
    if json:
        print_json([asdict(row) for row in rows])
    elif markdown:
        print_result(as_markdown(rows))
    else:
        Console().print(comparison_table(rows))
