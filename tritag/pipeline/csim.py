"""C-simulation: the hls4ml project of an exported run, compiled and checked against the golden vectors."""

from __future__ import annotations

from dataclasses import dataclass

from tritag.build_cache import copy_entry
from tritag.export.executors import OnnxRuntimeExecutor
from tritag.export.feature_vectors import load_vectors, real_values
from tritag.export.graph import read_graph
from tritag.export.naming import Naming
from tritag.export.word_vectors import words_of_jets
from tritag.files import JsonObject, write_json
from tritag.hls_projects.bench import write_testbench
from tritag.hls_projects.csim import CsimExecutor, compile_project
from tritag.hls_projects.target import DEFAULT_TARGET, load_target
from tritag.hls_projects.unrolled import ProjectReading, read_project
from tritag.hls_projects.vendor import synthesise, vendor_tool
from tritag.hls_projects.verify import Verdict, compare, require_equal
from tritag.hls_projects.word_executors import WordCsim, WordReference
from tritag.pipeline.fingerprint import record_step
from tritag.pipeline.interfaces import model_of
from tritag.pipeline.old_reports import reports_that_stay
from tritag.pipeline.opened import OpenedRun, one_writer
from tritag.pipeline.strength import Strength, strength_of
from tritag.terminal import print_progress

# Jets of the project's own test bench: each costs minutes of co-simulation.
_TESTBENCH_JETS = 20


@dataclass(frozen=True)
class CsimResult:
    """A compiled project and its verdict.

    Attributes
    ----------
    run : OpenedRun
        The run; the project is the folder ``hls`` in it.
    target : str
        Name of the target.
    part : str
        Its FPGA.
    naming : Naming
        Name and version that the project carries.
    golden : Verdict
        The C-simulation against the golden vectors.
    strength : Strength
        How various the golden vectors and their answers are.
    compile_s : float
        Seconds that g++ took, when the project was compiled.
    unrolled : ProjectReading
        What the pragmas of the written project ask for, layer by layer: known without the tool, not synthesised.
    vendor : dict, optional
        Latency and II in cycles and resources by Vitis HLS, where it is installed.
    interface : "plain" or "words"
        Whether the project also has the function on words.
    """

    run: OpenedRun
    target: str
    part: str
    naming: Naming
    golden: Verdict
    strength: Strength
    compile_s: float
    unrolled: ProjectReading
    vendor: JsonObject | None
    interface: str = "plain"

    def as_dict(self) -> JsonObject:
        """Content of ``csim.json``."""
        return {
            "target": self.target,
            "part": self.part,
            "name": self.naming.name,
            "version": self.naming.version,
            "interface": self.interface,
            "golden": self.golden.as_dict(),
            "strength": self.strength.as_dict(),
            "compile_s": self.compile_s,
            "project": "hls",
            "unrolled": self.unrolled.as_dict(),
            "vendor": self.vendor,
        }


@one_writer
def csim_run(
    opened: OpenedRun,
    target_name: str = DEFAULT_TARGET,
    naming: Naming | None = None,
    interface: str = "plain",
) -> CsimResult:
    """Write, compile and run the project; the vendor's synthesis follows where it is installed.

    Parameters
    ----------
    target_name : str
        A name in ``configs/targets``, or a YAML file.
    naming : Naming, optional
        Name and version that everything in the project carries; by default the run's.
    interface : "plain" or "words"
        With words the project also has the function on them, which is compared from packed word to packed word.

    Raises
    ------
    CheckFailed
        The C-simulation gives other integers than the golden vectors, or all of them have one answer.
    RunError
        The run is not exported.
    ToolError
        No g++ on PATH, or the compiler failed; the message names the log.
    """
    run = opened.run
    model = model_of(opened, interface)
    graph = read_graph(model)
    inputs, expected = load_vectors(run.require("vectors.npz"), graph)
    if interface == "words":
        expected = OnnxRuntimeExecutor(graph, model).run(*inputs)
    target = load_target(target_name)
    naming = naming or Naming.of_run(opened.name)
    run.discard_from("csim")
    stay = reports_that_stay(opened, "HLS project")
    if run.path("vendor.json").is_file():
        write_json(run.path("vendor.json"), stay)
    project = compile_project(graph, target, log=run.log_file("csim"), naming=naming)
    verdict = compare(CsimExecutor.name, expected, CsimExecutor(graph, project).run(*inputs))
    if interface == "words" and not verdict.differ:
        codes, count = inputs
        words, tokens = words_of_jets(codes, count, graph.candidates)
        reference = WordReference(OnnxRuntimeExecutor(graph, model)).run(words, tokens)
        verdict = compare(CsimExecutor.name, reference, WordCsim(graph, project).run(words, tokens))
    copy_entry(project.entry, run.path("hls"), "*.so", "*.o")
    (output,) = graph.outputs
    some = slice(0, _TESTBENCH_JETS)
    values = [real_values(graph, name, x[some]) for name, x in zip(graph.inputs, inputs, strict=True)]
    write_testbench(run.path("hls"), values, expected[some] * graph.grids[output].type.lsb)
    strength = strength_of(graph, inputs, expected)
    state = "from the cache, " if project.cached else ""
    print_progress(
        f"{opened.name}: C-simulation ({state}compiled in {project.compile_s:.0f} s), "
        f"{verdict.differ} of {verdict.jets} golden vectors differ{' in words' * (interface == 'words')}"
    )
    print_progress(f"{opened.name}: {strength}")
    unrolled = read_project(run.path("hls"), naming.full)
    print_progress(f"{opened.name}: {unrolled}")
    vendor = None
    if vendor_tool() is None:
        print_progress("vitis-run is not on PATH: no vendor synthesis, no vendor latency or resources")
    else:
        vendor = synthesise(run.path("hls"), run.log_file("csim"))
    result = CsimResult(
        opened, target_name, target.part, naming, verdict, strength, project.compile_s, unrolled, vendor, interface
    )
    record_step(run, "csim")
    run.record_provenance("csim")
    write_json(run.path("csim.json"), result.as_dict())  # last: it says that the step was done
    require_equal([compare("pytorch", expected, expected), verdict])
    strength.require_enough()
    return result
