"""The page that shows several runs beside each other."""

from __future__ import annotations

from html import escape

from tritag.report.page.document import figures, page
from tritag.report.page.numbers import number
from tritag.report.page.tables import table
from tritag.report.plots.plot import Report
from tritag.report.plots.style import COLOURS
from tritag.report.plots.versus import COLOURS_OF_RUNS, versus_plots
from tritag.report.working_point import working_point


def comparison_page(reports: list[Report]) -> str:
    """Page of several runs: one table, and rejection against LUTs, latency and bit operations.

    Parameters
    ----------
    reports : list of dict
        Content of each run's report.json.
    """
    together = {"runs": reports}
    body = [
        f"<h1>{len(reports)} taggers beside each other</h1>",
        f'<div class="scroll">{_table(together)}</div>',
        *figures(versus_plots(), together),
    ]
    return page("Taggers beside each other", body)


def _table(report: Report) -> str:
    heads = (
        *("run", "rejection", "±", "AUC", "weights and offsets", "bit operations"),
        *("cycles", "II", "LUT", "DSP", "differ"),
    )
    return table(heads, (_row(report, i) for i in range(len(report["runs"]))), numbers=len(heads) - 1)


def _row(report: Report, i: int) -> list[str]:
    run, where = report["runs"][i], f"/runs/{i}"
    physics = f"{where}/physics/{'quantized' if run['physics'].get('quantized') else 'float'}"
    point = where + (working_point(run) or ("/none", ""))[0]
    verdicts = run["bit_accuracy"]
    worst = max(range(len(verdicts)), key=lambda j: verdicts[j]["differ"]) if verdicts else None
    return [
        f'<span class="swatch" style="background: var(--{_colour(i)})"></span>{escape(run["run"])}',
        number(report, f"{point}/value", ".0f"),
        number(report, f"{point}/error", ".0f"),
        number(report, f"{physics}/auc/value", ".4f"),
        number(report, f"{where}/cost/parameters"),
        number(report, f"{where}/cost/bit_operations", ",.0f"),
        number(report, f"{where}/rtl/scheduled_latency_cycles"),
        number(report, f"{where}/rtl/interval"),
        number(report, f"{where}/rtl/estimate/lut", ",.0f"),
        number(report, f"{where}/rtl/estimate/dsp", ",.0f"),
        "not checked" if worst is None else number(report, f"{where}/bit_accuracy/{worst}/differ"),
    ]


def _colour(i: int) -> str:
    """Name of the page's colour in which the figures draw the run."""
    return COLOURS[COLOURS_OF_RUNS[i % len(COLOURS_OF_RUNS)]]
