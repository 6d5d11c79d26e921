"""How much a comparison of integers shows: how many jets it had, how various they were, and how various the answers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields

import numpy as np
from numpy.typing import NDArray

from tritag.data.jets.crafted import crafted_codes
from tritag.errors import CheckFailed, DataError
from tritag.export.feature_vectors import extreme_features
from tritag.export.firmware_layers import FirmwareGraph
from tritag.files import JsonObject

# Fewer different inputs may well have one answer.
_SEVERAL = 10

Integers = NDArray[np.int32] | NDArray[np.int64]


@dataclass(frozen=True)
class Strength:
    """What was compared.

    Attributes
    ----------
    jets : int
        Jets that every executor answered.
    crafted, empty, saturated : int
        Of them: crafted ones, of the corners of the domain; without candidates; with an input at an end of its range.
    different : int
        Different jets with candidates among them.
    outputs : int
        Different answers to those.
    """

    jets: int
    crafted: int
    empty: int
    saturated: int
    different: int
    outputs: int

    @classmethod
    def read(cls, content: Mapping[str, int]) -> Strength:
        """From the file of a step, which holds what :meth:`as_dict` gives."""
        return cls(**{field.name: content[field.name] for field in fields(cls)})

    def as_dict(self) -> JsonObject:
        """The numbers, and the shares of crafted, empty and saturated jets."""
        shares: JsonObject = {f"{name}_share": self._share(name) for name in ("crafted", "empty", "saturated")}
        return {**asdict(self), **shares}

    def _share(self, name: str) -> float:
        return getattr(self, name) / self.jets if self.jets else 0.0

    def __str__(self) -> str:
        return (
            f"compared {self.jets:,} jets: {self._share('crafted'):.1%} crafted, {self._share('empty'):.1%} empty, "
            f"{self._share('saturated'):.1%} with an input at the end of its range; {self.outputs:,} different answers "
            f"to {self.different:,} different jets"
        )

    def require_enough(self) -> None:
        """Raise when equal integers would show nothing.

        Raises
        ------
        DataError
            No jet, or none with candidates, was compared (exit status 2).
        CheckFailed
            All jets have one answer, though they differ.
        """
        if self.weakness:
            raise (CheckFailed if self.different else DataError)(self.weakness)

    @property
    def weakness(self) -> str:
        """Why equal integers would show nothing; empty where they do show something."""
        if not self.jets or not self.different:
            return (
                f"a bit check must compare jets with candidates, got {self.jets} jets, {self.empty} of them empty; "
                "give a file with jets"
            )
        if self.different >= _SEVERAL and self.outputs == 1:
            return (
                f"a tagger must answer different jets differently, but all {self.different:,} have one answer, so that "
                "equal integers show nothing; train it again with more bits or more steps"
            )
        return ""


def strength_of(graph: FirmwareGraph, inputs: tuple[Integers, ...], outputs: NDArray[np.int64]) -> Strength:
    """What a comparison on these inputs, in the order of the graph's, with the reference's answers shows.

    Parameters
    ----------
    outputs : (n,) or (n, outputs) integers
        Of the reference.
    """
    named = dict(zip(graph.inputs, inputs, strict=True))
    n = len(outputs)
    rows = np.concatenate([x.reshape(len(x), math.prod(x.shape[1:])).astype(np.int64) for x in inputs], axis=1)
    filled = named["count"].reshape(n) > 0 if "count" in named else np.ones(n, bool)
    return Strength(
        jets=n,
        crafted=len(_members(rows, _corners(graph))),
        empty=int((~filled).sum()),
        saturated=int(_at_an_end(graph, named, n).sum()),
        different=len(np.unique(rows[filled], axis=0)) if n else 0,
        outputs=len(np.unique(outputs.reshape(len(outputs), math.prod(outputs.shape[1:]))[filled], axis=0)) if n else 0,
    )


def require_various(outputs: NDArray[np.float64], count: NDArray[np.int64], name: str) -> None:
    """Refuse a trained tagger that gives all jets with candidates one answer.

    Parameters
    ----------
    outputs : (n,) or (n, outputs)
    count : (n,)
        Candidates of each jet.
    name : str
        The run, for the message.

    Raises
    ------
    CheckFailed
        With the one answer.
    """
    filled = outputs.reshape(len(outputs), math.prod(outputs.shape[1:]))[count > 0]
    if len(filled) >= _SEVERAL and len(np.unique(filled, axis=0)) == 1:
        answer = ", ".join(f"{value:g}" for value in filled[0])
        raise CheckFailed(
            f"{name}: a trained tagger must answer jets differently, but gives all {len(filled):,} test jets {answer}; "
            "the training failed: give it more bits (--set quant.activation_bits=8) or more steps"
        )


def _corners(graph: FirmwareGraph) -> NDArray[np.int64]:
    """The crafted jets, or the extreme features of an imported program: one row each."""
    if graph.inputs == ["codes", "count"]:
        corners: tuple[Integers, ...] = crafted_codes(graph.shapes["codes"][0], inputs=graph.candidates)
    else:
        corners = extreme_features(graph)
    return np.concatenate([x.reshape(len(x), -1).astype(np.int64) for x in corners], axis=1)


def _members(rows: NDArray[np.int64], of: NDArray[np.int64]) -> list[int]:
    known = {row.tobytes() for row in of}
    return [i for i, row in enumerate(rows) if row.tobytes() in known]


def _at_an_end(graph: FirmwareGraph, named: Mapping[str, Integers], n: int) -> NDArray[np.bool_]:
    """Jets with a candidate's code, or a feature, at an end of the input's range."""
    found = np.zeros(n, bool)
    for name, x in named.items():
        if name == "count":
            continue
        grid = graph.grids[name]
        ends = (x <= grid.low) | (x >= grid.high)
        if "count" in named:
            ends &= np.arange(x.shape[1])[:, None] < named["count"].reshape(n, 1, 1)
        found |= ends.reshape(len(ends), math.prod(ends.shape[1:])).any(axis=1)
    return found
