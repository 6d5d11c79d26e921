"""hls4ml's C-simulation: the project compiled by g++ into a library, and run jet by jet.

A project is compiled once: libraries are cached by the digest of everything that decides their content.
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.ctypeslib import ndpointer

from tritag.build_cache import Entry, built
from tritag.environment import cache_folder, compiler_settings
from tritag.errors import ToolError
from tritag.export.executors import Executor
from tritag.export.graph import CutTo, FirmwareGraph, Linear
from tritag.export.naming import Naming
from tritag.hls_projects.hls4ml_extension import INTEGER_HEADER
from tritag.hls_projects.input_names import input_identifiers
from tritag.hls_projects.own_names import BUILD, keeping_object
from tritag.hls_projects.project import UNNAMED, ops_header, write_project
from tritag.hls_projects.target import TargetConfig
from tritag.noise import quiet
from tritag.tools import compiler, run_tool
from tritag.workers import available_cores

# Version of the project writer: raise it when a project's content changes for another reason than its inputs.
_WRITER = 5


@dataclass(frozen=True)
class CompiledProject:
    """A project on disk with its compiled library, whose functions begin with the prefix of ``naming``."""

    entry: Entry
    library: Path
    compile_s: float
    naming: Naming = UNNAMED

    @property
    def folder(self) -> Path:
        """The project's files."""
        return self.entry.folder

    @property
    def cached(self) -> bool:
        """Whether it was compiled before."""
        return self.entry.cached

    @property
    def object(self) -> Path | None:
        """The compiled top function, for other libraries to link; None where it was not kept."""
        path = self.folder / f"{self.naming.full}.o"
        return path if path.is_file() else None


def cache_root() -> Path:
    """Folder of compiled projects, in ``$TRITAG_CACHE`` or ``cache`` in the working directory."""
    return cache_folder("csim").resolve()


def project_digest(graph: FirmwareGraph, target: TargetConfig, trace: bool, naming: Naming = UNNAMED) -> str:
    """Digest of everything that decides what is compiled."""
    state = hashlib.sha256()
    for layer in graph.layers:
        state.update(repr((type(layer).__name__, layer.name, layer.sources, graph.grids[layer.name])).encode())
        state.update(repr(graph.shapes[layer.name]).encode())
        if isinstance(layer, Linear):
            state.update(layer.weight.tobytes() + layer.bias.tobytes())
            state.update(repr((layer.weight_fraction, layer.bias_fraction)).encode())
        elif isinstance(layer, CutTo):
            state.update(str(layer.type).encode())
        elif hasattr(layer, "bound"):
            state.update(layer.bound.program.to_json().encode())
        elif hasattr(layer, "equation"):
            state.update(layer.equation.encode())
    state.update(ops_header(graph).encode() + INTEGER_HEADER.read_bytes())
    state.update(json.dumps([asdict(target), trace, version("hls4ml"), _WRITER, naming.full]).encode())
    state.update(json.dumps(compiler_settings()).encode())
    if renamed := {n: x for n, x in input_identifiers(graph, naming.full).items() if n != x}:
        state.update(json.dumps(renamed).encode())
    return state.hexdigest()[:16]


def compile_project(
    graph: FirmwareGraph,
    target: TargetConfig,
    trace: bool = False,
    log: Path | None = None,
    naming: Naming = UNNAMED,
) -> CompiledProject:
    """Write and compile the project of ``graph``, or take it from the cache.

    Raises
    ------
    ToolError
        No g++ on PATH, or the compiler failed; the message names the log.
    """
    root = cache_root() / project_digest(graph, target, trace, naming)
    entry = built(root, lambda folder: _compile(graph, target, trace, folder, log or root.with_suffix(".log"), naming))
    library = entry.folder / "firmware" / naming.library
    return CompiledProject(entry, library, entry.facts["compile_s"], naming)


def _compile(
    graph: FirmwareGraph, target: TargetConfig, trace: bool, folder: Path, log: Path, naming: Naming
) -> dict[str, float]:
    compiler("C-simulation")
    with quiet(log):
        write_project(graph, target, folder, trace, naming)
        start = time.perf_counter()
        script = (folder / BUILD).read_text(encoding="utf-8")
        command = ["bash", "-c", script if trace else keeping_object(script, naming), BUILD]
        done = run_tool(command, folder, capture=False)
        seconds = time.perf_counter() - start
        if done.returncode or not (folder / "firmware" / naming.library).is_file():
            raise ToolError("g++ must compile the project, but failed")
    return {"compile_s": round(seconds, 2)}


class CsimExecutor(Executor):
    """C-simulation of a compiled project, on all cores (each call of the top function is one jet)."""

    name = "hls4ml-csim"

    def __init__(self, graph: FirmwareGraph, project: CompiledProject, threads: int | None = None) -> None:
        super().__init__(graph)
        self.project, self.threads = project, threads or available_cores()
        self.library = ctypes.CDLL(str(project.library))
        self.top = self._function("double")
        self.top.restype = None
        self.top.argtypes = [ndpointer(ctypes.c_double, flags="C_CONTIGUOUS")] * (len(graph.inputs) + 1)
        self.size = int(np.prod(graph.shapes[graph.outputs[0]]))

    def _function(self, name: str) -> Any:
        return getattr(self.library, f"{self.project.naming.prefix}{name}")

    def _one(self, *inputs: np.ndarray) -> np.ndarray:
        out = np.zeros(self.size)
        self.top(*inputs, out)
        return out

    def _reals(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Values of the inputs as the top function takes them, float64."""
        return [x * 2.0 ** -self.graph.grids[name].fraction for name, x in zip(self.graph.inputs, inputs, strict=True)]

    def _outputs(self, *inputs: np.ndarray) -> np.ndarray:
        with ThreadPoolExecutor(self.threads) as pool:
            return np.stack(list(pool.map(self._one, *self._reals(inputs))))

    def _tensors(self, *inputs: np.ndarray) -> dict[str, np.ndarray]:
        """Every layer's values; needs a project compiled with ``trace``."""
        collect: Callable[..., None] = self._function("collect_trace_output")
        named = [layer for layer in self.graph.layers if type(layer).__name__ != "Reshape"]
        entries = (_TraceEntry * (len(named) + len(self.graph.inputs) + 1))()
        found: dict[str, list[np.ndarray]] = {}
        self._function("allocate_trace_storage")(ctypes.c_size_t(ctypes.sizeof(ctypes.c_double)))
        try:
            for jet in zip(*self._reals(inputs), strict=True):
                self._one(*jet)
                collect(entries)
                for entry in entries:
                    if not entry.name:
                        break
                    name = entry.name.decode()
                    size = int(np.prod(self.graph.shapes[name]))
                    values = np.ctypeslib.as_array(ctypes.cast(entry.data, ctypes.POINTER(ctypes.c_double)), (size,))
                    found.setdefault(name, []).append(values.copy())
        finally:
            self._function("free_trace_storage")()
        return {name: np.stack(values) for name, values in found.items()}


class _TraceEntry(ctypes.Structure):
    _fields_ = (("name", ctypes.c_char_p), ("data", ctypes.c_void_p))


__all__ = ["CompiledProject", "CsimExecutor", "cache_root", "compile_project", "project_digest"]
