"""The page of a report: every number is that of report.json, every figure is drawn, nothing is left out silently."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from tests.helpers.marks import often
from tests.helpers.report_numbers import Page, wrong_numbers
from tests.helpers.reports import report_of
from tritag.report.page.comparison import comparison_page
from tritag.report.page.document import report_page
from tritag.report.page.numbers import number
from tritag.report.plots.gallery import PLOTS
from tritag.report.plots.plot import value_at
from tritag.report.plots.style import COLOURS, inline_svg, write_static

NETWORKS = ("transformer", "lloca-trigger-fast")


@pytest.fixture(scope="module", params=often(NETWORKS, ("transformer",)))
def report(request: pytest.FixtureRequest) -> dict[str, Any]:
    return report_of(request.param)


@pytest.fixture(scope="module")
def text(report: dict[str, Any]) -> str:
    """The page, drawn once."""
    return report_page(report)


def test_every_number_is_that_of_the_report(report, text):
    assert wrong_numbers(text, report) == []
    sources = {source for source, _, _ in Page(text).numbers}
    assert {"/physics/quantized/rejections/0/value", "/rtl/scheduled_latency_cycles", "/rtl/estimate/lut"} <= sources


def test_every_figure_is_there_in_the_colours_of_the_page(report, text):
    for plot in PLOTS:
        assert f'<figure id="{plot.key}">' in text or f'<figure class="wide" id="{plot.key}">' in text
        svg = inline_svg(plot, report)
        assert svg.count("<path") > 8, plot.key
        assert "var(--ink)" in svg
    assert not [colour for colour in COLOURS if colour in text.lower().split("</style>", 1)[1]]
    assert "have not run" not in text


def test_names_inside_the_page_are_unique_and_found(text):
    page = Page(text)
    assert len(set(page.ids)) == len(page.ids)
    assert page.references
    assert set(page.references) <= set(page.ids)


def test_the_same_report_gives_the_same_bytes(report, text):
    assert text == report_page(copy.deepcopy(report))


def test_foreign_text_is_escaped(report):
    text = report_page(report | {"run": "<script>alert(1)</script>"})
    assert "<script" not in text
    assert "&lt;3.11 &amp; later&gt;" in text


def test_what_has_not_run_is_named():
    report = report_of("transformer") | {"rtl": None, "equivariance": None, "bit_accuracy": None, "layers": []}
    text = report_page(report)
    assert "because their steps have not run: equivariance, where the cycles go, where luts and dsps go" in text
    assert "not checked" in text
    assert "tritag verify transformer-0123abcd" in text
    assert "tritag rtl transformer-0123abcd" in text


def test_differing_integers_are_on_top():
    report = report_of("transformer")
    report["bit_accuracy"][1]["differ"] = 7
    page = report_page(report)
    assert 'class="tile bad"' in page
    assert 'data-source="/bit_accuracy/1/differ">7</data> jets differ' in page


def test_several_runs_beside_each_other(report):
    other = report_of("transformer") | {"rtl": None, "run": "other"}
    runs = [report, other]
    text = comparison_page(runs)
    page = Page(text)
    assert len(page.numbers) > 10
    for source, value, _ in page.numbers:
        assert repr(value_at({"runs": runs}, source)) == value
    assert "1 of the runs have no such figure yet" in text
    assert text.count("<svg") == 4


def test_a_number_that_is_missing_is_a_dash():
    assert number({"a": [1.5, None]}, "/a/0", ".1f") == '<data value="1.5" data-source="/a/0">1.5</data>'
    assert number({"a": [1.5, None]}, "/a/1") == number({}, "/b") == "-"


def test_figures_for_talks(report, tmp_path):
    files = [path for plot in PLOTS[:1] for path in write_static(plot, report, tmp_path)]
    assert [path.name for path in files] == ["rejection.pdf", "rejection.png"]
    assert all(path.stat().st_size > 5000 for path in files)
