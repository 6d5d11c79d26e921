"""Scores of jets by one executor: the integers of the firmware, and the numbers they stand for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from tritag.data.jets.jets import JetBatch
from tritag.errors import DataError
from tritag.files import JsonObject
from tritag.hls_projects.target import DEFAULT_TARGET
from tritag.models.jets.coded_jets import CodedJets
from tritag.models.nets.registry import TaggerConfig
from tritag.pipeline.executors import run_executors
from tritag.pipeline.jets import integer_codes
from tritag.pipeline.opened import OpenedRun

Codes: TypeAlias = NDArray[np.int32] | NDArray[np.int64]
Jets: TypeAlias = JetBatch | CodedJets | Codes | tuple[Codes, ...]


@dataclass(frozen=True, eq=False)
class Scores:
    """What a tagger answers for n jets.

    Attributes
    ----------
    integers : (n, outputs) int64
        The outputs as firmware gives them.
    lsb : float
        What one unit of the integers is worth.
    names : tuple of str
        Name of each output: ``logit`` of a binary head, else the classes; then ``pt`` and ``mass`` where they are
        regressed (docs/heads.md).
    executor : str
        Who computed them.
    """

    integers: NDArray[np.int64]
    lsb: float
    names: tuple[str, ...]
    executor: str

    @property
    def floats(self) -> NDArray[np.float64]:
        """The numbers that the integers stand for, (n, outputs): integers times ``lsb``, which is exact."""
        return self.integers.astype(np.float64) * self.lsb

    def as_dict(self) -> JsonObject:
        """Everything as plain lists, for JSON."""
        return {
            "executor": self.executor,
            "names": list(self.names),
            "lsb": self.lsb,
            "integers": self.integers.tolist(),
        }


def score_jets(opened: OpenedRun, jets: Jets, executor: str = "pytorch", target: str = DEFAULT_TARGET) -> Scores:
    """Outputs of an exported run for jets.

    Parameters
    ----------
    jets : JetBatch, CodedJets, (codes, count) or features
        Momenta, which are put on the trigger's grid; or jets that are on it already: codes (n, K, 3) of integers
        [pT, eta, phi] and counts (n,) of candidates in 0..K. Of an imported run the integers of its input,
        (n, features) or (n, rows, features).
    executor : str
        ``pytorch``, ``onnxruntime``, ``qonnx``, ``csim`` or ``emulator``, the fastest.
    target : str
        The target whose project is compiled for ``csim``.

    Raises
    ------
    RunError
        The run is not exported.
    DataError
        Arrays of other shapes or types, or values off the grid.
    ConfigError
        Unknown executor.
    """
    (chosen,) = run_executors(opened, (executor,), target)
    inputs = _features(jets) if opened.imported else _on_grid(jets, opened.recipe.tagger)
    integers = chosen.run(*inputs).reshape(len(inputs[0]), -1)
    return Scores(integers, chosen.graph.output_lsb, chosen.graph.output_names, executor)


def _features(jets: Jets) -> tuple[Codes, ...]:
    """Arrays of integers, one for each input of an imported program."""
    if isinstance(jets, JetBatch | CodedJets):
        raise DataError("an imported program takes integers of its own inputs, got jets; give one array for each input")
    return jets if isinstance(jets, tuple) else (jets,)


def _on_grid(jets: Jets, tagger: TaggerConfig) -> tuple[Codes, Codes]:
    constituents, wide = tagger.n_constituents, len(tagger.candidates.fields)
    if isinstance(jets, JetBatch):
        jets = CodedJets.from_batch(jets, constituents, candidates=tagger.candidates)
    if isinstance(jets, CodedJets):
        if jets.candidates != tagger.candidates:
            raise DataError(
                "jets to score must hold the grid and fields of the tagger, got another grid or other fields; make "
                "them with CodedJets.from_batch(..., candidates=tagger.candidates)"
            )
        if jets.codes.is_floating_point():
            raise DataError("jets to score must lie on the trigger's grid, got unrounded values; round them")
        return integer_codes(jets)
    codes, count = (np.asarray(x) for x in jets)
    if not (np.issubdtype(codes.dtype, np.integer) and np.issubdtype(count.dtype, np.integer)):
        raise DataError(f"codes and counts must be integers, got {codes.dtype} and {count.dtype}")
    if codes.ndim != 3 or codes.shape[2] != wide or count.reshape(-1).shape != codes.shape[:1]:
        raise DataError(
            f"codes must have shape (n, {constituents}, {wide}) and counts (n,), got {codes.shape} and {count.shape}"
        )
    return codes.astype(np.int64), count.reshape(-1).astype(np.int64)
