"""The bit check of a run: the same jets through every executor, compared as integers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tritag.errors import ConfigError
from tritag.export.executors import Executor
from tritag.export.importing.original import Compared, compare_with_original
from tritag.files import JsonObject, write_json
from tritag.hls_projects import verify
from tritag.hls_projects.csim import CsimExecutor
from tritag.hls_projects.emulator.executor import EmulatorExecutor
from tritag.hls_projects.target import DEFAULT_TARGET
from tritag.hls_projects.verify import Verdict, require_equal
from tritag.pipeline.executors import DEFAULT_EXECUTORS, run_executors
from tritag.pipeline.fingerprint import record_step
from tritag.pipeline.import_file import imported_again
from tritag.pipeline.opened import OpenedRun, one_writer
from tritag.pipeline.strength import Strength, strength_of
from tritag.pipeline.vectors import run_inputs
from tritag.progress import Progress

DEFAULT_JETS = 10_000
# The native emulator, which is made for many jets, is compared on so many times as many.
_MANY = 10


@dataclass(frozen=True)
class VerifyResult:
    """Verdicts of all executors.

    Attributes
    ----------
    run : OpenedRun
        The run.
    verdicts : tuple of Verdict
        The reference first, which the others are compared with: PyTorch, or ONNX Runtime of an imported program.
    strength : Strength
        How various the compared jets and their answers are.
    originals : tuple of Compared
        How an imported program compares with the file that it was made of, in float32; a difference there is stated,
        and no failure.
    """

    run: OpenedRun
    verdicts: tuple[Verdict, ...]
    strength: Strength
    originals: tuple[Compared, ...] = ()

    @property
    def equal(self) -> bool:
        """Whether every executor gave the same integers for every jet."""
        return not any(verdict.differ for verdict in self.verdicts)

    def require_equal(self) -> None:
        """Raise when any executor differs, or when nothing was compared that could have differed.

        Raises
        ------
        DataError
            No jets with candidates were compared (exit status 2).
        CheckFailed
            All jets have one answer; or an executor differs: with the counts, the largest difference and the first
            layer that differs when it is known.
        """
        require_equal(self.verdicts)
        self.strength.require_enough()

    def as_list(self) -> list[JsonObject]:
        """Content of ``verify.json``: one entry an executor, each with the strength of the comparison."""
        return [{**verdict.as_dict(), "strength": self.strength.as_dict()} for verdict in self.verdicts]

    def as_dict(self) -> JsonObject:
        """The run's name, whether all integers are equal, how strong that is, and the content of ``verify.json``."""
        strength = self.strength.as_dict()
        return {"run": self.run.name, "equal": self.equal, "strength": strength, "verdicts": self.as_list()}


@one_writer
def verify_run(
    opened: OpenedRun,
    jets: Path | None = None,
    n_max: int | None = None,
    layers: bool = False,
    target_name: str = DEFAULT_TARGET,
    progress: bool = True,
    names: Sequence[str] | None = None,
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
    names : sequence of str, optional
        Executors to compare, the reference first; by default all but the simulated Verilog
        and the emulator for CMS' software.

    Raises
    ------
    ConfigError
        Fewer than two executors, or an unknown one.
    RunError
        The run is not exported.
    ToolError
        No g++ on PATH, or the compiler failed.
    """
    if names is None:
        names = DEFAULT_EXECUTORS[1:] if opened.imported else DEFAULT_EXECUTORS
    require_two(names)
    executors = run_executors(opened, names, target_name=target_name)
    limit = n_max or (None if jets else DEFAULT_JETS)
    inputs = run_inputs(opened, executors[0].graph, limit, file=jets)

    def traced(executor: Executor) -> Executor:
        if isinstance(executor, CsimExecutor):
            return run_executors(opened, ("csim",), target_name, trace=True)[0]
        if isinstance(executor, EmulatorExecutor):
            return run_executors(opened, ("emulator",), trace=True)[0]
        return executor

    answers: list[NDArray[np.int64]] = []
    verdicts = verify.verify(
        executors,
        *inputs,
        watch=bars(progress),
        traced=traced if layers else None,
        seen=answers.append,
    )
    if jets is None and n_max is None:
        verdicts = _with_many(opened, executors, verdicts, len(inputs[0]), progress)
    strength = strength_of(executors[0].graph, inputs, answers[0])
    originals = _originals(opened, executors[0], inputs) if opened.imported else ()
    result = VerifyResult(opened, tuple(verdicts), strength, originals)
    if jets is None:
        # no earlier verdict may stand beside the sources of this one
        opened.run.path("verify.json").unlink(missing_ok=True)
        record_step(opened.run, "verify")
        opened.run.record_provenance("verify")
        if opened.imported:
            write_json(opened.run.path("original.json"), [asdict(found) for found in originals])
        write_json(opened.run.path("verify.json"), result.as_list())  # last: it says that the step was done
    return result


def bars(show: bool) -> Callable[[str, int], Progress]:
    """What makes the bar of an executor, of its name and the number of jets."""
    return lambda name, total: Progress(name, total, "jets", show=show)


def require_two(names: Sequence[str]) -> None:
    """Refuse to compare nothing.

    Raises
    ------
    ConfigError
        Fewer than two executors, or one twice.
    """
    if len(set(names)) < 2 or len(set(names)) != len(names):
        raise ConfigError(f"a comparison needs two different executors or more, got {', '.join(names) or 'none'}")


def _with_many(
    opened: OpenedRun, executors: Sequence[Executor], verdicts: Sequence[Verdict], done: int, progress: bool
) -> list[Verdict]:
    """The verdicts with the native emulator's on ten times as many jets, where the run's data has more."""
    place = next((i for i, e in enumerate(executors) if isinstance(e, EmulatorExecutor)), 0)
    if place == 0 or verdicts[place].differ:
        return list(verdicts)
    inputs = run_inputs(opened, executors[0].graph, _MANY * DEFAULT_JETS)
    if len(inputs[0]) <= done:
        return list(verdicts)
    pair = [executors[0], executors[place]]
    many = verify.verify(pair, *inputs, watch=bars(progress))
    return [*verdicts[:place], many[1], *verdicts[place + 1 :]]


def _originals(
    opened: OpenedRun, reference: Executor, inputs: tuple[NDArray[np.int32] | NDArray[np.int64], ...]
) -> tuple[Compared, ...]:
    """The original file on the same inputs, in qonnx and in ONNX Runtime."""
    original, imported = imported_again(opened)
    graph = reference.graph
    named = dict(zip(graph.inputs, inputs, strict=True))
    return tuple(compare_with_original(original, imported, named, reference.run(*inputs), graph.output_lsb))
