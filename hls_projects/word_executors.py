"""Executors of firmware that answers in words: candidates' words and what comes with the jet in, the jet's word out.

The reference takes words apart and packs them in numpy, around ONNX Runtime; the others are functions and ports that
firmware and software call. All give a jet's word in four parts of 32 bits (:func:`tritag.export.words.as_integers`).
"""

from __future__ import annotations

import ctypes
from abc import abstractmethod
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.ctypeslib import ndpointer
from numpy.typing import NDArray

from tritag.errors import DataError, ExportError, ToolError
from tritag.export.executors import Executor, OnnxRuntimeExecutor, Progress
from tritag.export.firmware_layers import FirmwareGraph
from tritag.export.rtl.design.design import Design
from tritag.export.rtl.design.ports import TOKEN, WORDS
from tritag.export.rtl.tools.executor import simulated
from tritag.export.rtl.tools.simulation import Simulator
from tritag.export.words import TOKEN_BITS, as_integers, inputs_of_words, pack_jets
from tritag.hls_projects.csim import CompiledProject
from tritag.hls_projects.emulator.library import EmulatorLibrary
from tritag.workers import available_cores

Words = NDArray[np.uint64]
_WORDS = ndpointer(np.uint64, flags="C_CONTIGUOUS")


class WordExecutor(Executor):
    """Gives the words of jets."""

    def run(self, *inputs: np.ndarray, progress: Progress | None = None) -> np.ndarray:
        """Words of jets, int64 (n, 4), of candidates' words, uint64 (n, K), and what comes with each, uint64 (n,).

        Raises
        ------
        DataError
            Other types or shapes.
        """
        words, tokens = inputs
        k = self.graph.shapes["codes"][0]
        if words.dtype != np.uint64 or words.shape != (len(tokens), k) or tokens.dtype != np.uint64 or tokens.ndim != 1:
            raise DataError(
                f"words must be uint64 (jets, {k}) and tokens uint64 (jets,), got {words.dtype} {words.shape} and "
                f"{tokens.dtype} {tokens.shape}"
            )
        parts = []
        for start in range(0, len(words), self.chunk):
            some = slice(start, start + self.chunk)
            parts.append(as_integers(self.jets(words[some], tokens[some])))
            if progress is not None:
                progress(len(parts[-1]))
        return np.concatenate(parts) if parts else np.zeros((0, 4), np.int64)

    def jets(self, words: Words, tokens: Words) -> Words:
        """Words of jets, uint64 (n, 2), bits 63:0 first, of candidates' words (n, K) and tokens (n,), at once."""
        return self._jets(np.ascontiguousarray(words), np.ascontiguousarray(tokens))

    @abstractmethod
    def _jets(self, words: Words, tokens: Words) -> Words:
        """Words of jets of contiguous arrays."""

    def _outputs(self, *inputs: np.ndarray) -> np.ndarray:
        raise ExportError(f"{self.name} gives words, not numbers")

    def _tensors(self, *inputs: np.ndarray) -> dict[str, np.ndarray]:
        raise ExportError(f"{self.name} shows no layers; compare them without words")


class WordReference(WordExecutor):
    """The definition: words taken apart and packed in numpy, the scores of ONNX Runtime."""

    name = "onnxruntime"

    def __init__(self, scores: OnnxRuntimeExecutor) -> None:
        super().__init__(scores.graph)
        self.scores = scores

    def _jets(self, words: Words, tokens: Words) -> Words:
        found = self.scores.run(*inputs_of_words(self.graph, words))
        return pack_jets(tokens, found.reshape(len(tokens), -1))


class WordEmulator(WordExecutor):
    """The native emulator's function on words."""

    name = "emulator"
    chunk = 100_000

    def __init__(self, graph: FirmwareGraph, library: EmulatorLibrary) -> None:
        super().__init__(graph)
        self.function = getattr(ctypes.CDLL(str(library.path)), library.text.function.removesuffix("_run") + "_words")
        self.function.argtypes = [_WORDS, _WORDS, _WORDS, ctypes.c_long]
        self.function.restype = ctypes.c_long

    def _jets(self, words: Words, tokens: Words) -> Words:
        out = np.empty((len(words), 2), np.uint64)
        if self.function(words, tokens, out, len(words)):
            raise ToolError("the emulator must get memory for one block of jets, but got none; free some")
        return out


class WordCsim(WordExecutor):
    """C-simulation of the project's function on words, one call a jet, on all cores."""

    name = "hls4ml-csim"

    def __init__(self, graph: FirmwareGraph, project: CompiledProject, threads: int | None = None) -> None:
        super().__init__(graph)
        self.threads = threads or available_cores()
        self.function = getattr(ctypes.CDLL(str(project.library)), f"{project.naming.full}_words_run")
        self.function.argtypes = [_WORDS, ctypes.c_ulonglong, _WORDS]
        self.function.restype = None

    def _jets(self, words: Words, tokens: Words) -> Words:
        out = np.empty((len(words), 2), np.uint64)

        def one(jet: int) -> None:
            self.function(words[jet], int(tokens[jet]), out[jet])

        with ThreadPoolExecutor(self.threads) as pool:
            list(pool.map(one, range(len(words))))
        return out


class WordVerilog(WordExecutor):
    """The simulated Verilog, jets back to back."""

    name = "verilog"

    def __init__(self, graph: FirmwareGraph, design: Design) -> None:
        super().__init__(graph)
        self.design, self.simulator = design, Simulator([design])

    def _jets(self, words: Words, tokens: Words) -> Words:
        return simulated(self.design, self.simulator, word_ports(words, tokens)).astype(np.uint64)


def word_ports(words: Words, tokens: Words) -> dict[str, np.ndarray]:
    """Words as a simulation of Verilog takes them; a token keeps the bits that its port has."""
    return {WORDS: words[:, :, None], TOKEN: (tokens & np.uint64(2**TOKEN_BITS - 1))[:, None, None]}
