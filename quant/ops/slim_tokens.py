"""Vectors of L-GATr-slim in the rest frame of the jet. Specification: docs/ops/slim_tokens.md."""

from __future__ import annotations

import math
from dataclasses import dataclass

from tritag.models.layers.minkowski import MOMENTUM_UNIT_GEV
from tritag.quant.integer.tracer import Tracer
from tritag.quant.ops.four_momenta import MOMENTUM_FRACTION, join
from tritag.quant.ops.jet_frame import at_rest, read_boost, spurions_at_rest
from tritag.quant.ops.op import BoundProgram, Op, TensorSpec, fractions

# Fractional bits in units of MOMENTUM_UNIT_GEV, and saturation at 2**6 units.
SLIM_FRACTION = 11
_SLIM_BITS = SLIM_FRACTION + 6
_UNIT_BITS = round(math.log2(MOMENTUM_UNIT_GEV))


@dataclass(frozen=True)
class SlimTokens(Op):
    """Momenta (B, K, 8) and the jet's velocity (B, 1, 5) to vectors in its rest frame (B, K, 4)."""

    def bind(self, momenta: TensorSpec, velocity: TensorSpec) -> BoundProgram:
        """Program: as ``into_jet_frame``, in the unit of the tagger."""
        t = Tracer("slim_tokens", momenta.rows)
        momentum = join(momenta.declare(t, "momenta"))
        boost = read_boost(velocity.declare(t, "velocity", per_row=False))
        drop = MOMENTUM_FRACTION + _UNIT_BITS - SLIM_FRACTION
        t.output("tokens", t.stack(at_rest(momentum, boost, drop, _SLIM_BITS, _SLIM_BITS + drop)))
        return BoundProgram(t.program, fractions(momenta, velocity), (SLIM_FRACTION,))


@dataclass(frozen=True)
class SlimReferences(Op):
    """The jet's velocity (B, 1, 5) to global token (zero) and spurions, one after the other (B, 1, 16)."""

    def bind(self, velocity: TensorSpec) -> BoundProgram:
        """Program: the boost of three fixed vectors."""
        t = Tracer("slim_references", 1)
        boost = read_boost(velocity.declare(t, "velocity", per_row=False))
        spurions = spurions_at_rest(t, boost, SLIM_FRACTION, _SLIM_BITS)
        t.output("references", t.stack([*[t.constant(0)] * 4, *spurions]))
        return BoundProgram(t.program, fractions(velocity), (SLIM_FRACTION,))
