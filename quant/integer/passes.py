"""When each instruction of a program runs, in firmware that goes through the rows one after the other."""

from __future__ import annotations

from tritag.quant.integer.instructions import INSTRUCTIONS
from tritag.quant.integer.program import Program

# Instructions that need all rows of their argument: they end a pass.
OVER_ROWS = tuple(name for name, instruction in INSTRUCTIONS.items() if instruction.over_rows)


def pass_times(program: Program) -> list[int]:
    """When each instruction runs: per-row values at even times 2p (pass p), jet values at odd times before it."""
    times: list[int] = []
    for node in program.nodes:
        earliest = max((times[a] + (1 if node.op in OVER_ROWS else 0) for a in node.args), default=-1)
        if node.per_row:
            earliest = max(earliest, 0)
            earliest += earliest % 2
        elif earliest % 2 == 0:
            earliest += 1
        times.append(earliest)
    return times
