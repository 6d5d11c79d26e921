"""Reports in a real browser: no error, every figure visible and not empty, keyboard, labels, a phone's width."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.helpers.browser import chromium
from tests.helpers.reports import report_of
from tritag.report.page.comparison import comparison_page
from tritag.report.page.document import report_page
from tritag.report.plots.gallery import PLOTS

NETWORKS = ("transformer", "lloca-trigger-fast")
# Text of a drawing smaller than this cannot be read.
SMALLEST_TEXT_PX = 6
# How many colours the lines of a drawing have.
_STROKES = "e => new Set([...e.querySelectorAll('path,use')].map(p => getComputedStyle(p).stroke)).size"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A page for each network, and one that compares them."""
    folder = tmp_path_factory.mktemp("pages")
    reports = [report_of(network) for network in NETWORKS]
    cut = next(layer for layer in reports[0]["layers"] if "at_an_end" in layer)
    cut |= {"name": "blocks_0_leave_frames_" + "of_a_part_with_a_long_name_" * 4 + "cut", "at_an_end": 1.0}
    texts = {r["run"]: report_page(r) for r in reports} | {"comparison": comparison_page(reports)}
    for name, text in texts.items():
        (folder / f"{name}.html").write_text(text, encoding="utf-8")
    return {name: folder / f"{name}.html" for name in texts}


def _opened(browser: Browser, path: Path, width: int, scheme: str) -> tuple[Page, list[str]]:
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: said.append(request.url))
    page.goto(path.as_uri())
    return page, said


@pytest.mark.parametrize(("width", "scheme"), [(1250, "light"), (390, "dark")])
def test_pages_open_without_errors_and_fit(browser, pages, width, scheme):
    for name, path in pages.items():
        page, said = _opened(browser, path, width, scheme)
        assert said == [path.as_uri()], name
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name
        figures = page.locator("figure")
        assert figures.count() == (len(PLOTS) if name != "comparison" else 4)
        for i in range(figures.count()):
            svg = figures.nth(i).locator("svg")
            assert svg.is_visible()
            box = svg.bounding_box()
            assert box is not None
            assert min(box["width"], box["height"]) > 100
            inks = svg.evaluate(_STROKES)
            assert inks > 1, (name, i)
        page.close()


def test_text_is_readable_and_follows_the_scheme(browser, pages):
    colours = []
    for scheme in ("light", "dark"):
        page, _ = _opened(browser, pages["transformer-0123abcd"], 1250, scheme)
        colours.append(page.evaluate("getComputedStyle(document.querySelector('svg text')).fill"))
        heights = page.evaluate("[...document.querySelectorAll('svg text')].map(t => t.getBoundingClientRect().height)")
        assert min(heights) > SMALLEST_TEXT_PX
        page.close()
    assert colours[0] != colours[1]


def test_keyboard_and_labels(browser, pages):
    page, _ = _opened(browser, pages["transformer-0123abcd"], 1250, "light")
    assert page.get_by_role("heading", level=1).count() == 1
    for plot in PLOTS:
        assert page.get_by_role("img", name=plot.title, exact=True).count() == 1
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.tagName") == "SUMMARY"
    table = page.locator("details").first
    assert not table.locator("table").is_visible()
    page.keyboard.press("Enter")
    assert table.locator("table").is_visible()
    page.close()
