"""Verilog of an exported run: written, simulated bit by bit, measured in cycles."""

from __future__ import annotations

import dataclasses
import shutil
from dataclasses import dataclass
from typing import TypedDict

from tritag import advice
from tritag.export.executors import OnnxRuntimeExecutor
from tritag.export.feature_vectors import port_values
from tritag.export.graph import read_graph
from tritag.export.naming import Naming
from tritag.export.rtl.design.design import Design
from tritag.export.rtl.design.listing import Facts, listing
from tritag.export.rtl.design.stream import stream_files
from tritag.export.rtl.tools.check import check_design, not_simulated, require_right
from tritag.export.rtl.tools.executor import VerilogExecutor
from tritag.export.rtl.tools.simulation import require_tools
from tritag.files import JsonObject, write_json, write_text
from tritag.hls_projects.target import DEFAULT_TARGET
from tritag.hls_projects.word_check import check_words
from tritag.pipeline.defaults import RTL_JETS
from tritag.pipeline.fingerprint import record_step
from tritag.pipeline.interfaces import model_of, verilog_check
from tritag.pipeline.made_design import DesignSettings, beats_note, design_of
from tritag.pipeline.old_reports import reports_that_stay
from tritag.pipeline.opened import OpenedRun, one_writer
from tritag.pipeline.run_files import VerdictFile, executor_option
from tritag.pipeline.strength import Strength, strength_of
from tritag.pipeline.vectors import run_inputs
from tritag.report.firmware import latency_text, simulated_jets
from tritag.structured import read_json_if_there
from tritag.terminal import print_progress


class Scenario(TypedDict):
    """One simulation: jets, and how many of them gave another integer than the exported file."""

    jets: int
    differ: int


@dataclass(frozen=True)
class RtlResult:
    """A simulated design.

    Attributes
    ----------
    run : OpenedRun
        The run; the Verilog is the folder ``rtl`` in it.
    settings : DesignSettings
        Target, cycles asked for, rule for DSPs; estimated resources, in all and by kernel; latency in ns at the
        target's clock, which is assumed.
    latency_cycles : int, optional
        From a jet's first beat to its answer, measured in the simulation; None when nothing was simulated.
    scheduled_latency_cycles : int
        The same as scheduled.
    interval_cycles : int, optional
        Measured cycles between two jets (II); None when nothing was simulated.
    intervals_seen : list of int
        All distances between answers.
    scenarios : dict
        Jets and differing jets of each simulation.
    strength : Strength, optional
        How various the simulated jets and their answers are; None when nothing was simulated.
    """

    run: OpenedRun
    settings: DesignSettings
    latency_cycles: int | None
    scheduled_latency_cycles: int
    interval_cycles: int | None
    intervals_seen: list[int]
    scenarios: dict[str, Scenario]
    strength: Strength | None = None

    def as_dict(self) -> JsonObject:
        """Content of ``rtl.json``."""
        own = {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.name not in ("run", "settings")}
        return {**self.settings, **own, "strength": self.strength and self.strength.as_dict()}

    def require_right(self) -> None:
        """Raise when a jet differs or a cycle count is not the scheduled one.

        Raises
        ------
        CheckFailed
            With the counts.
        """
        require_right(self.as_dict())
        if self.strength is not None:
            self.strength.require_enough()


