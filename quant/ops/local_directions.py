"""Energy and direction of the candidates in the frame of the jet. Specification: docs/ops/local_directions.md."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from tritag.models.layers.jet_geometry import LOCAL_ENERGY_MEAN, LOCAL_ENERGY_SCALE
from tritag.models.layers.jet_geometry import LocalDirections as FloatLocalDirections
from tritag.models.layers.lorentz import REGULATOR_MASS_GEV
from tritag.quant.formats.fixed import Grid
from tritag.quant.formats.tensor import FixedTensor, fake_quantize
from tritag.quant.integer import blocks
from tritag.quant.integer.lorentz import dot
from tritag.quant.integer.tracer import Tracer
from tritag.quant.ops.jet_scalars import SCALAR_TYPE, affine
from tritag.quant.ops.modules import TrainableExactly
from tritag.quant.ops.op import BoundProgram, Op, TensorSpec, fractions

_LOG_BITS = 13
_INVERSE_BITS = 13
# Fractional bits of p/E'.
_SHARE_FRACTION = 16


@dataclass(frozen=True)
class LocalDirections(Op):
    """Frames (B, 1 or K, 16), candidates' tokens (B, K, 4), count (B, 1, 1) to (B, K, 4) of type ``SCALAR_TYPE``.

    With S scalars (B, K, S) as fourth input they stand in front: (B, K, S + 4).
    """

    def bind(self, frame: TensorSpec, tokens: TensorSpec, count: TensorSpec, *scalars: TensorSpec) -> BoundProgram:
        """Program: E', its logarithm and reciprocal, then L (p/E') per candidate."""
        t = Tracer("local_directions", tokens.rows)
        # One frame for the whole jet, or one for each candidate.
        matrix = frame.declare(t, "frame", per_row=frame.rows > 1)
        token = tokens.declare(t, "tokens")
        valid = t.row_index().less(count.declare(t, "count", per_row=False))
        lanes = []
        for given in scalars:
            lab = given.declare(t, "scalars")
            lanes += [lab.lane(i) for i in range(given.lanes)]
        p = [token.lane(j) for j in range(4)]
        rows = [[matrix.lane(4 * i + j) for j in range(4)] for i in range(4)]
        fraction = frame.grid.fraction + tokens.grid.fraction
        energy = dot(rows[0], p)
        energy = energy.clip(max(1, round(REGULATOR_MASS_GEV * 2.0**fraction)), energy.high)
        log_gev = (blocks.log2(t, energy, _LOG_BITS - 1) << 1) - (fraction << _LOG_BITS)
        scale = LOCAL_ENERGY_SCALE
        lanes.append(affine(log_gev, _LOG_BITS, math.log(2) * scale, -LOCAL_ENERGY_MEAN * scale))
        # L (p/E') and not (L p)/E': the first row is there long before the others.
        inverse, shift = blocks.reciprocal(t, energy, _INVERSE_BITS)
        down = shift + (_INVERSE_BITS - frame.grid.fraction - _SHARE_FRACTION)
        # |p| <= E < 2 gamma E', and no entry of a frame is larger than its gamma.
        largest = 2 * frame.grid.high << max(_SHARE_FRACTION - frame.grid.fraction, 0)
        share = [(x * inverse).round_shift_by(down).clip(-largest, largest) for x in p]
        drop, one = frame.grid.fraction + _SHARE_FRACTION - SCALAR_TYPE.fraction, 1 << SCALAR_TYPE.fraction
        lanes += [dot(row, share).round_shift(drop).clip(-one, one) for row in rows[1:]]
        t.output("directions", valid.where(t.stack(lanes), 0))
        return BoundProgram(t.program, fractions(frame, tokens, count, *scalars), (SCALAR_TYPE.fraction,))


class TrainableLocalDirections(TrainableExactly):
    """The op on jets of ``n_constituents`` candidates, with a gradient."""

    def __init__(self, n_constituents: int) -> None:
        super().__init__()
        self.reference = FloatLocalDirections(n_constituents)

    def frozen(self) -> LocalDirections:
        """Make the op; it has no settings."""
        return LocalDirections()

    def surrogate(
        self, frame: FixedTensor, tokens: FixedTensor, count: FixedTensor, *scalars: FixedTensor
    ) -> FixedTensor:
        """Float energies and directions, fake-quantized."""
        matrix = frame.value.unflatten(-1, (4, 4))
        values = self.reference(matrix, tokens.value, count.value, *(s.value for s in scalars))
        grid = Grid.of(SCALAR_TYPE)
        return FixedTensor(fake_quantize(torch.nan_to_num(values), grid), grid)
