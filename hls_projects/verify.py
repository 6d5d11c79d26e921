"""The bit check: the same jets through every executor, compared as integers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import numpy as np

from tritag.errors import CheckFailed
from tritag.export.executors import Executor
from tritag.progress import Progress

_SHOWN = 5
# Jets in which the first layer that differs is searched.
_LAYER_JETS = 64
Watch: TypeAlias = Callable[[str, int], AbstractContextManager[Progress]]


@dataclass(frozen=True)
class Verdict:
    """How one executor compares with the reference.

    Attributes
    ----------
    executor : str
        Who computed.
    jets, differ : int
        Jets compared, and those of which any output integer is another.
    largest_lsb : int
        Largest difference in LSBs.
    first : list
        Index, reference and own integer of the first jets that differ; of several outputs the first that differs, and
        its number.
    first_layer : str, optional
        First layer in order of execution with another integer, when layers were compared.
    """

    executor: str
    jets: int
    differ: int
    largest_lsb: int
    first: list[dict[str, int]] = field(default_factory=list)
    first_layer: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Plain dictionary for JSON."""
        return dict(self.__dict__)


def compare(name: str, reference: np.ndarray, given: np.ndarray, first_layer: str | None = None) -> Verdict:
    """Compare output integers, (n,) or (n, outputs), with the reference's.

    Raises
    ------
    CheckFailed
        The executors answered for different numbers of jets.
    """
    if reference.shape != given.shape:
        raise CheckFailed(f"{name} must answer for {reference.shape} jets, got {given.shape}")
    distance = np.abs(given - reference)
    wrong = different_jets(reference, given)
    first = [_difference(int(jet), reference[jet], given[jet]) for jet in wrong[:_SHOWN]]
    return Verdict(name, len(given), len(wrong), int(distance.max(initial=0)), first, first_layer)


def different_jets(reference: np.ndarray, given: np.ndarray) -> np.ndarray:
    """Indices of the jets of which any output integer, of (n,) or (n, outputs), is another."""
    differ = given != reference
    return np.flatnonzero(differ.any(axis=1) if differ.ndim > 1 else differ)


def _difference(jet: int, reference: np.ndarray, given: np.ndarray) -> dict[str, int]:
    if reference.ndim == 0:
        return {"jet": jet, "reference": int(reference), "given": int(given)}
    output = int(np.flatnonzero(given != reference)[0])
    return {"jet": jet, "output": output, "reference": int(reference[output]), "given": int(given[output])}


def verify(
    executors: Sequence[Executor],
    *inputs: np.ndarray,
    watch: Watch | None = None,
    traced: Callable[[Executor], Executor] | None = None,
    seen: Callable[[np.ndarray], None] | None = None,
) -> list[Verdict]:
    """Run all executors on the same jets; the first is the reference that the others are compared with.

    Parameters
    ----------
    inputs : arrays of integers
        The jets, as the executors take them: codes (n, K, 3) and counts (n,) of a tagger, features of an imported
        program.
    watch : callable, optional
        Given an executor's name and the number of jets, what shows the progress of its run.
    traced : callable, optional
        Searches the first layer that differs: given an executor that differs, the same one with its layers exposed.
    seen : callable, optional
        Gets the reference's output integers, (n,) or (n, outputs).
    """
    answers = []
    for executor in executors:
        with watch(executor.name, len(inputs[0])) if watch is not None else nullcontext() as shown:
            answers.append(executor.run(*inputs, progress=shown.advance if shown is not None else None))
    expected, verdicts = answers[0], []
    if seen is not None:
        seen(expected)
    for executor, given in zip(executors, answers, strict=True):
        verdict = compare(executor.name, expected, given)
        if traced is not None and verdict.differ:
            some = different_jets(expected, given)[:_LAYER_JETS]
            layer = first_different_layer(executors[0], traced(executor), *(x[some] for x in inputs))
            verdict = replace(verdict, first_layer=layer)
        verdicts.append(verdict)
    return verdicts


def first_different_layer(reference: Executor, other: Executor, *inputs: np.ndarray) -> str | None:
    """Name of the first layer, in order of execution, in which two executors disagree; None when they agree.

    Only layers that both executors expose are compared.
    """
    expected, given = reference.layers(*inputs), other.layers(*inputs)
    for layer in reference.graph.layers:
        exposed = layer.name in expected and layer.name in given
        if exposed and not np.array_equal(expected[layer.name], given[layer.name]):
            return layer.name
    return None


def require_equal(verdicts: Sequence[Verdict]) -> None:
    """Raise when any executor differs.

    Raises
    ------
    CheckFailed
        With the counts, the largest difference and the first layer that differs when it is known.
    """
    wrong = [v for v in verdicts if v.differ]
    if wrong:
        parts = [
            f"{v.executor}: {v.differ} of {v.jets} jets differ, by up to {v.largest_lsb} LSB"
            + (f", first in {v.first_layer}" if v.first_layer else "")
            for v in wrong
        ]
        raise CheckFailed(f"all executors must give the same integers as {verdicts[0].executor}; {'; '.join(parts)}")
