"""Commands that a document shows: the lines of its ``sh`` blocks that call tritag."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

DOCS = Path(__file__).resolve().parents[2] / "docs"


def blocks_of(page: str | Path, language: str) -> list[str]:
    """Texts of the blocks of one language (a pattern) in ``docs/<page>``, or a page by its whole path, in order."""
    text = (DOCS / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def commands_of(page: str) -> list[list[str]]:
    """Arguments of every call of ``tritag`` in the ``sh`` blocks of ``docs/<page>``, without comments, in order."""
    lines = [line for block in blocks_of(page, "sh") for line in block.splitlines()]
    calls = [shlex.split(line, comments=True) for line in lines]
    return [call[1:] for call in calls if call and call[0] == "tritag"]
