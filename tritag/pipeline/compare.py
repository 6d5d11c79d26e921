"""Runs in firmware beside each other and beside published taggers."""

from __future__ import annotations

from collections.abc import Sequence

from tritag.pipeline.fingerprint import check_shown
from tritag.pipeline.opened import OpenedRun
from tritag.report.comparison import Row, compared


def compare_runs(runs: Sequence[OpenedRun]) -> list[Row]:
    """Rows of one table: bit accuracy, latency, II and resources, by where each figure comes from.

    Raises
    ------
    RunError
        A run has no Verilog, or something has changed since a step that the table shows.
    """
    for opened in runs:
        check_shown(opened.run)
    return compared([opened.directory for opened in runs], [opened.run.config for opened in runs])
