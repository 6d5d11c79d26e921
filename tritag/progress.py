"""How far a long piece of work is: a bar on a terminal, lines where there is none, both on standard error."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import TypeVar

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress

from tritag.verbosity import WANTED

T = TypeVar("T")
LINE_PERIOD_S = 30.0
# How much more often lines come when the call asks for more.
_MORE = 6


class Progress:
    """Shows how much of some work is done, at which rate, and how long the rest may take.

    Use it as a context manager and call :meth:`advance` or :meth:`update`. On a terminal it is a bar, which vanishes
    at the end; elsewhere it is a line every half minute, so that a log of a short piece of work stays empty.

    Parameters
    ----------
    title : str
        What is being done, or to what.
    total : int
        Number of units in all.
    unit : str
        What is counted, in the plural: ``jets``.
    done : int
        Units that were done before this session.
    show : bool
        False shows nothing at all.
    line_period_s : float
        Least time in seconds between two lines where there is no terminal; 0 gives a line for every call.
    closing : bool
        End with a line that says how many units took how long.
    """

    def __init__(
        self,
        title: str,
        total: int,
        unit: str = "",
        *,
        done: int = 0,
        show: bool = True,
        line_period_s: float = LINE_PERIOD_S,
        closing: bool = False,
    ) -> None:
        show = show and not WANTED.quiet
        self._console = Console(stderr=True, highlight=False, soft_wrap=True)
        self._title, self._total, self._unit = title, total, f" {unit}" if unit else ""
        self._done, self._before, self._share = done, done, done / total if total else 1.0
        self._note, self._closing, self._line_period_s = (
            "",
            closing and show,
            line_period_s / (_MORE if WANTED.verbose else 1),
        )
        self._started = self._last_line = time.monotonic()
        self._lines = show and not self._console.is_terminal
        self._bar = RichProgress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[figures]}"),
            TimeRemainingColumn(),
            console=self._console,
            speed_estimate_period=180,
            transient=True,
            disable=not (show and self._console.is_terminal),
        )
        self._task = self._bar.add_task(escape(title), total=1.0, figures=self._figures())
        self._bar.update(self._task, completed=self._share)

    @property
    def on_terminal(self) -> bool:
        """Whether a bar is shown."""
        return not self._bar.disable

    def __enter__(self) -> Progress:
        self._bar.start()
        if self._before and self._closing:
            self._print(f"{self._title}: {self._before:,} of {self._total:,}{self._unit} are there already")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()
        if kind is None and self._closing:
            took_s = time.monotonic() - self._started
            self._print(f"{self._title}: {self._done - self._before:,}{self._unit} in {took_s:.0f} s")

    def advance(self, number: int = 1, note: str | None = None) -> None:
        """Count ``number`` more units (0 just refreshes); ``note`` replaces what is shown behind the figures."""
        self.update(self._done + number, note=note)

    def update(self, done: int, share: float | None = None, note: str | None = None) -> None:
        """Set how many units are done.

        Parameters
        ----------
        done : int
            Units done in all.
        share : float, optional
            Share of the work in [0, 1], where units are not of equal length; by default ``done`` over the total.
        note : str, optional
            Replaces what is shown behind the figures.
        """
        self._done, self._note = done, self._note if note is None else note
        self._share = share if share is not None else done / self._total if self._total else 1.0
        if self.on_terminal:
            self._bar.update(self._task, completed=self._share, figures=self._figures())
        now = time.monotonic()
        if self._lines and now - self._last_line >= self._line_period_s:
            self._last_line = now
            self._print(f"{self._title}: {self._figures(' of ')}, {self._time_left(now)}")

    def _figures(self, of: str = "/") -> str:
        took_s = time.monotonic() - self._started
        more = self._done - self._before
        rate = f", {_rate(more / took_s, self._unit)}" if more and took_s > 1 else ""
        note = f", {self._note}" if self._note else ""
        return f"{self._done:,}{of}{self._total:,}{self._unit}{rate}{note}"

    def _time_left(self, now: float) -> str:
        worked = self._share - (self._before / self._total if self._total else 0.0)
        if worked <= 0:
            return "time left unknown"
        return f"about {(now - self._started) * (1 - self._share) / worked / 60:.1f} min left"

    def _print(self, line: str) -> None:
        self._console.print(escape(line))


def _rate(per_s: float, unit: str) -> str:
    """The rate of slow work by the hour: trainings are never 0.0 a second."""
    return f"{per_s:,.1f}{unit}/s" if per_s >= 0.1 else f"{per_s * 3600:,.1f}{unit}/h"


def track(items: Sequence[T], title: str, unit: str = "", *, show: bool = True) -> Iterator[T]:
    """Iterate over ``items`` and show how many of them are done."""
    with Progress(title, len(items), unit, show=show) as shown:
        for item in items:
            yield item
            shown.advance()
