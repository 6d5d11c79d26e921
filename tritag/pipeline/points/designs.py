"""Designs of trained points: the schedule and the estimate of their Verilog, without writing or simulating it."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tritag.configs import digest
from tritag.environment import runs_root
from tritag.errors import RunError
from tritag.export.graph import read_graph
from tritag.export.qonnx_file import export_model
from tritag.files import JsonObject, write_json
from tritag.hls_projects.target import DEFAULT_TARGET, load_target
from tritag.models.training.start import weights_hash
from tritag.models.training.weights import WEIGHTS_FILE
from tritag.pipeline.export import exact
from tritag.pipeline.made_design import design_of
from tritag.pipeline.opened import OpenedRun
from tritag.pipeline.points.jobs import FOLDER, Job
from tritag.pipeline.step_sources import sources_of
from tritag.run import Run
from tritag.structured import read_json
from tritag.tasks import Report


@dataclass(frozen=True)
class DesignAsked:
    """What decides a design besides the network.

    Attributes
    ----------
    target : str
        A name in ``configs/targets``, or a YAML file.
    interval, beats, dsp_bits : int, optional
        As ``tritag rtl`` takes them.
    """

    target: str = DEFAULT_TARGET
    interval: int | None = None
    beats: int | None = None
    dsp_bits: int | None = None

    def name(self) -> str:
        """Digest of what is asked for, the target by its content."""
        return digest({**dataclasses.asdict(self), "target": dataclasses.asdict(load_target(self.target))})


def design_job(run: Path, asked: DesignAsked) -> Job:
    """Schedule a trained, exact run; done when its record was made of the same weights by the same sources."""
    name = f"{run.name}.{asked.name()}"
    target = runs_root() / FOLDER / f"{name}.json"
    return Job(name, target, _schedule, (run.name, asked, name), partial(_is_made, run, target))


def read_design(run: Path, asked: DesignAsked) -> JsonObject | None:
    """Figures of a design; None where it is not made, or of other weights or sources.

    Returns
    -------
    dict
        ``latency_cycles``, ``latency_ns``, ``interval_cycles``, ``beats``; ``lut``, ``ff``, ``dsp``, ``bram``; shares
        of the part as ``lut_share`` and ``dsp_share``, None where the part is not known.
    """
    return _read(run, runs_root() / FOLDER / f"{run.name}.{asked.name()}.json")


def _is_made(run: Path, target: Path) -> bool:
    return _read(run, target) is not None


def _read(run: Path, target: Path) -> JsonObject | None:
    if not target.is_file() or not (run / WEIGHTS_FILE).is_file():
        return None
    try:
        content = read_json(target, RunError, "remove it")
    except RunError:
        return None
    if not isinstance(content, dict) or content.get("made_of") != _made_of(run):
        return None
    figures: JsonObject = content["figures"]
    return figures


def _made_of(run: Path) -> JsonObject:
    sources = [sources_of(step) for step in ("export", "rtl")]
    return {"weights": weights_hash(run / WEIGHTS_FILE), "sources": sources}


def _schedule(report: Report, run: str, asked: DesignAsked, name: str) -> None:
    opened = OpenedRun(Run.open(runs_root() / run))
    graph = read_graph(export_model(exact(opened.tagger())))
    design, settings = design_of(graph, asked.target, asked.interval, asked.beats, asked.dsp_bits)
    estimate, part = design.estimate(), load_target(asked.target).fpga
    shares = part.shares(estimate) if part is not None else {}
    figures: JsonObject = {
        "latency_cycles": design.latency_cycles,
        "latency_ns": settings["latency_ns"],
        "interval_cycles": settings["interval"],
        "beats": settings["beats"],
        **{key: estimate[key] for key in ("lut", "ff", "dsp", "bram")},
        **{f"{key}_share": shares.get(key) for key in ("lut", "dsp")},
    }
    if settings["most_beats"] != settings["beats"]:
        figures["most_beats"] = settings["most_beats"]
    made_of = _made_of(opened.directory)
    write_json(runs_root() / FOLDER / f"{name}.json", {"name": name, "made_of": made_of, "figures": figures})
