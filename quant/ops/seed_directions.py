"""Candidates in a frame that is found from them: weights, axes, energy and direction along these.

Specification: docs/ops/seed_directions.md. The float counterpart is
``tritag.models.layers.seed_tokens.SeedDirections``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from tritag.models.layers import seed_tokens
from tritag.models.layers.jet_geometry import LOCAL_ENERGY_MEAN, LOCAL_ENERGY_SCALE
from tritag.models.layers.lorentz import REGULATOR_MASS_GEV
from tritag.quant.formats.fixed import Grid
from tritag.quant.formats.tensor import FixedTensor, fake_quantize
from tritag.quant.integer.axes import LOG_BITS, AxesBits, axes_of_vectors
from tritag.quant.integer.axes_token import least_log_energy, local_token
from tritag.quant.integer.tracer import Int, Tracer
from tritag.quant.ops.jet_scalars import SCALAR_TYPE, affine
from tritag.quant.ops.modules import TrainableExactly
from tritag.quant.ops.op import BoundProgram, Op, TensorSpec, fractions

# Bits of weights: with one bit for the sign they fit the narrow side of a DSP.
WEIGHT_BITS = 17
# A table of weights has at most 2**12 entries.
_TABLE_BITS = 12


def weights_of(t: Tracer, logit: Int, spec: TensorSpec) -> Int:
    """``exp(logit - largest)`` with ``WEIGHT_BITS`` bits, at least one LSB; largest is that of the logit's grid.

    A table of the grid's integers, the lowest bits left out where there are more than 2**12 of them.
    """
    grid, top = spec.grid, (1 << WEIGHT_BITS) - 1
    drop = max(0, (grid.high - grid.low).bit_length() - _TABLE_BITS)
    middle = (2.0**drop - 1) / 2

    def entry(i: int) -> float:
        return max(1.0, top * math.exp(min(0.0, ((i << drop) + middle + grid.low - grid.high) * 2.0**-grid.fraction)))

    size = ((grid.high - grid.low) >> drop) + 1
    return ((logit - grid.low) >> drop).lookup(t.table("weights", entry, size))


@dataclass(frozen=True)
class SeedDirections(Op):
    """Logits phi (B, K, 3), tokens (B, K, 4), count (B, 1, 1), scalars (B, K, S) to (B, K, S + 4).

    The result has the type ``SCALAR_TYPE``: the scalars, log E and p/E of the tokens in the frame of the jet.
    """

    bits: AxesBits

    def bind(self, phi: TensorSpec, tokens: TensorSpec, count: TensorSpec, scalars: TensorSpec) -> BoundProgram:
        """Program: a table of weights and exact sums, the axes of the jet, then every token along them."""
        t = Tracer("seed_directions", tokens.rows)
        logit, token = phi.declare(t, "phi"), tokens.declare(t, "tokens")
        real = t.row_index().less(count.declare(t, "count", per_row=False))
        lab = scalars.declare(t, "scalars")
        weight = real.where(weights_of(t, logit, phi), 0)
        p = [token.lane(i) for i in range(4)]
        vectors = [[(weight.lane(k) * x).sum_rows() for x in p] for k in range(3)]
        axes = axes_of_vectors(t, [[v[0].clip(0, v[0].high), *v[1:]] for v in vectors], self.bits)
        local = local_token(t, axes, p, SCALAR_TYPE.fraction, self.bits)
        fraction, scale = tokens.grid.fraction, LOCAL_ENERGY_SCALE
        log_gev = local.log_energy.maximum(least_log_energy(REGULATOR_MASS_GEV, fraction)) - (fraction << LOG_BITS)
        energy = affine(log_gev, LOG_BITS, math.log(2) * scale, -LOCAL_ENERGY_MEAN * scale)
        lanes = [*(lab.lane(i) for i in range(scalars.lanes)), energy, *local.direction]
        t.output("directions", real.where(t.stack(lanes), 0))
        return BoundProgram(t.program, fractions(phi, tokens, count, scalars), (SCALAR_TYPE.fraction,))


class TrainableSeedDirections(TrainableExactly):
    """The op on jets of ``n_constituents`` candidates, with a gradient."""

    def __init__(self, n_constituents: int, op: SeedDirections) -> None:
        super().__init__()
        self.op, self.reference = op, seed_tokens.SeedDirections(n_constituents)

    def frozen(self) -> SeedDirections:
        """Give the op; its settings never change."""
        return self.op

    def surrogate(self, phi: FixedTensor, tokens: FixedTensor, count: FixedTensor, scalars: FixedTensor) -> FixedTensor:
        """Float frames, energies and directions, fake-quantized."""
        values = self.reference(phi.value, tokens.value, count.value, scalars.value)
        grid = Grid.of(SCALAR_TYPE)
        return FixedTensor(fake_quantize(torch.nan_to_num(values), grid), grid)
