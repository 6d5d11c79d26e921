"""Names, widths and meanings of a design's input ports.

A tagger's ports are called after what they carry, ``pt_s0`` or ``count``, and are as wide as its field of a candidate;
an imported program's, of which nothing is known, after input, slot and lane.
"""

from __future__ import annotations

from dataclasses import dataclass

from tritag.data.jets.candidate_word import CANDIDATE_FIELDS, CandidateField
from tritag.export.firmware_layers import FirmwareGraph
from tritag.export.rtl.design.pieces import identifier


@dataclass(frozen=True)
class InputPort:
    """A port: its name, the integers that it can carry, and what the header says of it.

    Attributes
    ----------
    low, high : int
        Integers that its bits can hold: two's complement where ``low`` is negative, else unsigned.
    meaning, unit, lsb : str
        In words.
    used : tuple of int, optional
        Least and largest integer that is meant, where the header names it.
    """

    name: str
    low: int
    high: int
    meaning: str
    unit: str
    lsb: str
    used: tuple[int, int] | None = None


def takes_candidates(graph: FirmwareGraph) -> bool:
    """Whether the inputs are a jet's candidates and their number; the graph lint holds such inputs to their grids."""
    return graph.inputs == ["codes", "count"] and graph.shapes["codes"][-1] == len(CANDIDATE_FIELDS)


def input_port(graph: FirmwareGraph, source: str, slot: int, lane: int) -> InputPort:
    """The port of a lane of the graph's input ``source``, for the rows that pass in ``slot``."""
    grid = graph.grids[source]
    if takes_candidates(graph):
        if source == "count":
            return InputPort("count", grid.low, grid.high, "number of candidates", "", "1")
        return field_port(CANDIDATE_FIELDS[lane], slot)
    name = f"in_{identifier(source)}_s{slot}_l{lane}"
    lsb = f"2^{-grid.fraction}" if grid.fraction else "1"
    return InputPort(name, grid.low, grid.high, f"{source}, lane {lane}", "", lsb, (grid.low, grid.high))


def field_port(field: CandidateField, slot: int) -> InputPort:
    """The port of a candidate's field."""
    low, high = field.reach
    used = (field.low, field.high)
    return InputPort(f"{field.name}_s{slot}", low, high, field.meaning, field.unit, field.lsb, used)
