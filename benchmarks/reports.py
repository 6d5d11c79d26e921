"""The report of every tagger of the registry in Chromium: ``python -m benchmarks.reports [TAGGER...] [--out FOLDER]``.

Each tagger is trained for a few steps on the sample jets with few candidates, exported, checked and scheduled as
Verilog; its report is then opened twice, light and wide, dark and as narrow as a phone. The table names what the
console said, figures that are empty, hidden or cut, numbers that are not those of report.json, and a page that is wider
than its window; the status is 1 when there is any. Pictures of the pages are kept in the folder, for people to look at.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from tests.helpers.browser import chromium
from tests.helpers.report_numbers import wrong_numbers
from tests.helpers.tagger_reports import faults, reported
from tritag.models.nets.registry import tagger_names
from tritag.terminal import print_result


def main() -> int:
    """Make and open the reports."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("taggers", nargs="*", help="by default all of the registry")
    parser.add_argument("--out", type=Path, default=Path("reports"))
    parser.add_argument("--constituents", type=int, default=4)
    parser.add_argument("--iterations", type=int, default=12)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    os.environ["TRITAG_RUNS"] = str(arguments.out / "runs")
    wrong = 0
    with chromium() as browser:
        for tagger in arguments.taggers or tagger_names():
            result = reported(tagger, arguments.constituents, arguments.iterations)
            found = wrong_numbers(result.page.read_text(encoding="utf-8"), result.summary)
            found += faults(browser, result.page, arguments.out)
            wrong += bool(found)
            print_result(f"{tagger:24s} {'; '.join(found) or 'opens without errors, no empty figure'}")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
