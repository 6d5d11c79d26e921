"""The instructions of integer programs: their names, and how many operands and settings each has.

This table is the one list of instructions. The tracer (:mod:`tritag.quant.integer.tracer`) writes no other, the reader
of files accepts no other, and every :class:`tritag.quant.integer.emitter.Emitter` must have a method for each.
``docs/integer-programs.md`` says what they compute.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Instruction:
    """Form of an instruction.

    Attributes
    ----------
    operands : int or None
        Number of values that it takes; None for any number.
    settings : int or None
        Number of fixed integers that belong to it, a shift's bits for example; None for any number.
    over_rows : bool
        Whether it needs all rows of its operand, so that firmware ends a pass over the rows there.
    """

    operands: int | None
    settings: int | None = 0
    over_rows: bool = False

    def fits(self, operands: int, settings: int) -> bool:
        """Whether the numbers of operands and settings are allowed."""
        return self.operands in (None, operands) and self.settings in (None, settings)


INSTRUCTIONS: dict[str, Instruction] = {
    "input": Instruction(0),
    "const": Instruction(0, None),
    "row": Instruction(0, 1),
    "add": Instruction(2),
    "sub": Instruction(2),
    "mul": Instruction(2),
    "shl": Instruction(1, 1),
    "shr": Instruction(1, 1),
    "rsh": Instruction(1, 1),
    "rshv": Instruction(2),
    "shlv": Instruction(2),
    "clip": Instruction(1, 2),
    "max": Instruction(2),
    "min": Instruction(2),
    "abs": Instruction(1),
    "lt": Instruction(2),
    "eq": Instruction(2),
    "select": Instruction(3),
    "lead": Instruction(1),
    "norm": Instruction(1, 1),
    "align": Instruction(2, 1),
    "lookup": Instruction(1, 1),
    "suml": Instruction(1),
    "maxl": Instruction(1),
    "sumr": Instruction(1, 1, over_rows=True),
    "maxr": Instruction(1, over_rows=True),
    "lane": Instruction(1, 1),
    "stack": Instruction(None),
}
