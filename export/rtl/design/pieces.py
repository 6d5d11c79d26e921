"""Tensors in the circuit, and what every layer needs to read and write them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tritag.errors import ExportError
from tritag.export.graph import FirmwareGraph
from tritag.export.rtl.design.kernel import Kernel, Top
from tritag.export.rtl.design.layout import Layout, spread
from tritag.export.rtl.text.module import Timing
from tritag.export.rtl.text.signals import Signal


@dataclass
class Tensor:
    """A tensor in the circuit: of rows when it has a layout, else of the whole jet.

    Attributes
    ----------
    layout : Layout, optional
        Where the rows are.
    cells : list of list of Signal
        One list of signals per slot, a row's entries in order; a jet's tensor has one list with all entries.
    """

    layout: Layout | None
    cells: list[list[Signal]]


class Draft:
    """A design while it is written: its top level, and the tensors so far.

    Attributes
    ----------
    top : Top
        The top level, into which kernels are placed.
    tensors : dict
        Tensor in the circuit of every graph input and of every layer that is placed, by name.
    inputs, reaches : dict
        See :class:`~tritag.export.rtl.design.design.Design`, which gets them.
    gathered : dict
        Values of the jet that were made of a tensor's rows, by the tensor's identity, so that they are made once.
    """

    def __init__(self, graph: FirmwareGraph, timing: Timing, beats: int, name: str) -> None:
        self.graph, self.timing, self.beats, self.name = graph, timing, beats, name
        self.top = Top(name, timing)
        self.tensors: dict[str, Tensor] = {}
        self.inputs: dict[str, tuple[str, list[int], int]] = {}
        self.reaches: dict[str, tuple[int, int]] = {}
        self.gathered: dict[int, list[Signal]] = {}

    def in_step(self, sources: list[Tensor], moving: list[bool], rows: int) -> list[Tensor]:
        """Sources of which a jet's tensor passes row by row too, where it meets one that does, or has several rows."""
        layouts = {s.layout for s, moves in zip(sources, moving, strict=True) if moves and s.layout is not None}
        if not layouts and rows > 1:
            layouts = {spread(rows, self.beats)}
        if len(layouts) != 1 or (layout := layouts.pop()).rows != rows:
            return sources
        return [
            Tensor(layout, self.top.insert(layout, rows, len(s.cells[0]) // rows, s.cells[0], []))
            if moves and s.layout is None
            else s
            for s, moves in zip(sources, moving, strict=True)
        ]

    def name_of(self, text: str) -> str:
        """Module name of a piece of this design."""
        return f"{self.name}_{identifier(text)}"

    def kernel(self, name: str, layout: Layout | None, sub: int, layer: str = "") -> Kernel:
        """An empty kernel of ``sub`` instances in each slot of ``layout``; ``layer`` (default: its name) owns it."""
        return Kernel(self.top, self.name_of(name), layer or name, layout, sub)

    def entries(self, kernel: Kernel, tensor: Tensor) -> list[Signal]:
        """A row's entries inside a kernel (all entries of a jet's tensor)."""
        if tensor.layout is None:
            return [kernel.jet(s) for s in tensor.cells[0]]
        port = f"x{kernel.module.count}"
        kernel.module.count += 1
        return [kernel.rows(f"{port}_{i}", [cell[i] for cell in tensor.cells]) for i in range(len(tensor.cells[0]))]

    def tensor(self, kernel: Kernel, layout: Layout | None, values: list[Signal]) -> Tensor:
        """Close a kernel whose results are ``values`` and give them as a tensor."""
        results = kernel.finish({f"y{i}": v for i, v in enumerate(values)})
        cells = [[results[f"y{i}"][slot] for i in range(len(values))] for slot in range(kernel.instances)]
        return Tensor(layout, cells)

    def gather(self, tensor: Tensor) -> list[Signal]:
        """All entries of a tensor as values of the jet, row after row."""
        if tensor.layout is None:
            return tensor.cells[0]
        key = id(tensor)
        if key not in self.gathered:
            self.gathered[key] = [
                self.top.as_jet(signal, beat) for beat, slot in tensor.layout.places for signal in tensor.cells[slot]
            ]
        return self.gathered[key]


def common_layout(name: str, tensors: list[Tensor]) -> Layout | None:
    """Where the rows of all tensors are, None where there is no tensor.

    Raises
    ------
    ExportError
        The tensors have their rows in different places; the message begins with ``name``.
    """
    layouts = {t.layout for t in tensors}
    if len(layouts) > 1:
        raise ExportError(f"{name}: its rows must come in the same order from all sources")
    return layouts.pop() if layouts else None


def identifier(text: str) -> str:
    """The text with everything that a Verilog name cannot hold replaced."""
    return re.sub(r"\W", "_", text)


__all__ = ["Draft", "Tensor", "common_layout", "identifier"]
