"""The bit check of a run: the same jets through every executor, compared as integers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tritag.export.executors import Executor
from tritag.files import JsonObject, write_json
from tritag.hls_projects import verify
from tritag.hls_projects.csim import CsimExecutor
from tritag.hls_projects.emulator.executor import EmulatorExecutor
from tritag.hls_projects.target import DEFAULT_TARGET
from tritag.hls_projects.verify import Verdict, require_equal
from tritag.pipeline.executors import run_executors
from tritag.pipeline.opened import OpenedRun
from tritag.pipeline.vectors import run_inputs
from tritag.progress import Progress

_DEFAULT_JETS = 10_000


@dataclass(frozen=True)
class VerifyResult:
    """Verdicts of all executors.

    Attributes
    ----------
    run : OpenedRun
        The run.
    verdicts : tuple of Verdict
        PyTorch first, which the others are compared with.
    """

    run: OpenedRun
    verdicts: tuple[Verdict, ...]

    @property
    def equal(self) -> bool:
        """Whether every executor gave the same integers for every jet."""
        return not any(verdict.differ for verdict in self.verdicts)

    def require_equal(self) -> None:
        """Raise when any executor differs.

        Raises
        ------
        CheckFailed
            With the counts, the largest difference and the first layer that differs when it is known.
        """
        require_equal(self.verdicts)

    def as_list(self) -> list[JsonObject]:
        """Content of ``verify.json``: one entry an executor."""
        return [verdict.as_dict() for verdict in self.verdicts]

    def as_dict(self) -> JsonObject:
        """The run's name, whether all integers are equal, and the content of ``verify.json``."""
        return {"run": self.run.name, "equal": self.equal, "verdicts": self.as_list()}


def verify_run(
    opened: OpenedRun,
    jets: Path | None = None,
    n_max: int | None = None,
    layers: bool = False,
    target_name: str = DEFAULT_TARGET,
    progress: bool = True,
) -> VerifyResult:
    """Run the bit check on jets of a file, or on jets of the run's data with the crafted ones.

    The result of the run's own jets goes into ``verify.json``.

    Parameters
    ----------
    jets : Path, optional
        Jet file; by default 10 000 jets of the run's data.
    n_max : int, optional
        Only the first jets.
    layers : bool
        Search the first layer that differs.
    target_name : str
        The target whose project is compiled.
    progress : bool
        Show a bar for each executor.

    Raises
    ------
    RunError
        The run is not exported.
    ToolError
        No g++ on PATH, or the compiler failed.
    """
    executors = run_executors(opened, target_name=target_name)
    limit = n_max or (None if jets else _DEFAULT_JETS)
    inputs = run_inputs(opened, executors[0].graph, limit, file=jets)

    def traced(executor: Executor) -> Executor:
        if isinstance(executor, CsimExecutor):
            return run_executors(opened, ("csim",), target_name, trace=True)[0]
        if isinstance(executor, EmulatorExecutor):
            return run_executors(opened, ("emulator",), trace=True)[0]
        return executor

    verdicts = verify.verify(
        executors,
        *inputs,
        watch=lambda name, total: Progress(name, total, "jets", show=progress),
        traced=traced if layers else None,
    )
    result = VerifyResult(opened, tuple(verdicts))
    if jets is None:
        write_json(opened.run.path("verify.json"), result.as_list())
        opened.run.record_provenance("verify")
    return result
