"""The seven scalars of the candidates in the frame of the jet. Specification: docs/ops/local_scalars.md."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from tritag.models.layers.jet_geometry import SMALLEST_SINE
from tritag.models.layers.jet_geometry import LocalScalars as FloatLocalScalars
from tritag.quant.formats.fixed import Grid
from tritag.quant.formats.tensor import FixedTensor, fake_quantize
from tritag.quant.integer import blocks
from tritag.quant.integer.lorentz import dot, scale_to
from tritag.quant.integer.tracer import Int, Tracer
from tritag.quant.ops.jet_scalars import ANGLE_BITS, LOG_BITS, SCALAR_TYPE, Cylindrical, relative_scalars
from tritag.quant.ops.modules import TrainableExactly
from tritag.quant.ops.op import BoundProgram, Op, TensorSpec, fractions

_VECTOR_BITS = 16
_SINE_BITS = -round(math.log2(SMALLEST_SINE))


def cylindrical(t: Tracer, vector: list[Int]) -> Cylindrical:
    """Of a four-vector; logarithms in units of its LSB.

    pT is at least ``SMALLEST_SINE`` times E, with azimuth 0 below.
    """
    (energy, x, y, z), exponent = scale_to(vector, _VECTOR_BITS)
    least = energy.maximum(1).round_shift(_SINE_BITS).maximum(1)
    square = x * x + y * y
    tiny = square.less(least * least)
    square = tiny.where(least * least, square)
    x, y = tiny.where(least, x), tiny.where(0, y)
    momentum = blocks.sqrt(t, square + z * z, fraction=0)
    # The logarithm of a square, read with one more fractional bit, is the logarithm of the root.
    log_pt = blocks.log2(t, square, LOG_BITS - 1)
    log_sum = blocks.log2(t, momentum + z.absolute(), LOG_BITS - 1) << 1
    ln2 = round(math.log(2) * 2**12)
    eta = ((log_sum - log_pt) * ln2).round_shift(LOG_BITS + 12 - ANGLE_BITS).clip(0, 8 << ANGLE_BITS)
    eta = z.less(0).where(-eta, eta)
    phi = blocks.angle(t, y, x, ANGLE_BITS)
    shift = (exponent - (_VECTOR_BITS - 1)) << LOG_BITS
    log_e = (blocks.log2(t, energy.clip(0, energy.high), LOG_BITS - 1) << 1) + shift
    return Cylindrical(log_pt + shift, log_e, eta, phi)


@dataclass(frozen=True)
class LocalScalars(Op):
    """Frames (B, 1 or K, 16), candidates' tokens (B, K, 4), count (B, 1, 1) to standardised scalars (B, K, 7)."""

    def bind(self, frame: TensorSpec, tokens: TensorSpec, count: TensorSpec) -> BoundProgram:
        """Program: L p and its cylindrical coordinates per candidate; L p_jet is the first column of L times m_jet."""
        t = Tracer("local_scalars", tokens.rows)
        # One frame for the whole jet, or one for each candidate.
        matrix = frame.declare(t, "frame", per_row=frame.rows > 1)
        token = tokens.declare(t, "tokens")
        valid = t.row_index().less(count.declare(t, "count", per_row=False))
        entries = [[matrix.lane(4 * i + j) for j in range(4)] for i in range(4)]
        p = [token.lane(j) for j in range(4)]
        local = [dot(row, p).round_shift(frame.grid.fraction) for row in entries]
        mass = token.lane(0).clip(0, tokens.grid.high).sum_rows()
        jet = [(row[0] * mass).round_shift(frame.grid.fraction) for row in entries]
        own, of_jet = (cylindrical(t, [v[0].clip(0, v[0].high), *v[1:]]) for v in (local, jet))
        scalars = relative_scalars(t, own, of_jet, log_unit=-tokens.grid.fraction, ratio_unit=0)
        t.output("scalars", valid.where(t.stack(scalars), 0))
        return BoundProgram(t.program, fractions(frame, tokens, count), (SCALAR_TYPE.fraction,))


class TrainableLocalScalars(TrainableExactly):
    """The op on jets of ``n_constituents`` candidates, with a gradient."""

    def __init__(self, n_constituents: int) -> None:
        super().__init__()
        self.reference = FloatLocalScalars(n_constituents)

    def frozen(self) -> LocalScalars:
        """Make the op; it has no settings."""
        return LocalScalars()

    def surrogate(self, frame: FixedTensor, tokens: FixedTensor, count: FixedTensor) -> FixedTensor:
        """Float scalars, fake-quantized."""
        matrix = frame.value.unflatten(-1, (4, 4))
        scalars = self.reference(matrix, tokens.value, count.value)
        grid = Grid.of(SCALAR_TYPE)
        return FixedTensor(fake_quantize(torch.nan_to_num(scalars), grid), grid)
