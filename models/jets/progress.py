"""Progress on a terminal (standard error); log lines where there is none."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

T = TypeVar("T")
_LOG = logging.getLogger(__name__)


class Speed:
    """Training speed without validations and checkpoints."""

    def __init__(self, batch_size: int) -> None:
        self._batch_size, self._steps, self._busy_s = batch_size, 0, 0.0

    def add(self, took_s: float) -> None:
        """One step is done."""
        self._steps, self._busy_s = self._steps + 1, self._busy_s + took_s

    @property
    def jets_per_s(self) -> float:
        """NaN before the first step."""
        return self._steps * self._batch_size / self._busy_s if self._steps else math.nan


class TrainingProgress:
    """Bar with loss, AUC, jets per second and time left, or one log line per validation.

    Parameters
    ----------
    name : str
        What is being trained.
    start, total : int
        First step of this session, and steps of the whole training.
    enabled : bool
        False gives log lines even on a terminal.
    """

    def __init__(self, name: str, start: int, total: int, *, enabled: bool = True) -> None:
        self._name, self._total = name or "training", total
        console = Console(stderr=True)
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.completed}/{task.total}  {task.fields[figures]}"),
            TimeRemainingColumn(),
            console=console,
            disable=not (enabled and console.is_terminal),
        )
        self._task = self._bar.add_task(self._name, total=total, completed=start, figures="")
        self._loss, self._auc, self._rate = float("nan"), float("nan"), float("nan")

    def __enter__(self) -> TrainingProgress:
        self._bar.start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._bar.stop()

    def step(self, loss: float, jets_per_s: float) -> None:
        """One training step is done."""
        if self._bar.disable:
            return
        self._loss, self._rate = loss, jets_per_s
        self._bar.update(self._task, advance=1, figures=self._figures())

    def validated(self, step: int, loss: float, auc: float, jets_per_s: float) -> None:
        """One validation is done; ``loss`` is the training loss since the one before."""
        self._loss, self._auc, self._rate = loss, auc, jets_per_s
        if self._bar.disable:
            _LOG.info("%s: step %d of %d, %s", self._name, step, self._total, self._figures())
        else:
            self._bar.update(self._task, figures=self._figures())

    def _figures(self) -> str:
        auc = "" if self._auc != self._auc else f"AUC {self._auc:.4f}  "
        return f"loss {self._loss:.4f}  {auc}{self._rate:,.0f} jets/s"


def track(items: Sequence[T], description: str, *, enabled: bool) -> Iterator[T]:
    """Iterate with a bar, when enabled and on a terminal."""
    console = Console(stderr=True)
    with Progress(console=console, disable=not (enabled and console.is_terminal), transient=True) as bar:
        yield from bar.track(items, description=description)
