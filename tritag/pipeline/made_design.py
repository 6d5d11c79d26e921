"""The design of a run's Verilog: chosen for a target, and built again from what ``rtl.json`` says."""

from __future__ import annotations

import dataclasses
from typing import TypedDict

from tritag.configs import build
from tritag.export.graph import FirmwareGraph
from tritag.export.naming import Naming
from tritag.export.rtl.design.design import Design
from tritag.export.rtl.design.prefix import prefixed
from tritag.export.rtl.design.search import choose_design
from tritag.export.rtl.text.delays import DelayModel
from tritag.export.rtl.text.fpga import assumptions
from tritag.export.rtl.text.module import Timing
from tritag.export.words import answers_in_words
from tritag.hls_projects.target import TargetConfig, load_target
from tritag.pipeline.run_files import DesignFile


class KernelEstimate(TypedDict):
    """A kernel of the design: its module and layer, copies, the stages it works in, and estimated resources of each."""

    module: str
    layer: str
    instances: int
    stages: list[int]
    lut: int
    ff: int
    dsp: int
    bram: int


class DesignSettings(TypedDict):
    """Name, what decides a design, what is assumed of the part, what is estimated; clock period and latency in ns.

    ``levels`` are the most logic levels that the schedule puts between two registers. ``beats`` are those of the
    design, in which a jet enters; ``most_beats`` those that the schedule was allowed. ``target_settings`` is the target
    as it was read: the design is built again from it, whatever its file says later.
    """

    name: str
    version: int
    target: str
    target_settings: dict[str, str | int | float]
    part: str
    assumptions: list[str]
    clock_period_ns: float
    levels: int
    interval: int
    beats: int
    most_beats: int
    dsp_bits: int
    interface: str
    estimate: dict[str, int]
    kernels: list[KernelEstimate]
    latency_ns: float


def timing_of(target: TargetConfig, interval: int | None = None, dsp_bits: int | None = None) -> Timing:
    """Delays, interval and rule for DSPs of a target, with what a command asks for instead."""
    delays = DelayModel.of_clock(target.clock_period_ns, target.clock_uncertainty_percent)
    timing = Timing(delays, interval or target.interval_cycles)
    return timing if dsp_bits is None else dataclasses.replace(timing, dsp_bits=dsp_bits)


def design_of(
    graph: FirmwareGraph,
    target_name: str,
    interval: int | None = None,
    beats: int | None = None,
    dsp_bits: int | None = None,
    naming: Naming | None = None,
    target: TargetConfig | None = None,
) -> tuple[Design, DesignSettings]:
    """Design of a firmware graph for a target, under the name of an artefact, and the settings that decide it.

    ``target`` is what ``target_name`` stands for, where it was read already.
    """
    target = load_target(target_name) if target is None else target
    timing = timing_of(target, interval, dsp_bits)
    delays = timing.delays
    naming = naming or Naming("tagger")
    design, most_beats = choose_design(graph, timing, beats, target.fpga)
    design = prefixed(design, naming)
    settings: DesignSettings = {
        "name": naming.name,
        "version": naming.version,
        "target": target_name,
        "target_settings": dataclasses.asdict(target),
        "part": target.part,
        "assumptions": assumptions(target.part),
        "clock_period_ns": target.clock_period_ns,
        "levels": delays.stage_levels,
        "interval": timing.interval,
        "beats": design.beats,
        "most_beats": most_beats,
        "dsp_bits": timing.dsp_bits,
        "interface": "words" if answers_in_words(graph) else "plain",
        "estimate": design.estimate(),
        "kernels": [
            {
                "module": k.module,
                "layer": k.layer,
                "instances": k.instances,
                "stages": [k.first_stage, k.last_stage],
                "lut": round(k.cost.lut),
                "ff": round(k.cost.ff),
                "dsp": round(k.cost.dsp),
                "bram": round(k.cost.bram),
            }
            for k in design.kernels
        ],
        "latency_ns": design.latency_cycles * target.clock_period_ns,
    }
    return design, settings


def made_target(made: DesignFile) -> TargetConfig:
    """The target that a run's Verilog was made for, as ``tritag rtl`` read it then.

    An ``rtl.json`` of an earlier version has only the target's name or file, which is read again.

    Raises
    ------
    ConfigError
        The file of an earlier version's target is missing, or what stands in ``rtl.json`` is no target.
    """
    if "target_settings" not in made:
        return load_target(made["target"])
    return build(TargetConfig, made["target_settings"], where="target_settings of rtl.json")


def made_design(graph: FirmwareGraph, made: DesignFile, naming: Naming) -> Design:
    """The design that ``rtl.json`` describes, built again under a name."""
    most_beats = made.get("most_beats", made["beats"])
    target = made_target(made)
    return design_of(graph, made["target"], made["interval"], most_beats, made.get("dsp_bits"), naming, target)[0]


def beats_note(beats: int, most_beats: int) -> str:
    """A sentence where a design takes fewer beats than it was allowed; else empty."""
    if beats == most_beats:
        return ""
    return f"a jet enters in {beats} beat{'s' * (beats != 1)}, not in the {most_beats} allowed: as many rows a beat do"
