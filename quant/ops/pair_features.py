"""Pair features of the Particle Transformer from differences of codes. Specification: docs/ops/pair_features.md.

The float counterpart, which defines what is approximated, is ``tritag.models.layers.pair_features``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from tritag.data.jets.trigger_grid import TriggerGrid
from tritag.models.layers.pair_features import SMALLEST_DISTANCE
from tritag.quant.formats.fixed import FixedType
from tritag.quant.integer import blocks
from tritag.quant.integer.tracer import Int, Tracer
from tritag.quant.ops.jet_scalars import affine, candidates_in_lanes, inside_domain
from tritag.quant.ops.op import BoundProgram, Op, TensorSpec, fractions

PAIR_TYPE = FixedType(True, 14, 6)
_LOG_BITS = 13
_FACTOR_BITS = 16
# d^2 is counted in 2**-_DISTANCE_BITS of the smallest.
_DISTANCE_BITS = 8


def _logarithm(value: Int, factor: float, offset: float) -> Int:
    """``value * factor + offset`` on the features' grid, from log2 with ``_LOG_BITS`` fractional bits."""
    return affine(value, _LOG_BITS, factor, offset, to=PAIR_TYPE, factor_bits=_FACTOR_BITS)


@dataclass(frozen=True)
class PairFeatures(Op):
    """Codes (B, K, 3), the same in one row (B, 1, 3 K), count (B, 1, 1) to features (B, K, 4 K).

    Row i, lanes 4 j to 4 j + 3: ln m^2, ln kT, ln z, ln Delta R of candidates i and j, of type ``PAIR_TYPE``.
    """

    def bind(self, codes: TensorSpec, every: TensorSpec, count: TensorSpec) -> BoundProgram:
        """Program: exact squared distance in steps of the grid, one table each for eta and phi, three logarithms."""
        k = codes.rows
        t = Tracer("pair_features", k)
        own = codes.declare(t, "codes")
        all_codes = every.declare(t, "every", per_row=False)
        number = count.declare(t, "count", per_row=False)
        pt, eta, phi = inside_domain(*(own.lane(i) for i in range(3)))
        other_pt, other_eta, other_phi = candidates_in_lanes(t, all_codes, k)

        d_eta, d_phi = (eta - other_eta).absolute(), (phi - other_phi).absolute()
        turn = TriggerGrid.PHI_TURN
        d_phi = d_phi.minimum(turn - d_phi).clip(0, turn // 2)
        # In half steps; a pair in one direction counts as one half step apart.
        log_r2 = blocks.log2(t, ((d_eta * d_eta + d_phi * d_phi) << 2).maximum(1), _LOG_BITS)
        unit = 2.0**_DISTANCE_BITS / SMALLEST_DISTANCE**2
        step = TriggerGrid.ETA_LSB
        sinh = t.table("sinh2", lambda i: 4 * math.sinh(i * step / 2) ** 2 * unit, d_eta.high + 1)
        sin = t.table("sin2", lambda i: 4 * math.sin(i * step / 2) ** 2 * unit, d_phi.high + 1)
        distance = (d_eta.lookup(sinh) + d_phi.lookup(sin)).maximum(1 << _DISTANCE_BITS)
        log_d2 = blocks.log2(t, distance, _LOG_BITS)
        log_pt, other_log_pt = (blocks.log2(t, x, _LOG_BITS) for x in (pt, other_pt))
        softer = log_pt.minimum(other_log_pt)

        ln2, ln_pt, ln_r = math.log(2), math.log(TriggerGrid.PT_LSB_GEV), math.log(SMALLEST_DISTANCE)
        features = [
            _logarithm(log_pt + other_log_pt + log_d2, ln2, 2 * ln_pt + 2 * ln_r - _DISTANCE_BITS * ln2),
            _logarithm((softer << 1) + log_r2, ln2 / 2, ln_pt + ln_r),
            _logarithm(softer - blocks.log2(t, pt + other_pt, _LOG_BITS), ln2, 0.0),
            _logarithm(log_r2, ln2 / 2, ln_r),
        ]
        real, other_real = t.row_index().less(number), t.constant(list(range(k))).less(number)
        features = [real.where(other_real.where(f, 0), 0) for f in features]
        t.output("features", t.stack([f.lane(j) for j in range(k) for f in features]))
        return BoundProgram(t.program, fractions(codes, every, count), (PAIR_TYPE.fraction,))
