"""Parts of pages that are written from the code when the site is built.

A line ``<!-- from the code: NAME -->`` of a page is replaced by what the function of that name in :data:`PARTS`
returns, as Markdown. On a page that is read in the repository the line is invisible, and the text before it says where
the same can be seen.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import reference
from sphinx.application import Sphinx

ROOT = Path(__file__).resolve().parents[2]
_MARK = re.compile(r"^<!-- from the code: ([\w-]+) -->$", re.MULTILINE)


def of_the_root(name: str) -> str:
    """A page of the repository's root, its links as they are seen from ``docs/``."""
    text = (ROOT / name).read_text(encoding="utf-8")
    text = text.partition("\n")[2]  # the heading stands on the page itself
    return re.sub(r"\]\((?!https?://|#)(docs/)?", lambda m: "](" if m[1] else "](../", text)


PARTS: dict[str, Callable[[], str]] = {
    "contributing": lambda: of_the_root("CONTRIBUTING.md"),
    "changelog": lambda: of_the_root("CHANGELOG.md"),
    "commands": reference.commands,
    "layers": reference.layers,
    "steps": reference.steps,
}


def fill(app: Sphinx, name: str, source: list[str]) -> None:
    """Replace the marks of a page, and links to pages of the root by those to their copies on the site."""
    text = _MARK.sub(lambda mark: PARTS[mark[1]](), source[0])
    text = re.sub(r"\]\((?:\.\./)+CONTRIBUTING\.md", "](/contributing.md", text)
    source[0] = re.sub(r"\]\((?:\.\./)+CHANGELOG\.md", "](/changelog.md", text)


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect to Sphinx."""
    app.connect("source-read", fill)
    return {"parallel_read_safe": True}
