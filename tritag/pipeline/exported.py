"""Opening a run that is exported; an entry of the zoo is exported when it is opened."""

from __future__ import annotations

from collections.abc import Sequence

from tritag.pipeline.opened import OpenedRun, RunLike, open_run
from tritag.zoo import is_zoo


def open_exported(where: RunLike, needs: Sequence[str], *, jets: bool = True) -> OpenedRun:
    """Open a run that is exported (:func:`~tritag.pipeline.opened.open_run`); an entry of the zoo is exported first.

    Raises
    ------
    RunError
        As :func:`~tritag.pipeline.opened.open_run`.
    CheckFailed
        An entry of the zoo does not give its golden integers.
    """
    if is_zoo(where):
        opened = open_run(where)
        if not opened.run.path("model.qonnx.onnx").is_file():
            from tritag.pipeline.export import ensure_exported  # imports PyTorch, which takes seconds

            ensure_exported(opened)
    return open_run(where, needs, jets=jets)
