"""The boost into the rest frame of the jet. Specification: docs/ops/jet_frame.md.

One op finds the jet's four-velocity, one boosts the candidates, one the spurions (two beams and the time axis).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tritag.models.layers.lorentz import SPURIONS
from tritag.quant.integer.lorentz import Boost, FrameBits, boost_to_rest, boosted
from tritag.quant.integer.tracer import Int, Tracer
from tritag.quant.ops.four_momenta import MOMENTUM_FRACTION, join
from tritag.quant.ops.op import BoundProgram, Op, TensorSpec, fractions

# The jet's momentum keeps 27 bits, so that the square of a light jet's mass is not lost; jets of 600 GeV reach
# gamma = 90.
JET_BITS = FrameBits(vector=27, matrix=16, gamma=7)
# Momenta in the rest frame of the jet: fractional bits in GeV, and saturation at 2**12 GeV.
TOKEN_FRACTION = 11
TOKEN_BITS = TOKEN_FRACTION + 12


def read_boost(velocity: Int) -> Boost:
    """Boost from the five lanes of :class:`JetVelocity`; the clips only tell the intervals what is known."""
    one = 1 << JET_BITS.matrix
    gamma, inverse = velocity.lane(0).clip(one, velocity.high), velocity.lane(4).clip(0, 1 << (JET_BITS.axis - 1))
    return Boost(gamma, [velocity.lane(i) for i in (1, 2, 3)], inverse)


def at_rest(vector: Sequence[Int], boost: Boost, drop: int, bits: int, largest: int) -> list[Int]:
    """A vector in the rest frame, ``drop`` bits fewer, saturated to ``bits`` bits; E' to ``largest`` before."""
    energy, momentum = boosted(vector, boost, JET_BITS, largest)
    return [v.round_shift(drop).clip(-(1 << bits), (1 << bits) - 1) for v in (energy.maximum(0), *momentum)]


def spurions_at_rest(t: Tracer, boost: Boost, fraction: int, bits: int) -> list[Int]:
    """The spurions in the rest frame, one after the other: 12 lanes with ``fraction`` fractional bits."""
    lanes: list[Int] = []
    for spurion in SPURIONS:
        # In units of 2**-matrix, so that nothing is rounded before the end.
        fixed = [t.constant(int(x) << JET_BITS.matrix) for x in spurion]
        lanes += at_rest(fixed, boost, JET_BITS.matrix - fraction, bits, JET_BITS.matrix + JET_BITS.gamma + 2)
    return lanes


@dataclass(frozen=True)
class JetVelocity(Op):
    """Momenta (B, K, 8) to (gamma, u_x, u_y, u_z, 2**8/(1 + gamma)) of their sum: (B, 1, 5).

    The factor 2**(JET_BITS.gamma + 1) in the last lane gives it as many significant bits as the others have.
    """

    def bind(self, momenta: TensorSpec) -> BoundProgram:
        """Program: exact sum, exact squared mass, two roots and a reciprocal from tables of straight pieces."""
        t = Tracer("jet_velocity", momenta.rows)
        halves = momenta.declare(t, "momenta")
        energy, *momentum = (p.sum_rows() for p in join(halves))
        boost, _ = boost_to_rest(t, [energy.clip(0, energy.high), *momentum], JET_BITS)
        t.output("velocity", t.stack([boost.gamma, *boost.u, boost.inverse]))
        return BoundProgram(t.program, fractions(momenta), (JET_BITS.matrix,))


@dataclass(frozen=True)
class IntoJetFrame(Op):
    """Momenta (B, K, 8) and the jet's velocity (B, 1, 5) to momenta in the rest frame of the jet (B, K, 4)."""

    def bind(self, momenta: TensorSpec, velocity: TensorSpec) -> BoundProgram:
        """Program: p - u (E + E') / (1 + gamma), E' = gamma E - u p."""
        t = Tracer("into_jet_frame", momenta.rows)
        momentum = join(momenta.declare(t, "momenta"))
        boost = read_boost(velocity.declare(t, "velocity", per_row=False))
        drop = MOMENTUM_FRACTION - TOKEN_FRACTION
        t.output("tokens", t.stack(at_rest(momentum, boost, drop, TOKEN_BITS, TOKEN_BITS + drop)))
        return BoundProgram(t.program, fractions(momenta, velocity), (TOKEN_FRACTION,))


@dataclass(frozen=True)
class SpurionTokens(Op):
    """The jet's velocity (B, 1, 5) to the spurions in its rest frame, one after the other (B, 1, 12)."""

    def bind(self, velocity: TensorSpec) -> BoundProgram:
        """Program: the boost of three fixed vectors."""
        t = Tracer("spurion_tokens", 1)
        boost = read_boost(velocity.declare(t, "velocity", per_row=False))
        t.output("spurions", t.stack(spurions_at_rest(t, boost, TOKEN_FRACTION, TOKEN_BITS)))
        return BoundProgram(t.program, fractions(velocity), (TOKEN_FRACTION,))
