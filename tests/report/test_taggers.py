"""The report of every tagger of the registry: it opens without errors, and shows what is measured and nothing else."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.helpers.browser import chromium
from tests.helpers.report_numbers import wrong_numbers
from tests.helpers.tagger_reports import faults, reported
from tritag.errors import RunError
from tritag.models.nets.registry import tagger_names
from tritag.structured import read_json

CONSTITUENTS = 3


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


# test_page.py and test_browser.py hold the same of two networks always
@pytest.mark.long
@pytest.mark.parametrize("tagger", tagger_names())
def test_report(tagger, browser, tmp_path, monkeypatch):
    monkeypatch.setenv("TRITAG_RUNS", str(tmp_path / "runs"))
    result = reported(tagger, CONSTITUENTS)
    written = read_json(result.page.with_name("report.json"), RunError, "written just now")
    assert wrong_numbers(result.page.read_text(encoding="utf-8"), written) == []
    assert faults(browser, result.page) == []
