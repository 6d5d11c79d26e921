"""Numbers of a report's page, and whether they are those of the JSON that it comes from."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

from tritag.report.plots.plot import value_at


class Page(HTMLParser):
    """What a test asks of a page: its numbers with their sources, its ids, its figures."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.numbers: list[tuple[str, str, str]] = []
        self.ids: list[str] = []
        self.references: list[str] = []
        self._open: dict[str, str] | None = None
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        """Keep ids, references and the places of numbers."""
        found = dict(attrs)
        if "id" in found:
            self.ids.append(found["id"])
        self.references += [v[1:] for k, v in found.items() if k.endswith("href") and v.startswith("#")]
        self.references += re.findall(r"url\(#([^)]*)\)", " ".join(v for v in found.values() if v))
        self.references += found.get("aria-labelledby", "").split()
        if tag == "data":
            self._open = found

    def handle_data(self, data: str) -> None:
        """Keep the text of a number."""
        if self._open is not None:
            self.numbers.append((self._open["data-source"], self._open["value"], data))
            self._open = None


def wrong_numbers(text: str, report: dict[str, Any]) -> list[str]:
    """Numbers of a page that are not those of the report, as value or as they are shown."""
    numbers, found = Page(text).numbers, []
    for source, value, shown in numbers:
        expected = value_at(report, source)
        rounded = float(shown.replace(",", ""))
        if repr(expected) != value or rounded != round(float(expected), len(shown.partition(".")[2])):
            found.append(f"{source}: {shown} ({value}) is shown for {expected!r}")
    return found if len(numbers) > 20 else [*found, f"there are only {len(numbers)} numbers"]
