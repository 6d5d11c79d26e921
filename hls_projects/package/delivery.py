"""What a package is made of: the exported graph, its circuit, golden numbers, names, and what is known of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from tritag.export.feature_vectors import port_values
from tritag.export.firmware_layers import FirmwareGraph
from tritag.export.naming import Naming
from tritag.export.rtl.design.design import Design
from tritag.export.rtl.tools.simulation import beat_words
from tritag.export.word_vectors import words_of_jets
from tritag.export.words import SCORE_BITS, TOKEN_BITS, answers_in_words, pack_jets
from tritag.hls_projects.package.summary import Fact
from tritag.hls_projects.target import TargetConfig
from tritag.hls_projects.word_executors import word_ports

# Content of files by their path in the package.
Files: TypeAlias = dict[str, str | bytes]


@dataclass(frozen=True, eq=False)
class Delivery:
    """Everything that the parts of a package are written from; nothing in it belongs to a folder, a day or a machine.

    Attributes
    ----------
    naming : Naming
        Name and version that everything carries.
    graph : FirmwareGraph
        The exported file's layers.
    design : Design
        Its Verilog.
    target : TargetConfig
        Part, clock and interval.
    target_name : str
        The target's name.
    inputs, expected : arrays
        Golden jets: integers of the graph's inputs, in its order, and the outputs' integers (n, outputs).
    facts : sequence of Fact
        Latency, interval, resources and verdicts with their origins.
    origin : dict
        Where it comes from: run, digests, versions; text values.
    stream : bool
        Whether AXI4-Stream stands around the Verilog's words.
    """

    naming: Naming
    graph: FirmwareGraph
    design: Design
    target: TargetConfig
    target_name: str
    inputs: tuple[np.ndarray, ...]
    expected: np.ndarray
    facts: Sequence[Fact]
    origin: Mapping[str, str]
    stream: bool = False

    @property
    def top(self) -> str:
        """Name of the Verilog's top module."""
        return self.design.name

    @property
    def jets(self) -> int:
        """Number of golden jets."""
        return len(self.expected)

    def words(self) -> np.ndarray:
        """Golden jets as the Verilog takes them: uint64 (jets, beats, ports)."""
        if answers_in_words(self.graph):
            return beat_words(self.design, word_ports(*self._words()))
        return beat_words(self.design, port_values(self.graph, self.inputs))

    def _words(self) -> tuple[np.ndarray, np.ndarray]:
        codes, count = self.inputs
        return words_of_jets(codes, count, self.graph.candidates)

    def answers(self) -> np.ndarray:
        """What the Verilog answers to the golden jets, int64 (jets, ports)."""
        if answers_in_words(self.graph):
            return pack_jets(self._words()[1], self.expected).view(np.int64)
        return self.expected.reshape(self.jets, -1)

    def meanings(self) -> tuple[str, ...]:
        """What each output port of the Verilog carries."""
        if answers_in_words(self.graph):
            return tuple(f"bits {64 * i + 63}:{64 * i} of the jet's word" for i in range(len(self.design.outputs)))
        return self.graph.output_names

    def word_places(self) -> dict[str, tuple[int, int]]:
        """Highest and lowest bit of the token and of each score in the jet's word; empty without words."""
        if not answers_in_words(self.graph):
            return {}
        first = [TOKEN_BITS + SCORE_BITS * i for i in range(self.graph.n_outputs)]
        scores = {
            f"probability of {name}": (bit + SCORE_BITS - 1, bit)
            for name, bit in zip(self.graph.output_names, first, strict=True)
        }
        return {"token": (TOKEN_BITS - 1, 0), **scores}

    def clock_mhz(self) -> float:
        """Frequency of the target's clock."""
        return 1e3 / self.target.clock_period_ns
