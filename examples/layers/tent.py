"""A layer of one's own with an integer program of its own: the tent ``max(0, 1 - |x|)``."""

from dataclasses import dataclass

from torch import nn

from tritag.quant.formats.fixed import Grid
from tritag.quant.integer.tracer import Tracer
from tritag.quant.layers.factory import quantizes
from tritag.quant.ops.modules import TrainableOnGrid
from tritag.quant.ops.op import BoundProgram, Op, TensorSpec, fractions


class Tent(nn.Module):
    def forward(self, x):
        return (1 - x.abs()).clamp(min=0)


@dataclass(frozen=True)
class TentOp(Op):
    y: Grid

    def bind(self, x: TensorSpec) -> BoundProgram:
        t = Tracer("tent", x.rows)
        height = ((1 << x.grid.fraction) - x.declare(t, "x").absolute()).maximum(0)
        t.output("y", height.round_shift(x.grid.fraction - self.y.fraction).clip(self.y.low, self.y.high))
        return BoundProgram(t.program, fractions(x), (self.y.fraction,))


@quantizes(Tent)
def quantized_tent(layers):
    """On the grid that its cut observes."""
    return TrainableOnGrid(layers.cut(), TentOp, Tent())
