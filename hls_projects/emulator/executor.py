"""The native emulator as an executor: the fastest one, for many jets."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence

import numpy as np
from numpy.ctypeslib import ndpointer

from tritag.errors import ToolError
from tritag.export.executors import Executor, Progress
from tritag.export.firmware_layers import FirmwareGraph
from tritag.hls_projects.emulator.library import EmulatorLibrary


class EmulatorExecutor(Executor):
    """Runs a compiled emulator in one thread; calls from several threads do not share anything."""

    name = "emulator"
    chunk = 100_000

    def __init__(self, graph: FirmwareGraph, library: EmulatorLibrary) -> None:
        super().__init__(graph)
        self.library = library
        self.function = getattr(ctypes.CDLL(str(library.path)), library.text.function)
        integers = ndpointer(np.int32, flags="C_CONTIGUOUS")
        outputs = ndpointer(np.int64, flags="C_CONTIGUOUS")
        self.function.argtypes = [integers] * len(graph.inputs) + [outputs, ctypes.c_long, ctypes.c_void_p]
        self.function.restype = ctypes.c_long

    def run(self, *inputs: np.ndarray, progress: Progress | None = None) -> np.ndarray:
        """Output codes, int64, (n,) or, of several, (n, outputs), of the integers of the graph's inputs."""
        parts = []
        for part in self._chunks(inputs):
            parts.append(self._call(part, None))
            if progress is not None:
                progress(len(part[0]))
        found = np.concatenate(parts) if parts else np.zeros((0, self.graph.n_outputs), np.int64)
        return found.reshape(-1) if self.graph.n_outputs == 1 else found

    def _call(self, inputs: Sequence[np.ndarray], trace: np.ndarray | None) -> np.ndarray:
        out = np.empty((len(inputs[0]), self.graph.n_outputs), np.int64)
        given = [np.ascontiguousarray(x, dtype=np.int32) for x in inputs]
        where = None if trace is None else trace.ctypes.data
        if self.function(*given, out, len(out), where):
            raise ToolError("the emulator must get memory for one block of jets, but got none; free some")
        return out

    def _outputs(self, *inputs: np.ndarray) -> np.ndarray:
        return self._call(inputs, None) * self.graph.grids[self.graph.outputs[0]].type.lsb

    def _tensors(self, *inputs: np.ndarray) -> dict[str, np.ndarray]:
        """Every layer's values; needs a library compiled with ``trace``."""
        traced = self.library.text.traced
        trace = np.empty((len(inputs[0]), sum(size for _, size in traced.values())), np.int32)
        self._call(inputs, trace)
        return {
            name: trace[:, place : place + size] * 2.0 ** -self.graph.grids[name].fraction
            for name, (place, size) in traced.items()
        }
