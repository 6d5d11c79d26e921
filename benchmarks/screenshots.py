"""Pictures of a run's report for the documents: ``python -m benchmarks.screenshots RUN [--out docs/figures]``.

Writes the top of the page as ``report.png``, light, as wide as a window on a desk, and as ``report-phone.png``, dark,
as wide as a phone. Pictures are brought to a palette, so that each stays below 150 kB, or the status is 1.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from PIL import Image

from tests.helpers.browser import chromium
from tritag.run import Run
from tritag.terminal import print_result

# Name, size of the window in pixels, scheme.
PICTURES = (("report", (1200, 940), "light"), ("report-phone", (390, 780), "dark"))
LARGEST_BYTES = 150_000


def main() -> int:
    """Take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run")
    parser.add_argument("--out", type=Path, default=Path("docs/figures"))
    arguments = parser.parse_args()
    page = Run.open(arguments.run, needs=("report.html",)).directory / "report.html"
    large = 0
    with chromium() as browser:
        for name, (width, height), scheme in PICTURES:
            opened = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
            opened.goto(page.resolve().as_uri())
            path = arguments.out / f"{name}.png"
            opened.screenshot(path=path)
            Image.open(path).convert("RGB").quantize(64).save(path, optimize=True)
            size = path.stat().st_size
            large += size > LARGEST_BYTES
            print_result(f"{path}: {size:,} bytes")
            opened.close()
    return int(large > 0)


if __name__ == "__main__":
    sys.exit(main())
