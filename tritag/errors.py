"""Errors a user can act on.

Each message says what must hold, what was given, and what to do. The command line prints them without a
traceback and exits with 2; a failed check (for example a bit mismatch) exits with 1.
"""

from __future__ import annotations

import difflib
import reprlib
from collections.abc import Iterable


class TritagError(Exception):
    """Base of every error that the user's call or input caused (exit status 2)."""


class ConfigError(TritagError):
    """A configuration key or value is wrong."""


class DataError(TritagError):
    """A jet file or array is missing, truncated, or holds values that cannot be jets."""


class RunError(TritagError):
    """A run directory lacks an earlier step's output, or another version wrote it."""


class ToolError(TritagError):
    """A program or optional package that this step needs is missing or failed."""


class ExportError(TritagError):
    """The model holds something that has no exact form in firmware."""


class WidthError(ExportError):
    """An integer has more bits than the firmware's tensors or programs hold."""


class CheckFailed(TritagError):
    """A check ran and did not hold (exit status 1)."""


def unknown_name(what: str, given: str, valid: Iterable[str]) -> str:
    """Message for a name that does not exist: the nearest one and all valid ones.

    >>> unknown_name("tagger", "transfomer-2k", ["transformer-2k"])
    "unknown tagger 'transfomer-2k'; did you mean 'transformer-2k'? Valid: transformer-2k"
    """
    names = sorted(valid)
    near = difflib.get_close_matches(given[:_SHORT], names, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return f"unknown {what} {short(given)}; {hint}Valid: {', '.join(names)}"


def short(value: object) -> str:
    """``repr`` of a value for a message: of a long text or list only the beginning, control characters escaped.

    >>> short("a" * 200)[:12], len(short("a" * 200)), short([1, 2])
    ("'aaaaaaaaaaa", 120, '[1, 2]')
    """
    return one_line(_SHORTENED.repr(value))


def one_line(text: str) -> str:
    r"""A foreign text for a message: one line of at most 160 characters, control characters escaped.

    >>> one_line("first\n  second \\x1b[31m")
    'first second \\x1b[31m'
    """
    text = " ".join(text[: 4 * _LONGEST].split())
    text = printable(text)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def printable(text: str) -> str:
    r"""``text`` with escapes in place of control characters, which would command the terminal; lines and tabs stay.

    >>> printable("\\x1b[31mred")
    '\\x1b[31mred'
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in "\n\t" else c.encode("unicode_escape").decode() for c in text)


_SHORT, _LONGEST = 120, 160
_SHORTENED = reprlib.Repr()
_SHORTENED.maxstring = _SHORTENED.maxother = _SHORT
_SHORTENED.maxlong = 40
_SHORTENED.maxlist = _SHORTENED.maxtuple = _SHORTENED.maxdict = _SHORTENED.maxset = 8
_SHORTENED.maxlevel = 3
