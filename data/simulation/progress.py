"""Progress of a production: a bar with rate and time left on a terminal, a line every half minute in a log."""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

_LINE_PERIOD_S = 30.0


class _RateColumn(ProgressColumn):
    """Jets per second, averaged over the last minutes."""

    def render(self, task: Task) -> Text:
        rate = f"{task.speed:6.1f} jets/s" if task.speed else "   -   jets/s"
        return Text(rate, style="progress.data.speed")


class JetProgress:
    """Shows how many of ``total`` jets are done; ``done`` of them were there before.

    Use it as a context manager and call `advance`.
    """

    def __init__(self, title: str, total: int, done: int = 0) -> None:
        self._console = Console(stderr=True)
        self._title, self._total, self._done, self._before = title, total, done, done
        self._started = self._last_line = time.monotonic()
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            _RateColumn(),
            TimeRemainingColumn(),
            TextColumn("left"),
            console=self._console,
            speed_estimate_period=180,
            disable=not self._console.is_terminal,
        )
        self._task = self._bar.add_task(title, total=total, completed=done)

    def __enter__(self) -> JetProgress:
        self._bar.start()
        if self._before:
            self._console.print(f"{self._title}: {self._before} of {self._total} jets are there already")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()
        if kind is None:
            elapsed_s = time.monotonic() - self._started
            self._console.print(f"{self._title}: {self._done - self._before} jets in {elapsed_s:.0f} s")

    def advance(self, n_jets: int) -> None:
        """Count ``n_jets`` more (0 just refreshes)."""
        self._done += n_jets
        self._bar.advance(self._task, n_jets)
        now = time.monotonic()
        if not self._console.is_terminal and now - self._last_line >= _LINE_PERIOD_S:
            self._last_line = now
            rate = (self._done - self._before) / (now - self._started)
            left = f"{(self._total - self._done) / rate / 60:.1f} min left" if rate else "time left unknown"
            self._console.print(f"{self._title}: {self._done}/{self._total} jets, {rate:.1f} jets/s, {left}")
