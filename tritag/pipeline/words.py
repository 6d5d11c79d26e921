"""The executors of a run's firmware on words."""

from __future__ import annotations

from collections.abc import Sequence

from tritag.errors import ConfigError, unknown_name
from tritag.export.executors import Executor, OnnxRuntimeExecutor
from tritag.export.graph import read_graph
from tritag.hls_projects.csim import compile_project
from tritag.hls_projects.emulator.library import compile_emulator
from tritag.hls_projects.target import DEFAULT_TARGET, load_target
from tritag.hls_projects.word_executors import WordCsim, WordEmulator, WordReference, WordVerilog
from tritag.pipeline.executors import naming_of, verilog_of
from tritag.pipeline.interfaces import model_of
from tritag.pipeline.opened import OpenedRun

# The reference first; the simulated Verilog takes minutes and is asked for.
WORD_EXECUTORS = ("onnxruntime", "csim", "emulator", "verilog")
DEFAULT_WORD_EXECUTORS = WORD_EXECUTORS[:3]


def word_executors(
    opened: OpenedRun, names: Sequence[str] = DEFAULT_WORD_EXECUTORS, target_name: str = DEFAULT_TARGET
) -> list[Executor]:
    """Executors of a run's firmware on words, in the order of ``names``, of :data:`WORD_EXECUTORS`.

    Raises
    ------
    ConfigError
        Unknown executor or target, or the run's Verilog takes no words or has another target.
    ExportError
        What the run takes or gives has no words.
    ToolError
        A compiler is missing or failed.
    """
    for name in names:
        if name not in WORD_EXECUTORS:
            raise ConfigError(unknown_name("executor on words", name, WORD_EXECUTORS))
    model = model_of(opened, "words")
    graph, naming = read_graph(model), naming_of(opened)
    found: list[Executor] = []
    for name in names:
        if name == "onnxruntime":
            found.append(WordReference(OnnxRuntimeExecutor(graph, model)))
        elif name == "emulator":
            found.append(WordEmulator(graph, compile_emulator(graph, naming.full)))
        elif name == "verilog":
            found.append(WordVerilog(graph, verilog_of(opened, graph, target_name)))
        else:
            log = opened.run.log_file("verify")
            found.append(WordCsim(graph, compile_project(graph, load_target(target_name), log=log, naming=naming)))
    return found
