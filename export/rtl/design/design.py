"""The top level: every layer of the firmware graph as kernels, placed one behind the other on one time axis.

All cycle counts are known while the design is written, so there is no handshake inside: one pulse per jet walks along
with it (``go``) and loads what belongs to the jet. Rows pass in beats, ``slots`` of them in each (layout.py).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from tritag.errors import ExportError
from tritag.export.graph import CutTo, FirmwareGraph, Layer, Linear, Sum
from tritag.export.rtl.design.layers import place_layer
from tritag.export.rtl.design.layout import spread
from tritag.export.rtl.design.op_kernels import place_program
from tritag.export.rtl.design.pieces import Draft, Tensor, identifier
from tritag.export.rtl.design.placed import Placed
from tritag.export.rtl.design.ports import place_port
from tritag.export.rtl.design.word_ports import finish_words, place_word_inputs
from tritag.export.rtl.estimate.resources import Cost, estimate, output_ports
from tritag.export.rtl.text.module import Timing
from tritag.export.rtl.text.signals import Signal
from tritag.export.words import answers_in_words
from tritag.quant.formats.fixed import Grid
from tritag.quant.ops.op import BoundProgram


@dataclass
class Design:
    """Generated Verilog and what is known of it.

    Attributes
    ----------
    latency_cycles : int
        From a jet's first beat at the inputs to ``out_valid``.
    interval_cycles : int
        Least number of cycles between two jets.
    beats : int
        Cycles during which a jet enters.
    inputs : dict
        Port name to (graph input, row, or -1 for a jet's value, lane) of every beat.
    widths, reaches : dict
        Port name to its bits, and to the least and largest integer that it takes.
    """

    name: str
    modules: dict[str, str]
    top: str
    latency_cycles: int
    interval_cycles: int
    beats: int
    inputs: dict[str, tuple[str, list[int], int]]
    widths: dict[str, int]
    reaches: dict[str, tuple[int, int]]
    outputs: list[tuple[str, int, bool]]
    kernels: list[Placed] = field(default_factory=list)

    @cached_property
    def glue(self) -> Cost:
        """Estimate of the top level without the kernels."""
        return estimate(self.top, {}, {k.module: output_ports(k.text) for k in self.kernels})

    def estimate(self) -> dict[str, int]:
        """Estimated resources of all kernels and the top level."""
        parts = [(self.glue, 1), *((k.cost, k.instances) for k in self.kernels)]
        names = ("lut", "ff", "carry8", "dsp", "bram")
        return {name: sum(getattr(c, name) * n for c, n in parts) for name in names}

    @property
    def files(self) -> dict[str, str]:
        """Contents of memories, by the file name that the Verilog reads them from."""
        return {name: content for kernel in self.kernels for name, content in kernel.files.items()}

    @property
    def text(self) -> str:
        """Verilog of all modules, the kernels first and the top module last."""
        return "\n".join([*self.modules.values(), self.top])


def build(graph: FirmwareGraph, timing: Timing, beats: int, name: str = "tagger") -> Design:
    """Verilog of a firmware graph.

    Parameters
    ----------
    timing
        Delay model, least cycles between jets, rule for DSPs.
    beats
        Most cycles that the rows of a jet may take to pass; 1 makes the design fully parallel.

    Raises
    ------
    ExportError
        ``beats`` exceeds the interval, or a layer has no RTL form.
    """
    if not 1 <= beats <= timing.interval:
        raise ExportError(f"beats must lie in [1, {timing.interval}] (the interval in cycles), got {beats}")
    with _deep_recursion():
        return _built(Draft(graph, timing, beats, name))


def build_op(bound: BoundProgram, rows: int, timing: Timing, beats: int, name: str = "op") -> Design:
    """Verilog of one op by itself; the design's outputs are those of the program, row by row."""
    program = bound.program
    graph = FirmwareGraph()
    for port, fraction in zip(program.inputs, bound.in_fractions, strict=True):
        node = program.nodes[port.node]
        graph.inputs.append(port.name)
        graph.grids[port.name] = Grid(node.low, node.high, fraction)
        graph.shapes[port.name] = (rows if node.per_row else 1, node.lanes)
    with _deep_recursion():
        return _built_op(Draft(graph, timing, beats, name), bound, rows)


@contextmanager
def _deep_recursion() -> Iterator[None]:
    """Room for programs whose instructions hang one on the other: they are written by recursion."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, 20_000))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


def _built(draft: Draft) -> Design:
    token = place_word_inputs(draft) if answers_in_words(draft.graph) else None
    for source in draft.graph.inputs if token is None else ():
        draft.tensors[source] = _input(draft, source)
    layers, done = draft.graph.layers, set[str]()
    for layer in layers:
        if layer.name not in done:
            chain = [layer]
            while (follower := _only_cut(draft, chain[-1])) is not None:
                chain.append(follower)
            done.update(c.name for c in chain)
            place_layer(draft, chain)
    return _finish(draft, [draft.tensors[name] for name in draft.graph.outputs], token)


def _built_op(draft: Draft, bound: BoundProgram, rows: int) -> Design:
    for source in draft.graph.inputs:
        draft.tensors[source] = _input(draft, source)
    sources = [draft.tensors[source] for source in draft.graph.inputs]
    return _finish(draft, place_program(draft, bound.program.name, bound.program, rows, sources))


def _only_cut(draft: Draft, layer: Layer) -> CutTo | None:
    """The cut that alone reads a sum or product: it goes into the same kernel."""
    if not isinstance(layer, Linear | Sum) or layer.name in draft.graph.outputs:
        return None
    readers = [x for x in draft.graph.layers if layer.name in x.sources]
    return readers[0] if len(readers) == 1 and isinstance(readers[0], CutTo) else None


def _input(draft: Draft, name: str) -> Tensor:
    shape, grid = draft.graph.shapes[name], draft.graph.grids[name]
    rows = shape[0] if len(shape) > 1 else 1
    lanes = int(np.prod(shape)) // rows
    layout = spread(rows, draft.beats) if rows > 1 else None
    cells = []
    for slot in range(layout.slots if layout else 1):
        cell = []
        for lane in range(lanes):
            signal = place_port(draft, name, slot, lane, layout)
            cell.append(draft.top.widened(signal, f"in_{identifier(name)}_s{slot}_l{lane}", grid.low, grid.high))
        cells.append(cell)
    return Tensor(layout, cells)


def _finish(draft: Draft, outputs: list[Tensor], token: Signal | None = None) -> Design:
    signals = [s for tensor in outputs for s in draft.gather(tensor)]
    latency, ports = draft.top.finish(signals) if token is None else finish_words(draft, token, signals)
    draft.top.module.outputs.update({name: width for name, width, _ in ports})
    return Design(
        draft.name,
        {k.module: k.text for k in draft.top.placed},
        draft.top.text(latency),
        latency,
        draft.timing.interval,
        max((t.layout.beats for t in (draft.tensors[i] for i in draft.graph.inputs) if t.layout), default=1),
        draft.inputs,
        {port: draft.top.module.inputs[port] for port in draft.inputs},
        draft.reaches,
        ports,
        draft.top.placed,
    )


__all__ = ["Design", "build", "build_op"]
