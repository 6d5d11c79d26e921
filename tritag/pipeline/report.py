"""The report of a run: its verdict, and the page that shows it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tritag.files import JsonObject, write_text
from tritag.pipeline.opened import OpenedRun
from tritag.report.html import html_report
from tritag.report.summary import summarise
from tritag.terminal import print_progress


@dataclass(frozen=True)
class ReportResult:
    """A written report.

    Attributes
    ----------
    run : OpenedRun
        The run.
    page : Path
        The HTML file, complete in itself.
    summary : dict
        What it says: physics, bit accuracy, costs, firmware, provenance; None where a step has not run.
    """

    run: OpenedRun
    page: Path
    summary: JsonObject

    def as_dict(self) -> JsonObject:
        """What the page shows, as plain values for JSON."""
        return self.summary


def report_run(opened: OpenedRun) -> ReportResult:
    """Write ``report.html``.

    Raises
    ------
    RunError
        The run is not trained to its end, or its float run is gone.
    """
    float_run = opened.float_run()
    summary = summarise(opened.directory, float_run.directory if float_run is not None else None)
    page = opened.run.path("report.html")
    write_text(page, html_report(summary))
    print_progress(f"report: {page}")
    return ReportResult(opened, page, summary)
