"""The whole page: sentence, tiles, figures, folded tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from typing import Any

from tritag.errors import ToolError
from tritag.report.page.style import STYLE
from tritag.report.page.tables import folded_tables
from tritag.report.page.tiles import tiles
from tritag.report.plots.gallery import PLOTS
from tritag.report.plots.plot import Plot, Report
from tritag.report.plots.style import inline_svg

# Wider than this, in inches, a figure takes a row of its own.
_COLUMN_INCHES = 5.0


def report_page(report: Report) -> str:
    """Page of a run: what it is, the three answers, the figures, and everything else folded.

    Parameters
    ----------
    report : dict
        Content of report.json. Figures without matplotlib, and figures of steps that have not run, are named with what
        makes them.
    """
    body = [
        f"<h1>{escape(report['run'])}</h1>",
        f'<p class="lead">{escape(sentence(report))}</p>',
        tiles(report),
        "<h2>Figures</h2>",
        *figures(PLOTS, report),
        "<h2>Tables</h2>",
        *folded_tables(report),
    ]
    return page(report["run"], body)


def page(title: str, body: list[str]) -> str:
    """A complete HTML document around ``body``."""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<link rel="icon" href="data:,">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>\n<body><main>\n"
        + "\n".join(body)
        + "\n</main></body></html>\n"
    )


def sentence(report: Report) -> str:
    """What this tagger is, in one sentence."""
    tagger: dict[str, Any] = report["tagger"]
    weights = f" with {report['cost']['parameters']:,} weights and offsets in firmware" if report["cost"] else ""
    numbers = {"float": "floating point"}.get(tagger["precision"], f"the precision {tagger['precision']}")
    outputs = tagger["outputs"]
    answer = "gives one score, a logit" if outputs == ["logit"] else f"gives {', '.join(outputs)}"
    return (
        f"This {tagger['network']} tagger{weights} reads the {tagger['constituents']} hardest constituents of a jet "
        f"and {answer}; it was trained on {tagger['data']} and computes in {numbers}."
    )


def figures(plots: Sequence[Plot], report: Report) -> Iterator[str]:
    """The figures that there is something for, and a sentence that names the others."""
    shown = [plot for plot in plots if plot.shows(report)]
    try:
        cells = [_figure(plot, report) for plot in shown]
    except ToolError as error:
        yield f"<p>{escape(str(error))}</p>"
        return
    yield f'<div class="figures">{"".join(cells)}</div>'
    missing = [plot.title.lower() for plot in plots if plot not in shown]
    if missing:
        yield f"<p>Not shown, because their steps have not run: {escape(', '.join(missing))}.</p>"


def _figure(plot: Plot, report: Report) -> str:
    """One figure with its title and caption."""
    svg = inline_svg(plot, report).replace(
        "<svg ", f'<svg role="img" aria-labelledby="{plot.key}-title" aria-describedby="{plot.key}-caption" ', 1
    )
    wide = ' class="wide"' if plot.width > _COLUMN_INCHES else ""
    return (
        f'<figure{wide} id="{plot.key}"><h3 id="{plot.key}-title">{escape(plot.title)}</h3>'
        f'<div class="scroll">{svg}</div>'
        f'<figcaption id="{plot.key}-caption">{escape(plot.caption(report))}</figcaption></figure>\n'
    )
