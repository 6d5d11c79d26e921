"""Softmax of each row. Specification: docs/ops/softmax.md."""

from __future__ import annotations

from dataclasses import dataclass

from tritag.quant.formats.fixed import Grid
from tritag.quant.formats.tensor import FixedTensor, fake_quantize
from tritag.quant.integer.blocks import exponential, reciprocal
from tritag.quant.integer.tracer import Int, Tracer
from tritag.quant.ops.modules import TrainableOp
from tritag.quant.ops.op import BoundProgram, Op, TensorSpec, fractions

# Spare bits of the exponentials, and mantissa and index bits of the reciprocal.
_SPARE_BITS, _MANTISSA_BITS, _INDEX_BITS = 3, 14, 10


@dataclass(frozen=True)
class Softmax(Op):
    """Softmax over the lanes of each row, from 0 to 1 in steps of ``2**-bits``."""

    bits: int = 8

    def bind(self, x: TensorSpec) -> BoundProgram:
        """Program: row maximum, one table of exp, reciprocal of the sum, one product a lane."""
        t = Tracer("softmax", x.rows)
        t.output("y", softmax_of_lanes(t, x.declare(t, "x"), x.grid.fraction, self.bits))
        return BoundProgram(t.program, fractions(x), (self.bits,))


def softmax_of_lanes(t: Tracer, x: Int, fraction: int, bits: int) -> Int:
    """Softmax over the lanes of a value with LSB ``2**-fraction``, from 0 to 1 in steps of ``2**-bits``."""
    weights = exponential(t, x.max_lanes() - x, 2.0**-fraction, bits + _SPARE_BITS)
    inverse, shift = reciprocal(t, weights.sum_lanes(), _MANTISSA_BITS, _INDEX_BITS)
    return (weights * inverse).round_shift_by(shift + (_MANTISSA_BITS - bits)).clip(0, 1 << bits)


class TrainableSoftmax(TrainableOp):
    """The op with a gradient."""

    def __init__(self, bits: int) -> None:
        super().__init__()
        self.bits = bits

    def frozen(self) -> Softmax:
        """Make the op; its grid is known."""
        return Softmax(self.bits)

    def surrogate(self, x: FixedTensor) -> FixedTensor:
        """Float softmax, rounded to the op's grid."""
        grid = Grid(0, 1 << self.bits, self.bits)
        return FixedTensor(fake_quantize(x.value.softmax(-1), grid), grid)
