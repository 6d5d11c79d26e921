"""Features of single tokens for the O(K) Frames-Net. Specification: docs/ops/token_features.md."""

from __future__ import annotations

import math

from tritag.models.jet_geometry import PRODUCT_MEANS, PRODUCT_SCALES
from tritag.models.scalars import N_SCALARS
from tritag.quant.fixed import Grid
from tritag.quant.integer import blocks
from tritag.quant.integer.program import Int, Tracer
from tritag.quant.ops.four_momenta import MOMENTUM_FRACTION, join
from tritag.quant.ops.jet_frame import JET_BITS, read_boost
from tritag.quant.ops.jet_scalars import SCALAR_TYPE, affine
from tritag.quant.ops.op import BoundProgram, FixedOp

_LOG_BITS = 13


def _products(t: Tracer, rest_energy: Int, rest_fraction: int, log_mass: Int, log_energy: Int) -> list[Int]:
    """Standardised log p.p_jet and log E: p.p_jet is the energy in the rest frame of the jet times the jet's mass."""
    ln2 = math.log(2)
    log_product = (blocks.log2(t, rest_energy, _LOG_BITS - 1) << 1) + log_mass - (rest_fraction << _LOG_BITS)
    return [
        affine(value, _LOG_BITS, ln2 * scale, -mean * scale)
        for value, mean, scale in zip((log_product, log_energy), PRODUCT_MEANS, PRODUCT_SCALES, strict=True)
    ]


def _log_mass(t: Tracer, tokens: Int, fraction: int) -> Int:
    """log2 of the jet's mass in GeV: the sum of the energies in its rest frame."""
    mass = tokens.lane(0).clip(0, tokens.high).sum_rows()
    return (blocks.log2(t, mass, _LOG_BITS - 1) << 1) - (fraction << _LOG_BITS)


class TokenFeatures(FixedOp):
    """Scalars (B, K, 7), momenta (B, K, 8), tokens (B, K, 4), count (B, 1, 1) to the candidates' features (B, K, 9)."""

    def __init__(self, n_constituents: int) -> None:
        super().__init__()
        self.n_constituents = n_constituents

    def bind(self, scalars: Grid, momenta: Grid, tokens: Grid, count: Grid) -> BoundProgram:
        """Program: two logarithms per candidate, one per jet."""
        t = Tracer("token_features", self.n_constituents)
        seven = t.input("scalars", scalars.low, scalars.high, lanes=N_SCALARS)
        lab = join(t.input("momenta", momenta.low, momenta.high, lanes=8))
        token = t.input("tokens", tokens.low, tokens.high, lanes=4)
        valid = t.row_index().less(t.input("count", 0, self.n_constituents, per_row=False))
        log_mass = _log_mass(t, token, tokens.fraction)
        energy = lab[0].clip(0, lab[0].high)
        log_energy = (blocks.log2(t, energy, _LOG_BITS - 1) << 1) - (MOMENTUM_FRACTION << _LOG_BITS)
        rest_energy = token.lane(0).clip(0, tokens.high)
        products = _products(t, rest_energy, tokens.fraction, log_mass, log_energy)
        lanes = [seven.lane(i) for i in range(N_SCALARS)] + products
        t.output("features", valid.where(t.stack(lanes), 0))
        fractions = (scalars.fraction, momenta.fraction, tokens.fraction, count.fraction)
        return BoundProgram(t.program, fractions, (SCALAR_TYPE.fraction,))


class SpurionFeatures(FixedOp):
    """The jet's velocity (B, 1, 5) and tokens (B, K, 4) to the spurions' features, one after the other (B, 1, 27)."""

    def __init__(self, n_constituents: int) -> None:
        super().__init__()
        self.n_constituents = n_constituents

    def bind(self, velocity: Grid, tokens: Grid) -> BoundProgram:
        """Program: log of gamma -+ u_z and of gamma; the scalars of a spurion are zero."""
        t = Tracer("spurion_features", self.n_constituents)
        boost = read_boost(t.input("velocity", velocity.low, velocity.high, lanes=5, per_row=False))
        token = t.input("tokens", tokens.low, tokens.high, lanes=4)
        log_mass = _log_mass(t, token, tokens.fraction)
        zero = boost.gamma - boost.gamma
        lanes: list[Int] = []
        for energy in (boost.gamma - boost.u[2], boost.gamma + boost.u[2], boost.gamma):
            positive = energy.clip(1, energy.high)
            lanes += [zero] * N_SCALARS + _products(t, positive, JET_BITS.matrix, log_mass, zero)
        t.output("features", t.stack(lanes).clip(SCALAR_TYPE.int_min, SCALAR_TYPE.int_max))
        return BoundProgram(t.program, (velocity.fraction, tokens.fraction), (SCALAR_TYPE.fraction,))
