"""Reports of taggers of the registry after the shortest training, and what is wrong with one in the browser."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Browser

import tritag
from tests.helpers.jets import SAMPLE
from tritag.data.jets.candidate_grid import PLAIN
from tritag.models.nets.registry import load_tagger_config
from tritag.pipeline.equivariance import equivariance_run
from tritag.pipeline.opened import OpenedRun
from tritag.pipeline.report import ReportResult, report_run

# Jets of taggers that read more of a candidate than its momentum, made when they are not in the cache.
WITH_FIELDS = "puppi-tiny"
VIEWS = ((1250, "light"), (390, "dark"))
# Of a figure: what keeps it from being seen.
_FIGURE = """figure => {
  const svg = figure.querySelector('svg');
  if (!svg) return 'has no drawing';
  const box = svg.getBoundingClientRect();
  if (!svg.checkVisibility() || box.width < 100 || box.height < 100) return 'is hidden';
  const inks = new Set([...svg.querySelectorAll('path,use')].map(p => getComputedStyle(p).stroke));
  if (inks.size < 2) return 'is empty';
  const out = [...svg.querySelectorAll('text')].filter(t => {
    const b = t.getBoundingClientRect();
    const beyond = Math.max(box.left - b.left, b.right - box.right, box.top - b.top, b.bottom - box.bottom);
    return b.width > 0 && beyond > 1;
  });
  return out.length ? `cuts off ${out[0].textContent}` : '';
}"""


def reported(tagger: str, constituents: int, iterations: int = 4, batch_size: int = 32) -> ReportResult:
    """The report of a tagger that was trained for a few steps, all steps but compilations behind it."""
    plain = load_tagger_config(tagger).candidates == PLAIN
    run: OpenedRun = tritag.train(
        tagger,
        str(SAMPLE) if plain else WITH_FIELDS,
        constituents=constituents,
        iterations=iterations,
        settings=[f"training.batch_size={batch_size}", f"training.validate_every={max(1, iterations // 3)}"],
        fresh=True,  # also in a folder that holds an older run
        progress=False,
    ).run
    tritag.export(run)
    tritag.verify(run, n_max=100, executors=["pytorch", "onnxruntime"], progress=False)
    tritag.rtl(run, beats=constituents, jets=0)  # one design; the search for the fewest beats takes long
    if plain:  # nobody has boosted the other fields
        equivariance_run(run)
    return report_run(run)


def faults(browser: Browser, page: Path, pictures: Path | None = None) -> list[str]:
    """What is wrong with a page, light and wide or dark and as narrow as a phone; screenshots go to ``pictures``."""
    found: list[str] = []
    for width, scheme in VIEWS:
        said: list[str] = []
        opened = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
        opened.on("console", lambda message, said=said: said.append(f"console: {message.text}"))
        opened.on("pageerror", lambda error, said=said: said.append(str(error)))
        opened.goto(page.as_uri())
        figures = opened.locator("figure")
        seen = [(i, figures.nth(i).evaluate(_FIGURE)) for i in range(figures.count())]
        said += [f"figure {i} {what}" for i, what in seen if what] or ["no figure"] * (not seen)
        wide = opened.evaluate("document.documentElement.scrollWidth")
        said += [f"the page is {wide} px wide"] * (wide > width)
        if pictures is not None:
            opened.screenshot(path=pictures / f"{page.parent.name}-{scheme}.png", full_page=True)
        opened.close()
        found += [f"{width} px: {line}" for line in said]
    return found
