"""The values of a running plan (plan.py), and what was made of one for several readers."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from tritag.quant.integer.float64 import power


class Values:
    """The value of each instruction that has run, float64 or int64, and what several readers need of it."""

    def __init__(self, count: int, inputs: Sequence[Tensor], rows: int) -> None:
        self.at: list[Tensor | None] = [None] * count
        self.inputs, self.rows = inputs, rows
        self.made: dict[tuple[int, str, int], Tensor] = {}

    def get(self, index: int) -> Tensor:
        """Value of an instruction that has run."""
        value = self.at[index]
        assert value is not None
        return value

    def wide(self, index: int) -> Tensor:
        """The value as int64."""
        value = self.get(index)
        return value if value.dtype == torch.int64 else self.once(index, "wide", 0, lambda: value.long())

    def power(self, index: int, sign: int, offset: int) -> Tensor:
        """``2**(sign * value + offset)`` in float64."""
        return self.once(index, "up" if sign > 0 else "down", offset, lambda: power(self.get(index), sign, offset))

    def once(self, index: int, what: str, setting: int, make: Callable[[], Tensor]) -> Tensor:
        """What was made of a value before, or now."""
        key = (index, what, setting)
        if key not in self.made:
            self.made[key] = make()
        return self.made[key]

    def free(self, indices: Sequence[int]) -> None:
        """Let values go that nothing reads any more."""
        for index in indices:
            self.at[index] = None
        if indices and self.made:
            gone = set(indices)
            for key in [key for key in self.made if key[0] in gone]:
                del self.made[key]