@one_writer
def rtl_run(
    opened: OpenedRun,
    target_name: str = DEFAULT_TARGET,
    interval: int | None = None,
    beats: int | None = None,
    jets: int = RTL_JETS,
    dsp_bits: int | None = None,
    naming: Naming | None = None,
    interface: str = "plain",
) -> RtlResult:
    """Write the Verilog of an exported run, simulate it and measure latency and II in cycles.

    Parameters
    ----------
    target_name : str
        A name in ``configs/targets``, or a YAML file.
    interval : int, optional
        Cycles between two jets; by default the target's.
    beats : int, optional
        Most cycles in which a jet's rows pass; by default as few as one SLR holds, by the estimate.
    jets : int
        Jets to simulate, besides the crafted ones; 0 writes and schedules only, and measures nothing.
    dsp_bits : int, optional
        Products of so many partial bits (width times width) and more go into DSPs.
    naming : Naming, optional
        Name and version that all modules and memories begin with; by default those of the run.
    interface : "plain", "words" or "stream"
        How the design takes jets; a stream is a module of its own around the design on words.

    Raises
    ------
    ToolError
        Verilator, g++ or perl is missing.
    RunError
        The run is not exported.
    ExportError
        A layer has no form in Verilog, or the beats exceed the interval.
    """
    run = opened.run
    if jets:
        require_tools()
    model = model_of(opened, interface)
    graph = read_graph(model)
    naming = naming or Naming.of_run(opened.name)
    design, settings = design_of(graph, target_name, interval, beats, dsp_bits, naming)
    settings["interface"] = interface
    if note := beats_note(settings["beats"], settings["most_beats"]):
        print_progress(f"{opened.name}: {note}")
    facts = facts_of_run(opened, naming, settings["part"], settings["clock_period_ns"])
    stream = stream_files(design) if interface == "stream" else {}
    texts = {f"{design.name}.v": listing(design, graph, facts), **stream}
    if not jets:
        _write_verilog(opened, design, texts, interface)
        unmeasured = RtlResult(opened, settings, **not_simulated(design))
        record_step(run, "rtl")
        run.record_provenance("rtl")
        write_json(run.path("rtl.json"), unmeasured.as_dict())
        print_progress(
            f"{opened.name}: Verilog of {len(design.kernels)} kernels, not simulated; latency as scheduled "
            + latency_text(unmeasured.as_dict())
        )
        return unmeasured
    inputs = run_inputs(opened, graph, jets, split="val")
    _write_verilog(opened, design, texts, interface)
    print_progress(
        f"{opened.name}: Verilog of {len(design.kernels)} kernels; simulating {len(inputs[0]):,} jets "
        "(compiling the simulation takes minutes the first time)"
    )
    scores = OnnxRuntimeExecutor(graph, model)
    expected = scores.run(*inputs).reshape(len(inputs[0]), -1)
    strength = strength_of(graph, inputs, expected)
    if interface != "plain":
        checked = check_words(design, graph, scores, inputs, stream=interface == "stream")
    else:
        checked = check_design(design, port_values(graph, inputs), expected)
    result = RtlResult(opened, settings, **checked, strength=strength)
    record_step(run, "rtl")
    run.record_provenance("rtl")
    write_json(run.path("rtl.json"), result.as_dict())  # last: it says that the step was done
    differ, simulated = simulated_jets(result.as_dict())
    print_progress(
        f"{opened.name}: {differ} of {simulated:,} simulated jets differ; latency {latency_text(result.as_dict())}, "
        f"II {result.interval_cycles} cycles"
    )
    print_progress(f"{opened.name}: {strength}")
    return result


def facts_of_run(opened: OpenedRun, naming: Naming, part: str, clock_period_ns: float) -> Facts:
    """What the header of a run's Verilog says besides the design."""
    return Facts(opened.name, opened.run.digest, naming.name, naming.version, part, clock_period_ns)


def _forget_verdict(opened: OpenedRun, interface: str) -> None:
    """Drop what a bit check found of an earlier design; with it go verdicts that were compared with that design."""
    path = opened.run.path("verify.json")
    verdicts: list[VerdictFile] = read_json_if_there(path) or []
    names = [verdict["executor"] for verdict in verdicts]
    if VerilogExecutor.name not in names:
        return
    kept = [verdict for verdict in verdicts if verdict["executor"] != VerilogExecutor.name]
    if names[0] == VerilogExecutor.name or len(kept) < 2:
        path.unlink()
    else:
        write_json(path, kept)
    again = advice.command("verify", opened.directory, "--executors", ",".join(map(executor_option, names)))
    if interface != "plain":
        again = verilog_check(opened, interface)
    print_progress(f"{opened.name}: the bit check of the earlier Verilog is dropped; {again} checks this one")


def _write_verilog(opened: OpenedRun, design: Design, texts: dict[str, str], interface: str) -> None:
    """Write the design and its memories; what an earlier one left goes, but for a report of the HLS project."""
    stay = reports_that_stay(opened, "Verilog")
    opened.run.discard_from("rtl")
    if stay:
        write_json(opened.run.path("vendor.json"), stay)
    _forget_verdict(opened, interface)
    folder = opened.run.path("rtl")
    shutil.rmtree(folder, ignore_errors=True)
    for name, content in {**design.files, **texts}.items():
        write_text(folder / name, content)
