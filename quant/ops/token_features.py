"""Features of single tokens for the O(K) Frames-Net. Specification: docs/ops/token_features.md.

All of them come from momenta in the laboratory, so that the Frames-Net runs beside the boost into the jet's rest frame.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from tritag.models.layers.jet_geometry import PRODUCT_MEANS, PRODUCT_SCALES
from tritag.models.layers.scalars import N_SCALARS
from tritag.quant.integer import blocks
from tritag.quant.integer.lorentz import dot, scale_to
from tritag.quant.integer.tracer import Int, Tracer
from tritag.quant.ops.four_momenta import MOMENTUM_FRACTION, join
from tritag.quant.ops.jet_scalars import SCALAR_TYPE, affine
from tritag.quant.ops.op import BoundProgram, Op, TensorSpec, fractions

_LOG_BITS = 13
# Bits of the jet's momentum in products: p.p_jet of a collimated jet is 1/gamma^2 of its terms.
_JET_BITS = 24


def _log2(t: Tracer, x: Int, fraction: int) -> Int:
    """log2 of ``x`` with ``fraction`` fractional bits, at least 0; that of 0 is that of one LSB."""
    return (blocks.log2(t, x.clip(0, x.high), _LOG_BITS - 1) << 1) - (fraction << _LOG_BITS)


def _standardised(log_product: Int, log_energy: Int) -> list[Int]:
    """Standardised log p.p_jet and log E from logarithms to base 2."""
    ln2 = math.log(2)
    return [
        affine(value, _LOG_BITS, ln2 * scale, -mean * scale)
        for value, mean, scale in zip((log_product, log_energy), PRODUCT_MEANS, PRODUCT_SCALES, strict=True)
    ]


@dataclass(frozen=True)
class TokenFeatures(Op):
    """Momenta (B, K, 8), count (B, 1, 1) to the candidates' two products (B, K, 2).

    With the scalars (B, K, 7) as third input they stand in front: (B, K, 9).
    """

    def bind(self, momenta: TensorSpec, count: TensorSpec, *scalars: TensorSpec) -> BoundProgram:
        """Program: the jet's momentum, one product with it and two logarithms per candidate."""
        t = Tracer("token_features", momenta.rows)
        lab = join(momenta.declare(t, "momenta"))
        valid = t.row_index().less(count.declare(t, "count", per_row=False))
        lanes = []
        for given in scalars:
            seven = given.declare(t, "scalars")
            lanes += [seven.lane(i) for i in range(N_SCALARS)]
        jet, exponent = scale_to([p.sum_rows() for p in lab], _JET_BITS)
        product = lab[0] * jet[0] - dot(lab[1:], jet[1:])
        # The jet's momentum is jet * 2**(exponent - _JET_BITS + 1).
        log_product = _log2(t, product, 2 * MOMENTUM_FRACTION + _JET_BITS - 1) + (exponent << _LOG_BITS)
        lanes += _standardised(log_product, _log2(t, lab[0], MOMENTUM_FRACTION))
        t.output("features", valid.where(t.stack(lanes), 0))
        return BoundProgram(t.program, fractions(momenta, count, *scalars), (SCALAR_TYPE.fraction,))


@dataclass(frozen=True)
class SpurionFeatures(Op):
    """Momenta (B, K, 8) to the spurions' features, one after the other (B, 1, 3 (n_scalars + 2))."""

    n_scalars: int = N_SCALARS

    def bind(self, momenta: TensorSpec) -> BoundProgram:
        """Program: log of E_jet -+ pz_jet and of E_jet; the scalars of a spurion are zero, its energy is one."""
        t = Tracer("spurion_features", momenta.rows)
        energy, _, _, z = (p.sum_rows() for p in join(momenta.declare(t, "momenta")))
        zero = energy - energy
        lanes: list[Int] = []
        for product in (energy - z, energy + z, energy):
            lanes += [zero] * self.n_scalars + _standardised(_log2(t, product, MOMENTUM_FRACTION), zero)
        t.output("features", t.stack(lanes).clip(SCALAR_TYPE.int_min, SCALAR_TYPE.int_max))
        return BoundProgram(t.program, fractions(momenta), (SCALAR_TYPE.fraction,))
