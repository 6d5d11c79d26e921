"""The executors of an exported run, by name."""

from __future__ import annotations

from collections.abc import Sequence

from tritag.errors import ConfigError, unknown_name
from tritag.export.executors import Executor, OnnxRuntimeExecutor, QonnxExecutor, TorchExecutor
from tritag.export.firmware_layers import FirmwareGraph
from tritag.export.graph import read_graph
from tritag.export.model_file import read_model
from tritag.export.naming import Naming
from tritag.export.rtl.design.design import Design
from tritag.export.rtl.tools.executor import VerilogExecutor
from tritag.export.words import answers_in_words
from tritag.hls_projects.csim import CompiledProject, CsimExecutor, compile_project
from tritag.hls_projects.emulator.executor import EmulatorExecutor
from tritag.hls_projects.emulator.library import compile_emulator
from tritag.hls_projects.package.cmssw_executor import CmsswExecutor
from tritag.hls_projects.package.cmssw_library import compile_cmssw
from tritag.hls_projects.target import DEFAULT_TARGET, load_target
from tritag.pipeline.export import exact
from tritag.pipeline.interfaces import verilog_check
from tritag.pipeline.made_design import design_of, made_design, made_target
from tritag.pipeline.opened import OpenedRun
from tritag.pipeline.run_files import CsimFile, DesignFile
from tritag.structured import read_json_if_there
from tritag.terminal import print_progress

# PyTorch is the reference that the others are compared with. The simulated Verilog takes minutes; the emulator for CMS'
# software is the C-simulation's arithmetic in another form and takes as long again: both are asked for.
DEFAULT_EXECUTORS = ("pytorch", "onnxruntime", "qonnx", "csim", "emulator")
EXECUTORS = (*DEFAULT_EXECUTORS, "cmssw", "verilog")


def run_executors(
    opened: OpenedRun,
    names: Sequence[str] = DEFAULT_EXECUTORS,
    target_name: str = DEFAULT_TARGET,
    trace: bool = False,
    log: str = "verify",
) -> list[Executor]:
    """Executors of an exported run, in the order of ``names``.

    Parameters
    ----------
    names : sequence of str
        Of :data:`EXECUTORS`.
    target_name : str
        The target whose project is compiled for ``csim`` and ``cmssw``; for ``verilog`` as in :func:`verilog_of`.
    trace : bool
        Compile project and emulator so that they give every layer's values.
    log : str
        The step in whose log file the compiler's output goes.

    Raises
    ------
    RunError
        The run is not exported.
    ConfigError
        Unknown executor or target, or the run's Verilog has another interface or target.
    ExportError
        Inputs or outputs do not fit what ``cmssw`` passes.
    ToolError
        No g++ on PATH, or the compiler failed.
    """
    for name in names:
        if name not in EXECUTORS:
            raise ConfigError(unknown_name("executor", name, EXECUTORS))
        if name == "pytorch" and opened.imported:
            others = ", ".join(EXECUTORS[1:])
            raise ConfigError(f"the executor of an imported run must be one of {others}; it has no form in PyTorch")
    model = read_model(opened.run.require("model.qonnx.onnx"))
    graph = read_graph(model)
    naming = naming_of(opened)
    executors: list[Executor] = []
    for name in names:
        if name == "pytorch":
            executors.append(TorchExecutor(graph, exact(opened.tagger()), model))
        elif name == "onnxruntime":
            executors.append(OnnxRuntimeExecutor(graph, model))
        elif name == "qonnx":
            executors.append(QonnxExecutor(graph, model))
        elif name == "emulator":
            executors.append(EmulatorExecutor(graph, compile_emulator(graph, naming.full, trace=trace)))
        elif name == "verilog":
            executors.append(VerilogExecutor(graph, verilog_of(opened, graph, target_name)))
        else:
            target, log_file = load_target(target_name), opened.run.log_file(log)
            traced = trace and name == "csim"
            project = compile_project(graph, target, trace=traced, log=log_file, naming=naming)
            executors.append(_of_project(name, graph, project))
    return executors


def _of_project(name: str, graph: FirmwareGraph, project: CompiledProject) -> Executor:
    if name == "csim":
        return CsimExecutor(graph, project)
    return CmsswExecutor(graph, compile_cmssw(graph, project))


def verilog_of(opened: OpenedRun, graph: FirmwareGraph, target_name: str) -> Design:
    """The design that ``tritag rtl`` chose; where it has not run, the one that it would choose for a target.

    Raises
    ------
    ConfigError
        The design takes words and ``graph`` does not, or the reverse; or ``target_name`` is another target than it was
        made for. The default target stands for the design's own, which is then said.
    """
    made: DesignFile | None = read_json_if_there(opened.run.path("rtl.json"))
    if made is None:
        return design_of(graph, target_name)[0]
    _require_interface(opened, made, answers_in_words(graph))
    _require_target(opened, made, target_name)
    naming = Naming.of_run(opened.name, made.get("name"), made.get("version"))
    return made_design(graph, made, naming)


def _require_interface(opened: OpenedRun, made: DesignFile, words: bool) -> None:
    """Refuse to check the Verilog of a run by another one, which would be built for the check alone."""
    interface = made.get("interface", "plain")
    if (interface != "plain") == words:
        return
    asked = "words" if words else "plain"
    raise ConfigError(
        f"the executor verilog must have the interface of the Verilog of {opened.name}, {interface}, got {asked}; "
        f"{verilog_check(opened, interface)} checks what is there, and 'tritag rtl' with "
        f"--interface {asked} writes another in its place"
    )


def _require_target(opened: OpenedRun, made: DesignFile, target_name: str) -> None:
    """Refuse another target than that of the run's Verilog; say which one it is where none was asked for."""
    if made["target"] == target_name or made_target(made) == load_target(target_name):
        return
    if target_name != DEFAULT_TARGET:
        raise ConfigError(
            f"the executor verilog must have the target of the Verilog of {opened.name}, {made['target']}, got "
            f"{target_name}; leave --target out, or the executor; 'tritag rtl' with --target {target_name} writes "
            "another in its place"
        )
    print_progress(f"{opened.name}: the simulated Verilog is that of rtl.json, for {made['target']}")


def naming_of(opened: OpenedRun) -> Naming:
    """Name and version that the run's project was written with; those of the run where there is no project."""
    made: CsimFile | None = read_json_if_there(opened.run.path("csim.json"))
    return Naming.of_run(opened.name, *((made.get("name"), made.get("version")) if made else ()))
