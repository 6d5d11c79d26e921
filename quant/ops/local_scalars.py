"""The seven scalars of the candidates in the frame of the jet. Specification: docs/ops/local_scalars.md."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from tritag.models.layers.jet_geometry import SMALLEST_SINE
from tritag.models.layers.jet_geometry import LocalScalars as FloatLocalScalars
from tritag.quant.formats.fixed import Grid
from tritag.quant.formats.tensor import FixedTensor, fake_quantize
from tritag.quant.integer import blocks
from tritag.quant.integer.lorentz import dot, scale_to
from tritag.quant.integer.program import Int, Tracer
from tritag.quant.ops.jet_scalars import ANGLE_BITS, LOG_BITS, SCALAR_TYPE, Cylindrical, relative_scalars
from tritag.quant.ops.op import BoundProgram, IntegerOp

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


class LocalScalars(IntegerOp):
    """Frames (B, 1 or K, 16), candidates' tokens (B, K, 4), count (B, 1, 1) to standardised scalars (B, K, 7)."""

    def __init__(self, n_constituents: int) -> None:
        super().__init__()
        self.n_constituents = n_constituents
        self.reference = FloatLocalScalars(n_constituents)
        self.per_row = False

    def bind(self, frame: Grid, tokens: Grid, count: Grid) -> BoundProgram:
        """Program: L p and its cylindrical coordinates per candidate; L p_jet is the first column of L times m_jet."""
        t = Tracer("local_scalars", self.n_constituents)
        matrix = t.input("frame", frame.low, frame.high, lanes=16, per_row=self.per_row)
        token = t.input("tokens", tokens.low, tokens.high, lanes=4)
        valid = t.row_index().less(t.input("count", 0, self.n_constituents, per_row=False))
        entries = [[matrix.lane(4 * i + j) for j in range(4)] for i in range(4)]
        p = [token.lane(j) for j in range(4)]
        local = [dot(row, p).round_shift(frame.fraction) for row in entries]
        mass = token.lane(0).clip(0, tokens.high).sum_rows()
        jet = [(row[0] * mass).round_shift(frame.fraction) for row in entries]
        own, of_jet = (cylindrical(t, [v[0].clip(0, v[0].high), *v[1:]]) for v in (local, jet))
        scalars = relative_scalars(t, own, of_jet, log_unit=-tokens.fraction, ratio_unit=0)
        t.output("scalars", valid.where(t.stack(scalars), 0))
        return BoundProgram(t.program, (frame.fraction, tokens.fraction, count.fraction), (SCALAR_TYPE.fraction,))

    def exact(self, *inputs: FixedTensor) -> FixedTensor:
        """Run the program; the frames' rows tell whether there is one for each candidate."""
        self.per_row = int(inputs[0].value.shape[1]) > 1
        return super().exact(*inputs)

    def _settings(self) -> object:
        return self.per_row

    def surrogate(self, frame: FixedTensor, tokens: FixedTensor, count: FixedTensor) -> Tensor:  # type: ignore[override]
        """Float scalars, fake-quantized."""
        matrix = frame.value.unflatten(-1, (4, 4))
        scalars = self.reference(matrix, tokens.value, count.value)
        return fake_quantize(torch.nan_to_num(scalars), Grid.of(SCALAR_TYPE))

    def output_grid_in_training(self, *inputs: FixedTensor) -> Grid:
        """The scalars' type."""
        return Grid.of(SCALAR_TYPE)
