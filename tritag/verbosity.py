"""How much the command line says on standard error: what ``-q`` and ``-v`` ask for, for this call."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass
class Verbosity:
    """What this call was asked for.

    Attributes
    ----------
    quiet : bool
        No progress and no remarks; errors and results are still printed.
    verbose : bool
        Remarks with the time of day, progress lines six times as often, errors with the place that raised them.
    """

    quiet: bool = False
    verbose: bool = False


WANTED = Verbosity()


@contextmanager
def one_call() -> Iterator[None]:
    """Begin with the defaults, and leave the process as it was: colours that were switched off are on again."""
    colours = os.environ.get("NO_COLOR")
    WANTED.quiet = WANTED.verbose = False
    try:
        yield
    finally:
        WANTED.quiet = WANTED.verbose = False
        if colours is None:
            os.environ.pop("NO_COLOR", None)
        else:
            os.environ["NO_COLOR"] = colours


def without_colours() -> None:
    """Switch colours off for this call and the programs that it starts (https://no-color.org)."""
    os.environ["NO_COLOR"] = "1"
