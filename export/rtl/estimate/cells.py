"""A module as cells and bits: what the estimate counts."""

from __future__ import annotations

from dataclasses import dataclass, field

from tritag.export.rtl.estimate.bits import Bits


@dataclass
class Cell:
    """What is no LUT: it reads bits as wires and gives bits as wires.

    Attributes
    ----------
    kind : str
        ``register`` (reads data and enable), ``carry``, ``dsp``, ``memory`` or ``instance``.
    size : int
        Bits of a memory.
    """

    kind: str
    reads: tuple[int, ...]
    gives: tuple[int, ...]
    size: int = 0


@dataclass
class Netlist:
    """A module's bits, cells and outputs; ``product`` are the bits that come straight from a DSP."""

    bits: Bits = field(default_factory=Bits)
    cells: list[Cell] = field(default_factory=list)
    outputs: list[int] = field(default_factory=list)
    product: set[int] = field(default_factory=set)
