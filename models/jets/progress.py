"""Progress of a training on a terminal (standard error); log lines where there is none."""

from __future__ import annotations

import logging
import math
from types import TracebackType

from tritag.progress import Progress

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
        self._bar = Progress(self._name, total, "steps", done=start, show=enabled, line_period_s=math.inf)
        self._loss, self._auc, self._rate = float("nan"), float("nan"), float("nan")

    def __enter__(self) -> TrainingProgress:
        self._bar.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.__exit__(kind, error, trace)

    def step(self, loss: float, jets_per_s: float) -> None:
        """One training step is done."""
        if self._bar.on_terminal:
            self._loss, self._rate = loss, jets_per_s
            self._bar.advance(note=self._figures())

    def validated(self, step: int, loss: float, auc: float, jets_per_s: float) -> None:
        """One validation is done; ``loss`` is the training loss since the one before."""
        self._loss, self._auc, self._rate = loss, auc, jets_per_s
        if self._bar.on_terminal:
            self._bar.update(step, note=self._figures())
        else:
            _LOG.info("%s: step %d of %d, %s", self._name, step, self._total, self._figures())

    def _figures(self) -> str:
        auc = "" if self._auc != self._auc else f"AUC {self._auc:.4f}  "
        return f"loss {self._loss:.4f}  {auc}{self._rate:,.0f} jets/s"
