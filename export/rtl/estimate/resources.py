"""Estimate of a module's resources before synthesis, from its Verilog (netlist.py).

What Yosys does for this family, in short: six-input LUTs cover what stands between wires (bits.py); a sum of n bits is
a carry chain with one LUT a bit; a comparison packs three pairs of bits, or six bits beside a known value, into two
LUTs; three and more registers in a row with one enable become a shift register in a LUT for each 32 of them; what
depends on nothing or feeds nothing is left out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tritag.export.rtl.estimate.bits import count_luts
from tritag.export.rtl.estimate.cells import Netlist
from tritag.export.rtl.estimate.netlist import read_netlist

# Registers in a row from which on they are a shift register, and how many of them a LUT holds.
SHIFT_LEAST = 3
SHIFT_LUT = 32
BLOCK_BITS = 18 * 1024
_OUTPUT = re.compile(r"output wire (?:\[\d+:0\] )?(\w+)")


@dataclass(frozen=True)
class Cost:
    """Estimated resources of a module; registers that a DSP has inside are not counted."""

    lut: int = 0
    ff: int = 0
    carry8: int = 0
    dsp: int = 0
    bram: int = 0


def estimate(text: str, files: Mapping[str, str], given: Mapping[str, Sequence[str]] | None = None) -> Cost:
    """Resources of a module.

    Parameters
    ----------
    text
        Its Verilog.
    files
        Contents of memories by file name.
    given
        Names of the output ports of every module that stands in it; what is inside of those is not counted.
    """
    netlist = read_netlist(text, files, given)
    cells, gates, roots, readers = _live(netlist)
    registers, shift_luts = _registers(netlist, cells, readers)
    carries = [len(netlist.cells[i].gives) for i in cells if netlist.cells[i].kind == "carry"]
    return Cost(
        lut=round(count_luts(netlist.bits, roots, gates)) + shift_luts,
        ff=registers,
        # Four bits each, two of which make a CARRY8: so does the synthesis count.
        carry8=-(-sum(-(-n // 4) for n in carries) // 2),
        dsp=sum(netlist.cells[i].kind == "dsp" for i in cells),
        bram=sum(-(-netlist.cells[i].size // BLOCK_BITS) for i in cells if netlist.cells[i].kind == "memory"),
    )


def output_ports(text: str) -> list[str]:
    """Names of a module's outputs."""
    return _OUTPUT.findall(text[: text.index(");")])


def _live(netlist: Netlist) -> tuple[list[int], list[int], list[int], dict[int, int]]:
    """Cells and gates that an output depends on, the bits that must be wires, and how often each bit is read."""
    source = {bit: i for i, cell in enumerate(netlist.cells) for bit in cell.gives}
    fanins = netlist.bits.fanins
    roots = list(netlist.outputs)
    # Whatever stands in the module is there for a reason.
    cells = {i for i, cell in enumerate(netlist.cells) if cell.kind == "instance" and not cell.gives}
    for i in cells:
        roots.extend(netlist.cells[i].reads)
    waiting, gates, readers = list(roots), set[int](), dict[int, int]()
    seen: set[int] = set()
    for bit in roots:
        readers[bit] = readers.get(bit, 0) + 1
    while waiting:
        bit = waiting.pop()
        if bit in seen or bit < 2:
            continue
        seen.add(bit)
        if fanins[bit]:
            gates.add(bit)
            reads: Sequence[int] = fanins[bit]
        elif bit in source and source[bit] not in cells:
            cells.add(source[bit])
            reads = netlist.cells[source[bit]].reads
            roots.extend(reads)
        else:
            continue
        for other in reads:
            readers[other] = readers.get(other, 0) + 1
        waiting.extend(reads)
    return sorted(cells), sorted(gates), roots, readers


def _registers(netlist: Netlist, cells: Sequence[int], readers: Mapping[int, int]) -> tuple[int, int]:
    """Registers, and LUTs that hold rows of them."""
    chosen = [netlist.cells[i] for i in cells if netlist.cells[i].kind == "register"]
    before = {c.gives[0]: (c.reads[0], c.reads[1]) for c in chosen}
    follower = {}
    for q, (data, enable) in before.items():
        if data in before and before[data][1] == enable and readers[data] == 1:
            follower[data] = q
    followed = set(follower.values())
    registers = luts = 0
    for q in before:
        if q in followed:
            continue
        length, end = 1, q
        while end in follower:
            end = follower[end]
            length += 1
        if length >= SHIFT_LEAST:
            luts += -(-length // SHIFT_LUT)
        else:
            registers += length - (q in netlist.product)
    return registers, luts
