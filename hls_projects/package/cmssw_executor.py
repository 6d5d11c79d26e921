"""The emulator for CMS' software as an executor: what the experiment's loader gets, compared like the others."""

from __future__ import annotations

import ctypes
import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.ctypeslib import ndpointer
from numpy.typing import NDArray

from tritag.errors import ToolError
from tritag.export.executors import Executor
from tritag.export.firmware_layers import FirmwareGraph
from tritag.hls_projects.package.cmssw_library import DRIVER_FUNCTION, CmsswLibrary
from tritag.workers import available_cores

_MESSAGE_BYTES = 500


class CmsswExecutor(Executor):
    """Runs a compiled emulator for CMS' software, on all cores, with a model of its own in each thread.

    As fast as the C-simulation. It shows no layers.
    """

    name = "cmssw"

    def __init__(self, graph: FirmwareGraph, library: CmsswLibrary, threads: int | None = None) -> None:
        super().__init__(graph)
        self.library, self.threads = library, threads or available_cores()
        self.function = getattr(ctypes.CDLL(str(library.driver)), DRIVER_FUNCTION)
        integers = ndpointer(np.int32, flags="C_CONTIGUOUS")
        sizes = [ctypes.c_long] * 3
        self.function.argtypes = [ctypes.c_char_p, integers, integers, *sizes, ctypes.c_char_p, ctypes.c_long]
        self.function.restype = ctypes.c_long

    def _jets(self, rows: NDArray[np.int32]) -> NDArray[np.int32]:
        """Output integers (n, n_out) of jets (n, n_in), of one model."""
        out = np.empty((len(rows), self.library.n_out), np.int32)
        message = ctypes.create_string_buffer(_MESSAGE_BYTES)
        path = os.fsencode(self.library.path)
        sizes = len(rows), self.library.n_in, self.library.n_out
        if self.function(path, rows, out, *sizes, message, _MESSAGE_BYTES):
            said = message.value.decode(errors="replace")
            raise ToolError(f"the emulator for CMS' software must answer for every jet, but: {said}")
        return out

    def _outputs(self, *inputs: np.ndarray) -> np.ndarray:
        flat = [x.reshape(len(x), -1) for x in inputs]
        rows = np.ascontiguousarray(np.concatenate(flat, axis=1), dtype=np.int32)
        with ThreadPoolExecutor(self.threads) as pool:
            found = list(pool.map(self._jets, np.array_split(rows, self.threads)))
        return np.concatenate(found) * 2.0 ** -self.graph.grids[self.graph.outputs[0]].fraction
