"""Energy and direction of the candidates along the axes of their jet. Specification: docs/ops/token_axes.md."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from tritag.models.layers.frame_vectors import TokenVectors
from tritag.models.layers.gram_frames import GramDirections, GramFrames
from tritag.models.layers.jet_geometry import LOCAL_ENERGY_MEAN, LOCAL_ENERGY_SCALE
from tritag.models.layers.lorentz import REGULATOR_MASS_GEV
from tritag.quant.formats.fixed import Grid
from tritag.quant.formats.tensor import FixedTensor, fake_quantize
from tritag.quant.integer.axes import LOG_BITS, Axes, AxesBits
from tritag.quant.integer.axes_token import least_log_energy, local_token
from tritag.quant.integer.tracer import Tracer
from tritag.quant.ops.jet_scalars import SCALAR_TYPE, affine
from tritag.quant.ops.modules import FixedOp, TrainableExactly
from tritag.quant.ops.op import BoundProgram, Op, TensorSpec, fractions
from tritag.quant.ops.token_axes import TokenAxes


@dataclass(frozen=True)
class AxesDirections(Op):
    """Lanes of ``Axes`` (B, 1, 20), candidates' tokens (B, K, 4), count (B, 1, 1) to (B, K, 4).

    The result has the type ``SCALAR_TYPE``. With S scalars (B, K, S) as fourth input they stand in front of it:
    (B, K, S + 4).
    """

    bits: AxesBits

    def bind(self, axes: TensorSpec, tokens: TensorSpec, count: TensorSpec, *scalars: TensorSpec) -> BoundProgram:
        """Program: four-products with v_0 and with the axes, each times its reciprocal length."""
        t = Tracer("axes_directions", tokens.rows)
        given, token = axes.declare(t, "axes", per_row=False), tokens.declare(t, "tokens")
        valid = t.row_index().less(count.declare(t, "count", per_row=False))
        lanes = []
        for spec in scalars:
            lab = spec.declare(t, "scalars")
            lanes += [lab.lane(i) for i in range(spec.lanes)]
        known = Axes.of_lanes([given.lane(i) for i in range(axes.lanes)], self.bits)
        local = local_token(t, known, [token.lane(i) for i in range(4)], SCALAR_TYPE.fraction, self.bits)
        fraction, scale = tokens.grid.fraction, LOCAL_ENERGY_SCALE
        energy = local.log_energy.maximum(least_log_energy(REGULATOR_MASS_GEV, fraction)) - (fraction << LOG_BITS)
        lanes += [affine(energy, LOG_BITS, math.log(2) * scale, -LOCAL_ENERGY_MEAN * scale), *local.direction]
        t.output("directions", valid.where(t.stack(lanes), 0))
        return BoundProgram(t.program, fractions(axes, tokens, count, *scalars), (SCALAR_TYPE.fraction,))


class TrainableGramDirections(TrainableExactly):
    """Both ops on jets of ``n_constituents`` candidates, with the gradient of the float frames and directions."""

    def __init__(self, n_constituents: int, axes: TokenAxes) -> None:
        super().__init__()
        self.axes, self.directions = FixedOp(axes), FixedOp(AxesDirections(axes.bits))
        self.vectors, self.frames = TokenVectors(n_constituents), GramFrames()
        self.reference = GramDirections(n_constituents)

    def exact(
        self, phi: FixedTensor, tokens: FixedTensor, candidates: FixedTensor, count: FixedTensor, *scalars: FixedTensor
    ) -> FixedTensor:
        """Axes of the jet, then what its candidates are along them."""
        result: FixedTensor = self.directions(self.axes(phi, tokens, count), candidates, count, *scalars)
        return result

    def surrogate(
        self, phi: FixedTensor, tokens: FixedTensor, candidates: FixedTensor, count: FixedTensor, *scalars: FixedTensor
    ) -> FixedTensor:
        """Float vectors, polar decomposition, energies and directions, fake-quantized."""
        frames = self.frames(self.vectors(phi.value, tokens.value, count.value))
        values = self.reference(frames, candidates.value, count.value, *(s.value for s in scalars))
        grid = Grid.of(SCALAR_TYPE)
        return FixedTensor(fake_quantize(torch.nan_to_num(values), grid), grid)
