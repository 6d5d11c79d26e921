"""Energy and direction of the candidates in the frame of the jet. Specification: docs/ops/local_directions.md."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from tritag.models.layers.jet_geometry import LOCAL_ENERGY_MEAN, LOCAL_ENERGY_SCALE
from tritag.models.layers.jet_geometry import LocalDirections as FloatLocalDirections
from tritag.models.layers.lorentz import REGULATOR_MASS_GEV
from tritag.models.layers.scalars import N_SCALARS
from tritag.quant.formats.fixed import Grid
from tritag.quant.formats.tensor import FixedTensor, fake_quantize
from tritag.quant.integer import blocks
from tritag.quant.integer.lorentz import dot
from tritag.quant.integer.program import Tracer
from tritag.quant.ops.jet_scalars import SCALAR_TYPE, affine
from tritag.quant.ops.op import BoundProgram, IntegerOp

_LOG_BITS = 13
_INVERSE_BITS = 13
# Fractional bits of p/E'.
_SHARE_FRACTION = 16


class LocalDirections(IntegerOp):
    """Frames (B, 1 or K, 16), candidates' tokens (B, K, 4), count (B, 1, 1) to (B, K, 4) of type ``SCALAR_TYPE``.

    With the scalars (B, K, 7) as fourth input they stand in front: (B, K, 11).
    """

    def __init__(self, n_constituents: int) -> None:
        super().__init__()
        self.n_constituents = n_constituents
        self.reference = FloatLocalDirections(n_constituents)
        self.per_row = False

    def bind(self, frame: Grid, tokens: Grid, count: Grid, *scalars: Grid) -> BoundProgram:
        """Program: E', its logarithm and reciprocal, then L (p/E') per candidate."""
        t = Tracer("local_directions", self.n_constituents)
        matrix = t.input("frame", frame.low, frame.high, lanes=16, per_row=self.per_row)
        token = t.input("tokens", tokens.low, tokens.high, lanes=4)
        valid = t.row_index().less(t.input("count", 0, self.n_constituents, per_row=False))
        lanes = []
        for grid in scalars:
            lab = t.input("scalars", grid.low, grid.high, lanes=N_SCALARS)
            lanes += [lab.lane(i) for i in range(N_SCALARS)]
        p = [token.lane(j) for j in range(4)]
        rows = [[matrix.lane(4 * i + j) for j in range(4)] for i in range(4)]
        fraction = frame.fraction + tokens.fraction
        energy = dot(rows[0], p)
        energy = energy.clip(max(1, round(REGULATOR_MASS_GEV * 2.0**fraction)), energy.high)
        log_gev = (blocks.log2(t, energy, _LOG_BITS - 1) << 1) - (fraction << _LOG_BITS)
        scale = LOCAL_ENERGY_SCALE
        lanes.append(affine(log_gev, _LOG_BITS, math.log(2) * scale, -LOCAL_ENERGY_MEAN * scale))
        # L (p/E') and not (L p)/E': the first row is there long before the others.
        inverse, shift = blocks.reciprocal(t, energy, _INVERSE_BITS)
        down = shift + (_INVERSE_BITS - frame.fraction - _SHARE_FRACTION)
        # |p| <= E < 2 gamma E', and no entry of a frame is larger than its gamma.
        largest = 2 * frame.high << max(_SHARE_FRACTION - frame.fraction, 0)
        share = [(x * inverse).round_shift_by(down).clip(-largest, largest) for x in p]
        drop, one = frame.fraction + _SHARE_FRACTION - SCALAR_TYPE.fraction, 1 << SCALAR_TYPE.fraction
        lanes += [dot(row, share).round_shift(drop).clip(-one, one) for row in rows[1:]]
        t.output("directions", valid.where(t.stack(lanes), 0))
        fractions = (frame.fraction, tokens.fraction, count.fraction, *(grid.fraction for grid in scalars))
        return BoundProgram(t.program, fractions, (SCALAR_TYPE.fraction,))

    def exact(self, *inputs: FixedTensor) -> FixedTensor:
        """Run the program; the frames' rows tell whether there is one for each candidate."""
        self.per_row = int(inputs[0].value.shape[1]) > 1
        return super().exact(*inputs)

    def _settings(self) -> object:
        return self.per_row

    def surrogate(self, frame: FixedTensor, tokens: FixedTensor, count: FixedTensor, *scalars: FixedTensor) -> Tensor:  # type: ignore[override]
        """Float energies and directions, fake-quantized."""
        matrix = frame.value.unflatten(-1, (4, 4))
        values = self.reference(matrix, tokens.value, count.value, *(s.value for s in scalars))
        return fake_quantize(torch.nan_to_num(values), Grid.of(SCALAR_TYPE))

    def output_grid_in_training(self, *inputs: FixedTensor) -> Grid:
        """The scalars' type."""
        return Grid.of(SCALAR_TYPE)
