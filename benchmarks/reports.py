"""The report of every tagger of the registry in Chromium: ``python -m benchmarks.reports [TAGGER...] [--out FOLDER]``.

Each tagger is trained for a few steps on the sample jets with few candidates, exported, checked and scheduled as
Verilog; its report is then opened twice, light and wide, dark and as narrow as a phone. The table names what the
console said, figures that are empty or hidden, and a page that is wider than its window; the status is 1 when there is
any. Pictures of the pages are kept in the folder, for people to look at.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from playwright.sync_api import Browser

import tritag
from tests.helpers.browser import chromium
from tritag.data.jets.candidate_grid import PLAIN
from tritag.models.nets.registry import load_tagger_config, tagger_names
from tritag.pipeline.equivariance import equivariance_run
from tritag.pipeline.opened import OpenedRun
from tritag.pipeline.report import report_run
from tritag.terminal import print_result

SAMPLE = Path(__file__).resolve().parents[1] / "data" / "sample" / "jets400.h5"
# Jets of taggers that read more of a candidate than its momentum, made when they are not in the cache.
WITH_FIELDS = "top-puppi"
SMALL = ["training.batch_size=64", "training.validate_every=4"]
VIEWS = ((1250, "light"), (390, "dark"))
_EMPTY = """figure => {
  const svg = figure.querySelector('svg'), box = svg && svg.getBoundingClientRect();
  const inks = svg && new Set([...svg.querySelectorAll('path,use')].map(p => getComputedStyle(p).stroke));
  return !svg || box.width < 100 || box.height < 100 || inks.size < 2;
}"""


def reported(tagger: str, constituents: int) -> Path:
    """The report of a tagger that was trained for a few steps, all steps but compilations behind it."""
    plain = load_tagger_config(tagger).candidates == PLAIN
    run: OpenedRun = tritag.train(
        tagger,
        str(SAMPLE) if plain else WITH_FIELDS,
        constituents=constituents,
        iterations=12,
        settings=SMALL,
        progress=False,
    ).run
    tritag.export(run)
    tritag.verify(run, n_max=100, executors=["pytorch", "onnxruntime"], progress=False)
    tritag.rtl(run, beats=constituents, jets=0)  # one design; the search for the fewest beats takes long
    equivariance_run(run)
    return report_run(run).page


def faults(browser: Browser, page: Path, out: Path, tagger: str) -> list[str]:
    """What is wrong with a page in either view; pictures of both go to ``out``."""
    found: list[str] = []
    said = found.append
    for width, scheme in VIEWS:
        opened = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
        opened.on("console", lambda message, at=width: said(f"{at} px: console: {message.text}"))
        opened.on("pageerror", lambda error, at=width: said(f"{at} px: {error}"))
        opened.goto(page.as_uri())
        figures = opened.locator("figure")
        found += [f"{width} px: figure {i} is empty" for i in range(figures.count()) if figures.nth(i).evaluate(_EMPTY)]
        found += [f"{width} px: no figure"] * (figures.count() == 0)
        wide = opened.evaluate("document.documentElement.scrollWidth")
        found += [f"{width} px: the page is {wide} px wide"] * (wide > width)
        opened.screenshot(path=out / f"{tagger}-{scheme}.png", full_page=True)
        opened.close()
    return found


def main() -> int:
    """Make and open the reports."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("taggers", nargs="*", help="by default all of the registry")
    parser.add_argument("--out", type=Path, default=Path("reports"))
    parser.add_argument("--constituents", type=int, default=4)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    os.environ["TRITAG_RUNS"] = str(arguments.out / "runs")
    wrong = 0
    with chromium() as browser:
        for tagger in arguments.taggers or tagger_names():
            found = faults(browser, reported(tagger, arguments.constituents), arguments.out, tagger)
            wrong += bool(found)
            print_result(f"{tagger:24s} {'; '.join(found) or 'opens without errors, no empty figure'}")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
