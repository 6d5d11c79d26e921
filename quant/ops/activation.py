"""Functions of single values: relu, clip, sigmoid, tanh. Specification: docs/ops/activation.md."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from tritag.errors import ExportError
from tritag.quant.formats.fixed import Grid
from tritag.quant.integer.tracer import Tracer
from tritag.quant.ops.op import BoundProgram, Op, TensorSpec, fractions

# One table entry an input code.
_MOST_ENTRIES = 1 << 14
Curve = Literal["sigmoid", "tanh"]
CURVES: dict[str, Callable[[float], float]] = {
    "sigmoid": lambda x: 1 / (1 + math.exp(-x)) if x > 0 else 1 - 1 / (1 + math.exp(x)),
    "tanh": math.tanh,
}


@dataclass(frozen=True)
class Relu(Op):
    """``max(x, 0)``, cut to the grid ``y``."""

    y: Grid

    def bind(self, x: TensorSpec) -> BoundProgram:
        """Program: one maximum, one rounding."""
        t = Tracer("relu", x.rows)
        positive = x.declare(t, "x").maximum(0)
        t.output("y", positive.round_shift(x.grid.fraction - self.y.fraction).clip(self.y.low, self.y.high))
        return BoundProgram(t.program, fractions(x), (self.y.fraction,))


@dataclass(frozen=True)
class Clamp(Op):
    """Cut to the grid ``y``, and to its codes between those of the real numbers ``low`` and ``high``."""

    y: Grid
    low: float
    high: float

    def bind(self, x: TensorSpec) -> BoundProgram:
        """Program: one rounding, one saturation."""
        t = Tracer("clamp", x.rows)
        scale = 2.0**self.y.fraction
        ends = [min(max(round(end * scale), self.y.low), self.y.high) for end in (self.low, self.high)]
        t.output("y", x.declare(t, "x").round_shift(x.grid.fraction - self.y.fraction).clip(*ends))
        return BoundProgram(t.program, fractions(x), (self.y.fraction,))


@dataclass(frozen=True)
class Table(Op):
    """A function of each code, rounded and saturated to the grid ``y``."""

    y: Grid
    curve: Curve

    def bind(self, x: TensorSpec) -> BoundProgram:
        """Program: one lookup."""
        y, given, function = self.y, x.grid, CURVES[self.curve]
        if given.high - given.low >= _MOST_ENTRIES:
            raise ExportError(
                f"a table of {self.curve} must have at most {_MOST_ENTRIES} entries, got one for each integer of "
                f"[{given.low}, {given.high}]; cut the tensor before it (a linear layer that is not summed does)"
            )
        t = Tracer("table", x.rows)
        value = x.declare(t, "x")

        def entry(index: int) -> float:
            scaled = function((index + given.low) * 2.0**-given.fraction) * 2.0**y.fraction
            return min(max(scaled, y.low), y.high)

        table = t.table(self.curve, entry, given.high - given.low + 1)
        t.output("y", (value - given.low).lookup(table))
        return BoundProgram(t.program, fractions(x), (y.fraction,))
