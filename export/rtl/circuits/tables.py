"""Tables: logic in LUTs when they are small, else a block memory with a registered output."""

from __future__ import annotations

from collections.abc import Sequence

from tritag.export.rtl.circuits.arithmetic import shared
from tritag.export.rtl.text.module import Module
from tritag.export.rtl.text.signals import Signal, constant
from tritag.quant.formats.fixed import int_bits

# Bits of a table from which on it goes into block memory: half of a RAMB18.
BLOCK_BITS = 9 * 1024


@shared
def lookup(m: Module, index: Signal, entries: tuple[int, ...], table: str = "table") -> Signal:
    """Entry ``index`` of a table with that name; entries that the index cannot reach are left out."""
    if index.const is not None:
        return constant(entries[index.const])
    reach = entries[index.low : index.high + 1]
    low, high = min(reach), max(reach)
    if low == high:
        return constant(low)
    width = max(int_bits(low, high), 1)
    if (1 << index.width) * width >= BLOCK_BITS:
        return _block(m, index, entries, low, high, width, table)
    return _logic(m, index, entries, low, high, width, table)


def _logic(m: Module, index: Signal, entries: Sequence[int], low: int, high: int, width: int, table: str) -> Signal:
    stage, offset = m.place([index], m.timing.delays.table(index.width))
    memory = _memory(m, index, entries, width, "logic", table)
    # A LUT for 64 entries; a smooth table needs fewer, this is the bound.
    return m.wire(f"{memory}[{m.operand(index, stage, index.width)}]", low, high, stage, offset)


def _block(m: Module, index: Signal, entries: Sequence[int], low: int, high: int, width: int, table: str) -> Signal:
    delays = m.timing.delays
    stage, _ = m.place([index], delays.rom_ns)
    memory = _memory(m, index, entries, width, "block", table)
    text = f"{memory}[{m.operand(index, stage, index.width)}]"
    return m.stored(text, low, high, stage, delays.rom_out_ns)


def _memory(m: Module, index: Signal, entries: Sequence[int], width: int, style: str, table: str) -> str:
    """Declare a read-only memory; its content is a file beside the Verilog, named by module and table."""
    digits, mask = -(-width // 4), (1 << width) - 1
    reach = [entries[min(max(i, index.low), index.high)] & mask for i in range(1 << index.width)]
    content = "".join(f"{entry:0{digits}x}\n" for entry in reach)
    file = _file(m, table, content)
    memory = m.fresh(f"rom_{table}_")
    m.lines.append(f'(* rom_style = "{style}" *) reg [{width - 1}:0] {memory} [0:{len(reach) - 1}];')
    m.lines.append(f'initial $readmemh("{file}", {memory});')
    return memory


def _file(m: Module, table: str, content: str) -> str:
    """Name of the file with that content: equal contents share one, others of the same table are numbered."""
    number = 1
    while True:
        file = f"{m.name}_{table}{'' if number == 1 else f'_{number}'}.hex"
        if m.files.setdefault(file, content) == content:
            return file
        number += 1
