"""Console blocks of pages: the commands of a page are run as they stand, and what it shows is compared."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field
from pathlib import Path

from tests.helpers.pages import blocks_of

# Digests, figures, and the borders of tables, which are as wide as these: a page shows those of one machine.
_VARIES = re.compile(r"\b[0-9a-f]{8}\b|\d[\d.,:-]*|[\u2500-\u257f]+")


@dataclass
class Shown:
    """A command of a page with the lines that it prints there; ``...`` at the end of a line, or alone, leaves out."""

    command: str
    lines: list[str] = field(default_factory=list)

    @property
    def arguments(self) -> list[str]:
        """Words behind ``tritag``."""
        return shlex.split(self.command)[1:]

    def missing(self, printed: str) -> list[str]:
        """Lines of the page that were not printed, in any order, whatever their figures."""
        found = [masked(line) for line in printed.splitlines()]
        return [
            line for line in self.lines if not any(one.startswith(masked(line).removesuffix("...")) for one in found)
        ]


def masked(line: str) -> str:
    """A line without what differs between machines: figures, digests, what the cache had."""
    return " ".join(_VARIES.sub("#", line.replace("from the cache, ", "")).split())


def consoles(page: Path) -> list[Shown]:
    """Commands of the console blocks of a page, in order."""
    found: list[Shown] = []
    for block in blocks_of(page, "console"):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append(Shown(line[2:]))
            elif line.strip() != "...":
                found[-1].lines.append(line)
    return found
