"""Errors a user can act on.

Each message says what must hold, what was given, and what to do. The command line prints them without a
traceback and exits with 2; a failed check (for example a bit mismatch) exits with 1.
"""

from __future__ import annotations

import difflib
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


class CheckFailed(TritagError):
    """A check ran and did not hold (exit status 1)."""


def unknown_name(what: str, given: str, valid: Iterable[str]) -> str:
    """Message for a name that does not exist: the nearest one and all valid ones.

    >>> unknown_name("tagger", "transfomer-2k", ["transformer-2k"])
    "unknown tagger 'transfomer-2k'; did you mean 'transformer-2k'? Valid: transformer-2k"
    """
    names = sorted(valid)
    near = difflib.get_close_matches(given, names, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return f"unknown {what} {given!r}; {hint}Valid: {', '.join(names)}"
