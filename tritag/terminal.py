"""What the command line prints: results on stdout, everything else on stderr."""

from __future__ import annotations

import codecs
import io
import json
import time
from typing import Any

from rich.console import Console, RenderableType
from rich.markup import escape

from tritag.errors import printable
from tritag.verbosity import WANTED

# What stands for signs that a terminal without UTF-8, or the log of an old batch system, cannot hold.
_PLAIN = {"±": "+-", "ε": "eps", "→": "->", "…": "...", "µ": "u", "ᵀ": "T"}


def _plain(error: UnicodeError) -> tuple[str, int]:
    """Error handler of codecs: other signs become escapes, lines of tables dashes."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    signs = error.object[error.start : error.end]
    return "".join(_PLAIN.get(c) or ("-" if "─" <= c <= "╿" else ascii(c)[1:-1]) for c in signs), error.end


codecs.register_error("tritag.plain", _plain)


def degrade(*streams: object) -> None:
    """Let streams write every text: a sign that their encoding does not have is written as the nearest plain one."""
    for stream in streams:
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="tritag.plain")


def _line(stderr: bool, text: str) -> None:
    # made anew each time, so that it writes to the stream that is current (redirected, captured)
    Console(stderr=stderr, highlight=False, soft_wrap=True).print(printable(text))


def print_error(message: str) -> None:
    """Print ``error: <message>`` on stderr."""
    _line(True, f"[bold red]error:[/] {escape(message)}")


def print_warning(message: str) -> None:
    """Print ``warning: <message>`` on stderr, also when the call is to be quiet."""
    _line(True, f"[bold yellow]warning:[/] {escape(message)}")


def print_progress(message: str) -> None:
    """Print one line about a step that began or ended, on stderr; nothing when the call is to be quiet."""
    if not WANTED.quiet:
        _line(True, escape(f"{time.strftime('%H:%M:%S ')}{message}" if WANTED.verbose else message))


def print_result(message: str) -> None:
    """Print one line of a result on stdout."""
    _line(False, escape(message))


def in_bytes(number: int) -> str:
    """A size for people, in powers of 1000.

    >>> in_bytes(999), in_bytes(12_345_678)
    ('999 B', '12.3 MB')
    """
    size, unit = float(number), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if size < 1000:
            break
        size, unit = size / 1000, larger
    return f"{size:.0f} B" if unit == "B" else f"{size:.1f} {unit}"


def print_json(value: Any) -> None:
    """Print ``value`` as JSON on stdout, for machines: no colours, no wrapping."""
    Console(highlight=False, soft_wrap=True, no_color=True, markup=False, emoji=False).out(
        json.dumps(value, indent=2, sort_keys=True)
    )


def print_table(table: RenderableType) -> None:
    """Print a table of a result on stdout; brackets in its texts are text."""
    Console(markup=False, emoji=False).print(table)
