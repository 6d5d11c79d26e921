"""``tritag runs``: the runs that are there, and what each of them has."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from tritag.commands.options import AsJson
from tritag.environment import runs_root
from tritag.terminal import in_bytes, print_json, print_progress, print_result


def command(
    everything: Annotated[
        bool, typer.Option("--all", help="Also float runs that were trained on the way to quantized ones.")
    ] = False,
    json: AsJson = False,
) -> None:
    """List the runs, the newest first: what has been done with each, its size, and when it changed last."""
    from tritag.pipeline.runs import summarise_runs

    found = summarise_runs()
    shown = [run for run in found if everything or not run.teacher]
    if json:
        print_json([run.as_dict() for run in shown])
        return
    for run in shown:
        print_result(run.name)
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(run.changed_s))
        print_result(f"    {when}  {in_bytes(run.size_bytes):>8}  {', '.join(run.has)}")
    if not shown:
        print_progress(f"no runs in {runs_root()}; 'tritag train TAGGER' makes one, TRITAG_RUNS names another folder")
    elif len(shown) < len(found):
        hidden = len(found) - len(shown)
        what = "a float run" if hidden == 1 else f"{hidden} float runs"
        print_progress(f"and {what} that quantized ones began from (--all)")
