"""Names, widths and meanings of a design's input ports.

A tagger's ports are called after the field of a candidate that they carry, ``pt_s0``, and are as wide as it is in the
grid's declaration; an imported program's, of which nothing is known, after input, slot and lane.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from tritag.data.jets.candidate_field import CandidateField
from tritag.export.firmware_layers import FirmwareGraph
from tritag.export.rtl.design.layout import Layout
from tritag.export.rtl.design.pieces import Draft, identifier
from tritag.export.rtl.text.signals import Signal
from tritag.export.words import TOKEN_BITS, WORD_BITS, candidate_fields


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


# Inputs of a design that takes words, in place of the graph's.
WORDS, TOKEN = "words", "token"


def input_port(graph: FirmwareGraph, source: str, slot: int, lane: int) -> InputPort:
    """The port of a lane of the graph's input ``source`` (or of words), for the rows that pass in ``slot``."""
    if source == TOKEN:
        return InputPort(
            TOKEN, 0, (1 << TOKEN_BITS) - 1, f"bits {TOKEN_BITS - 1}:0 of the jet's word, unchanged", "", ""
        )
    if source == WORDS:
        places = [f"{f.name} in {f.position + f.bits - 1}:{f.position}" for f in candidate_fields(graph)]
        return InputPort(f"word_s{slot}", 0, (1 << WORD_BITS) - 1, f"candidate's word, {', '.join(places)}", "", "")
    grid = graph.grids[source]
    if fields := candidate_fields(graph):
        if source == "count":
            return InputPort("count", grid.low, grid.high, "number of candidates", "", "1")
        return field_port(fields[lane], slot)
    name = f"in_{identifier(source)}_s{slot}_l{lane}"
    lsb = f"2^{-grid.fraction}" if grid.fraction else "1"
    return InputPort(name, grid.low, grid.high, f"{source}, lane {lane}", "", lsb, (grid.low, grid.high))


def place_port(draft: Draft, source: str, slot: int, lane: int, layout: Layout | None) -> Signal:
    """Give a design the port of :func:`input_port`; without a layout it carries a value of the jet."""
    port = input_port(draft.graph, source, slot, lane)
    held = [r if r is not None else -2 for r in layout.in_slot(slot)] if layout else [-1]
    draft.inputs[port.name], draft.reaches[port.name] = (source, held, lane), (port.low, port.high)
    return draft.top.input(port.name, port.low, port.high, jet=layout is None)


def field_port(field: CandidateField, slot: int) -> InputPort:
    """The port of a candidate's field."""
    low, high = field.of_bits
    meaning = "pT" if field.name == "pt" else field.name
    return InputPort(f"{field.name}_s{slot}", low, high, meaning, field.unit, _size(field.lsb), (field.min, field.max))


def _size(lsb: float) -> str:
    """An LSB in words: ``pi/720`` where it is a part of half a turn."""
    parts = math.pi / lsb
    return f"pi/{round(parts)}" if abs(parts - round(parts)) < 1e-9 * parts else f"{lsb:g}"
