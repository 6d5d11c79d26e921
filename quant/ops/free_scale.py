"""Into codes with a free scale and zero point, and back to a fixed grid. Specification: docs/ops/free_scale.md."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from tritag.errors import ExportError
from tritag.quant.formats.fixed import Grid
from tritag.quant.integer.tracer import Tracer
from tritag.quant.ops.op import BoundProgram, Op, TensorSpec, fractions
from tritag.quant.requantize.forms import form_of
from tritag.quant.requantize.step_function import Lane, step_function


@dataclass(frozen=True)
class ToCodes(Op):
    """``clip(round(x / scale + zero), low, high) - zero``, for a real scale: integers with fraction 0."""

    scale: float
    zero: int
    low: int
    high: int

    def bind(self, x: TensorSpec) -> BoundProgram:
        """Program: a product, a sum, a shift and a clip, or a table; right for every integer of ``x``."""
        lane = Lane(((_lsb(x.grid), Fraction(0)),), Fraction(self.scale), self.zero, self.low, self.high)
        return _bound("to_codes", x, [lane], 0)


@dataclass(frozen=True)
class FromSums(Op):
    """``x * scale + offset``, lane by lane, rounded half to even and saturated to the grid ``y``.

    ``x`` has integers of fraction 0. The scale is the product of ``scales``; the product of two floats need not be one.
    """

    y: Grid
    scales: tuple[float, ...]
    offsets: tuple[float, ...]

    def bind(self, x: TensorSpec) -> BoundProgram:
        """Program: a product, a sum, a shift and a clip, or a table; right for every integer of ``x``."""
        if len(self.offsets) != x.lanes:
            raise ExportError(f"from_sums must have one offset for each of {x.lanes} lanes, got {len(self.offsets)}")
        scale = _lsb(x.grid)
        for factor in self.scales:
            scale *= Fraction(factor)
        y = _lsb(self.y), 0, self.y.low, self.y.high
        return _bound("from_sums", x, [Lane(((scale, Fraction(o)),), *y) for o in self.offsets], self.y.fraction)


def _bound(name: str, x: TensorSpec, lanes: list[Lane], fraction: int) -> BoundProgram:
    steps = step_function(lanes, x.grid.low, x.grid.high, "HALF_EVEN", bipolar=False)
    write, _ = form_of(steps, lanes, "HALF_EVEN", False, x.lanes)
    t = Tracer(name, x.rows)
    t.output("y", write(t, x.declare(t, "x")))
    return BoundProgram(t.program, fractions(x), (fraction,))


def _lsb(grid: Grid) -> Fraction:
    return Fraction(2) ** -grid.fraction
