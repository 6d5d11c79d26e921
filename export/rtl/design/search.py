"""How many rows pass in a cycle: the most that, by estimate, one super logic region of the part holds."""

from __future__ import annotations

from tritag.export.graph import FirmwareGraph
from tritag.export.rtl.design.design import Design, build
from tritag.export.rtl.text.fpga import ASSUMED_DEVICE, Part, known_parts
from tritag.export.rtl.text.module import Timing


def choose_design(
    graph: FirmwareGraph, timing: Timing, beats: int | None = None, part: Part | None = None
) -> tuple[Design, int]:
    """The design with the fewest beats that fits one SLR by its estimate, and its beats.

    ``beats`` decides where it is given; where none fits, the most that the interval allows are taken.

    Parameters
    ----------
    part
        Whose SLR counts; where it is not known, that of ``ASSUMED_DEVICE``
        (:func:`tritag.export.rtl.text.fpga.assumptions` says so).
    """
    if beats is not None:
        return build(graph, timing, beats), beats
    rows = max(graph.shapes[name][0] if len(graph.shapes[name]) > 1 else 1 for name in graph.inputs)
    budget = (part or known_parts()[ASSUMED_DEVICE]).budget(slr=True)
    tried: set[int] = set()
    for slots in range(rows, 0, -1):
        beats = -(-rows // slots)
        if beats in tried or beats > timing.interval:
            continue
        tried.add(beats)
        design = build(graph, timing, beats)
        if _fits(design, budget):
            return design, beats
    beats = min(rows, timing.interval)
    return build(graph, timing, beats), beats


def _fits(design: Design, budget: dict[str, float]) -> bool:
    estimate = design.estimate()
    names = {"lut": "lut", "dsp": "dsp", "bram": "bram18"}
    return all(estimate[name] <= budget[resource] for name, resource in names.items())
