"""Candidates along their leading one, and features of them. Specification: docs/ops/seed_tokens.md.

The float counterparts are in ``tritag.models.layers.seed_tokens``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from tritag.data.jets.trigger_grid import TriggerGrid
from tritag.models.layers.seed_scalars import CODES_PER_UNIT
from tritag.models.layers.seed_tokens import (
    FEATURE_MEANS,
    FEATURE_SCALES,
    MOST_TOKEN_CODES,
    SEED_BOOST,
    SEED_COSH,
    SEED_SINH,
    TOKEN_PT_GEV,
)
from tritag.quant.integer.tracer import Int, Tracer
from tritag.quant.ops.first_token import first_row
from tritag.quant.ops.jet_scalars import SCALAR_TYPE
from tritag.quant.ops.op import BoundProgram, Op, TensorSpec, fractions
from tritag.quant.ops.seed_scalars import log_scaled

# Fractional bits of tokens in GeV: one of the seed's direction has 1 GeV.
TOKEN_FRACTION = 13
_ANGLE_SHIFT = SCALAR_TYPE.fraction - round(math.log2(CODES_PER_UNIT))


def relative_angles(t: Tracer, code: Int) -> tuple[Int, Int]:
    """Eta and phi relative to the first row, in codes, saturated; from the lanes (pT, eta, phi)."""
    eta = code.lane(1).clip(TriggerGrid.ETA_MIN, TriggerGrid.ETA_MAX)
    phi = code.lane(2).clip(TriggerGrid.PHI_MIN, TriggerGrid.PHI_MAX)
    d_eta, d_phi, half = eta - first_row(t, eta), phi - first_row(t, phi), TriggerGrid.PHI_TURN // 2
    back = d_phi.less(half).where(d_phi, d_phi - 2 * half)
    d_phi = d_phi.less(-half).where(d_phi + 2 * half, back)
    return d_eta.clip(-MOST_TOKEN_CODES, MOST_TOKEN_CODES), d_phi.clip(-MOST_TOKEN_CODES, MOST_TOKEN_CODES)


def _of_angle(t: Tracer, angle: Int, name: str, kind: str, step: float, factor: float, offset: float = 0.0) -> Int:
    """``factor * f(angle) + offset`` in LSBs of a token; f is cosh - 1, 1 - cos, sinh or sin of a code >= 0."""
    function = {
        "cosh-1": lambda x: 2 * math.sinh(x / 2) ** 2,
        "1-cos": lambda x: 2 * math.sin(x / 2) ** 2,
        "sinh": math.sinh,
        "sin": math.sin,
    }[kind]
    unit = TOKEN_PT_GEV * 2.0**TOKEN_FRACTION
    return angle.lookup(t.table(name, lambda i: (factor * function(i * step) + offset) * unit, MOST_TOKEN_CODES + 1))


def token_energy(t: Tracer, eta: Int, phi: Int) -> Int:
    """Energy of a token from the magnitudes of its two angles, in LSBs: two entries and a sum."""
    along = _of_angle(t, eta, "e_eta", "cosh-1", TriggerGrid.ETA_LSB, SEED_COSH, 2.0**-SEED_BOOST)
    return along + _of_angle(t, phi, "e_phi", "1-cos", TriggerGrid.PHI_LSB, SEED_SINH)


@dataclass(frozen=True)
class SeedTokens(Op):
    """Codes (B, K, 3) and count (B, 1) to tokens (E, p_x, p_y, p_z) (B, K, 4)."""

    def bind(self, codes: TensorSpec, count: TensorSpec) -> BoundProgram:
        """Program: two subtractions, six table entries and two sums a candidate."""
        t = Tracer("seed_tokens", codes.rows)
        d_eta, d_phi = relative_angles(t, codes.declare(t, "codes"))
        valid = t.row_index().less(count.declare(t, "count", per_row=False))
        eta, phi = d_eta.absolute(), d_phi.absolute()
        of_eta, of_phi = TriggerGrid.ETA_LSB, TriggerGrid.PHI_LSB
        x_eta = _of_angle(t, eta, "x_eta", "cosh-1", of_eta, -SEED_SINH, 2.0**-SEED_BOOST)
        x_phi = _of_angle(t, phi, "x_phi", "1-cos", of_phi, SEED_COSH)
        y = _of_angle(t, phi, "sin_phi", "sin", of_phi, 1.0)
        z = _of_angle(t, eta, "sinh_eta", "sinh", of_eta, 1.0)
        token = [token_energy(t, eta, phi), x_eta - x_phi, d_phi.less(0).where(-y, y), d_eta.less(0).where(-z, z)]
        t.output("tokens", valid.where(t.stack(token), 0))
        return BoundProgram(t.program, fractions(codes, count), (TOKEN_FRACTION,))


@dataclass(frozen=True)
class SeedFeatures(Op):
    """Codes (B, K, 3) and count (B, 1) to a Frames-Net's features (B, K, 4) in steps of ``SCALAR_TYPE``."""

    def bind(self, codes: TensorSpec, count: TensorSpec) -> BoundProgram:
        """Program: two logarithms by tables, and the two angles."""
        t = Tracer("seed_features", codes.rows)
        code = codes.declare(t, "codes")
        valid = t.row_index().less(count.declare(t, "count", per_row=False))
        pt = code.lane(0).clip(0, TriggerGrid.PT_MAX)
        angles = relative_angles(t, code)
        energy = token_energy(t, *(angle.absolute() for angle in angles))
        units = (math.log(TriggerGrid.PT_LSB_GEV), -TOKEN_FRACTION * math.log(2))
        logs = [
            log_scaled(t, x, name, scale, (unit - mean) * scale)
            for x, name, unit, mean, scale in zip(
                (pt, energy), ("log_pt", "log_energy"), units, FEATURE_MEANS, FEATURE_SCALES, strict=True
            )
        ]
        t.output("features", valid.where(t.stack([*logs, *(angle << _ANGLE_SHIFT for angle in angles)]), 0))
        return BoundProgram(t.program, fractions(codes, count), (SCALAR_TYPE.fraction,))
