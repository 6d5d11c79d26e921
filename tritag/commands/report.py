"""``tritag report``: the verdict on the terminal and as a page."""

from __future__ import annotations

from tritag.arguments import one_run
from tritag.commands.options import AsJson, OldRun, Run
from tritag.pipeline.opened import open_run
from tritag.terminal import print_json, print_table


def command(run: Run = None, old_run: OldRun = None, json: AsJson = False) -> None:
    """Print a run's verdict and write report.html."""
    opened = open_run(one_run(run, old_run), needs=("metrics.json",))
    from tritag.pipeline.report import report_run
    from tritag.report.verdict import verdict_table

    result = report_run(opened)
    if json:
        print_json(result.as_dict())
    else:
        print_table(verdict_table(result.summary))
