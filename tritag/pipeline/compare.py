"""Runs in firmware beside each other and beside published taggers."""

from __future__ import annotations

from collections.abc import Sequence

from tritag.errors import ConfigError
from tritag.pipeline.fingerprint import check_shown
from tritag.pipeline.opened import OpenedRun
from tritag.report.comparison import Row, compared


def compare_runs(runs: Sequence[OpenedRun]) -> list[Row]:
    """Rows of one table: bit accuracy, latency, II and resources, by where each figure comes from.

    Raises
    ------
    ConfigError
        A run twice.
    RunError
        A run has no Verilog, or something has changed since a step that the table shows.
    """
    names = [opened.directory.resolve() for opened in runs]
    if len(set(names)) < len(names):
        raise ConfigError(f"runs to compare must be different ones, got {[name.name for name in names]}; leave one out")
    for opened in runs:
        check_shown(opened.run)
    return compared([opened.directory for opened in runs], [opened.run.config for opened in runs])
