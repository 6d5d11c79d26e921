"""Massless four-momenta of the candidates in fixed point. Specification: docs/ops/four_momenta.md."""

from __future__ import annotations

import math
from dataclasses import dataclass

from tritag.data.jets.trigger_grid import TriggerGrid
from tritag.quant.integer.tracer import Int, Tracer
from tritag.quant.ops.jet_scalars import candidate, four_momentum
from tritag.quant.ops.op import BoundProgram, Op, TensorSpec, fractions

# Fractional bits of momenta in GeV. Boosts into the rest frame of a light jet magnify their rounding by gamma.
MOMENTUM_FRACTION = 15
TRIG_BITS = 20
# A momentum travels as two integers, because a tensor between ops holds 24 bits: high * 2**SPLIT_BITS + low.
SPLIT_BITS = 12


def join(halves: Int) -> list[Int]:
    """(E, px, py, pz) with ``MOMENTUM_FRACTION`` fractional bits from the eight lanes of :class:`FourMomenta`."""
    return [(halves.lane(i) << SPLIT_BITS) + halves.lane(i + 4).clip(0, (1 << SPLIT_BITS) - 1) for i in range(4)]


@dataclass(frozen=True)
class FourMomenta(Op):
    """Codes (B, K, 3) and count (B, 1) to momenta (E, px, py, pz), high then low parts (B, K, 8).

    Zero beyond the count.
    The tensor's values are the parts as integers (LSB 1); :func:`join` gives the momenta.
    """

    def bind(self, codes: TensorSpec, count: TensorSpec) -> BoundProgram:
        """Program: one product and one rounding per component."""
        t = Tracer("four_momenta", codes.rows)
        code = codes.declare(t, "codes")
        number = count.declare(t, "count", per_row=False)
        _, pt, eta, phi = candidate(t, code, number)
        lsb_bits = -round(math.log2(TriggerGrid.PT_LSB_GEV))
        momenta = four_momentum(t, pt, eta, phi, MOMENTUM_FRACTION - lsb_bits, TRIG_BITS)
        high = [p >> SPLIT_BITS for p in momenta]
        low = [p - (h << SPLIT_BITS) for p, h in zip(momenta, high, strict=True)]
        t.output("momenta", t.stack([*high, *(x.clip(0, (1 << SPLIT_BITS) - 1) for x in low)]))
        return BoundProgram(t.program, fractions(codes, count), (0,))
