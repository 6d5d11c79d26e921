"""The report of a run: its verdict, the page that shows it, and the numbers behind the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tritag.errors import ConfigError
from tritag.files import JsonObject, write_json, write_text
from tritag.pipeline.fingerprint import check_shown
from tritag.pipeline.opened import OpenedRun, is_quantized, one_writer
from tritag.report.page.comparison import comparison_page
from tritag.report.page.document import report_page
from tritag.report.plots.gallery import PLOTS
from tritag.report.plots.plot import Plot
from tritag.report.plots.style import write_static
from tritag.report.plots.versus import versus_plots
from tritag.report.summary import summarise
from tritag.terminal import print_progress
from tritag.zoo import GOLDEN


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
        Content of ``report.json``, from which the page is made: physics, bit accuracy, costs, firmware, curves,
        provenance; None or empty where a step has not run.
    figures : tuple of Path
        Files of the figures for talks.
    """

    run: OpenedRun
    page: Path
    summary: JsonObject
    figures: tuple[Path, ...] = ()

    def as_dict(self) -> JsonObject:
        """What the page shows, as plain values for JSON."""
        return self.summary


@one_writer
def report_run(opened: OpenedRun, figures: Path | None = None) -> ReportResult:
    """Write ``report.html`` and ``report.json``.

    Parameters
    ----------
    figures : Path, optional
        Folder for every figure as PDF and PNG, in the style of talks.

    Raises
    ------
    RunError
        The run is not trained to its end, its float run is gone, or something has changed since a step that the page
        would show.
    ToolError
        Figures are asked for, and matplotlib or mplhep is missing.
    """
    check_shown(opened.run)
    float_run = opened.float_run()
    recipe = opened.recipe
    scores = {
        one.directory: one.run.read_npz("scores.npz", ("scores", "labels"))
        for one in filter(None, (opened, float_run))
        if one.run.path("scores.npz").is_file()
    }
    summary = summarise(
        opened.directory,
        float_run.directory if float_run is not None else None,
        recipe.tagger.head,
        is_quantized(opened.run.config),
        scores,
        jet_by_jet=not opened.run.path(GOLDEN).is_file(),
    ) | {
        "tagger": {
            "network": recipe.tagger.network,
            "constituents": recipe.tagger.n_constituents,
            "precision": opened.run.config["precision"],
            "data": Path(recipe.data).name,  # a page travels: where the file lay is nobody's business
            "outputs": list(recipe.tagger.head.output_names),
        }
    }
    page = opened.run.path("report.html")
    write_json(opened.run.path("report.json"), summary)
    write_text(page, report_page(summary))
    print_progress(f"report: {page}")
    return ReportResult(opened, page, summary, _for_talks(PLOTS, summary, figures))


def report_runs(runs: Sequence[OpenedRun], page: Path, figures: Path | None = None) -> tuple[ReportResult, ...]:
    """Write each run's own report, and a page that shows them beside each other; returns the reports.

    Parameters
    ----------
    runs : sequence of OpenedRun
        Two at least, no run twice.
    page : Path
        The HTML file of all runs.
    figures : Path, optional
        Folder for the figures of the comparison, as of :func:`report_run`.

    Raises
    ------
    ConfigError
        Fewer than two runs, or one twice.
    RunError, ToolError
        As of :func:`report_run`.
    """
    names = [opened.directory.resolve() for opened in runs]
    if len(set(names)) < 2 or len(set(names)) < len(names):
        raise ConfigError(f"runs to compare must be two or more different ones, got {[name.name for name in names]}")
    results = tuple(report_run(opened) for opened in runs)
    reports = [result.summary for result in results]
    write_text(page, comparison_page(reports))
    _for_talks(versus_plots(), {"runs": reports}, figures)
    print_progress(f"comparison: {page}")
    return results


def _for_talks(plots: Sequence[Plot], report: JsonObject, folder: Path | None) -> tuple[Path, ...]:
    """Files of the figures that the report has something for; none without a folder."""
    if folder is None:
        return ()
    return tuple(path for plot in plots if plot.shows(report) for path in write_static(plot, report, folder))
