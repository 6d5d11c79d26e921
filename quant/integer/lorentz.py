"""Lorentz frames in integer arithmetic: the float-safe orthonormalization (specification: docs/ops/lorentz_frames.md).

Three four-vectors v_0, v_1, v_2 become a Lorentz transformation L = R B (polar decomposition, LLoCa): B boosts v_0 to
rest, R rotates the spatial part of B v_1 onto the first axis and that of B v_2 into the plane of the first two.

What keeps it safe at few bits:

- every vector is normalised by its own power of two before it is multiplied;
- the boost is a function of the spatial four-velocity u alone, gamma = sqrt(1 + u^2), so B is a Lorentz
  transformation for any rounded u;
- v_k - v_0 instead of v_k enters the boost (the spatial part of B v_0 is zero), and the difference is exact;
- e_1 and e_3 = r_1 x r_2 are normalised side by side and e_2 = e_3 x e_1 needs no third square root: nothing amplifies
  the rounding of e_1 when r_1 and r_2 are nearly parallel;
- degenerate vectors are replaced by fixed axes by comparison of exponents.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tritag.quant.integer.blocks import _even_index, _even_middle, _mantissa_index, _middle, block_exponent
from tritag.quant.integer.program import Int, Tracer

Vector = list[Int]
# Fractional bits, below the LSB of the momenta, of the factor that a boost multiplies u with.
_SPARE = 4
# Bits of three vectors whose differences are formed.
_DIFFERENCE = 29


@dataclass(frozen=True)
class FrameBits:
    """Widths of the block.

    Attributes
    ----------
    vector : int
        Bits of a normalised vector's largest component (without sign).
    matrix : int
        Fractional bits of four-velocities, axes and matrix entries.
    gamma : int
        The four-velocity saturates at |u| = 2**gamma: an upper bound of gamma of v_0.
    degenerate : int
        A direction shorter than about 2**-degenerate of the mass of v_0 is replaced by a fixed axis, and so is the
        second one when the sine of its angle to the first is smaller than that.
    """

    vector: int = 18
    matrix: int = 16
    gamma: int = 5
    degenerate: int = 12

    def for_candidates(self) -> FrameBits:
        """Widths of one frame per candidate instead of one per jet: gamma reaches 29 on data instead of 5.

        Errors grow with its square; more than one bit of ``matrix`` would not fit a tensor between ops.
        """
        return FrameBits(self.vector + 6, self.matrix + 1, self.gamma + 1, self.degenerate + 2)

    @property
    def root(self) -> int:
        """Fractional bits of reciprocal square roots."""
        return self.matrix + 6

    @property
    def axis(self) -> int:
        """Fractional bits of 1/(1 + gamma) and of axes: a boost multiplies their errors by up to 2**gamma."""
        return self.matrix + self.gamma


def rsqrt_newton(t: Tracer, x: Int, bits: int) -> tuple[Int, Int]:
    """1/sqrt(x) of an integer >= 1 as ``(mantissa, shift)`` = mantissa * 2**-(bits + shift): table and one Newton step.

    The mantissa lies in (2**(bits - 1), 2**bits]; relative error about 2**-20 or half an LSB, whichever is larger.
    """
    table_bits, index_bits, value_bits = 13, 10, 24
    name = f"rsqrt_start_{index_bits}_{table_bits}"
    if name not in t.program.tables:
        t.table(name, lambda i: 2**table_bits / math.sqrt(_even_middle(i, index_bits)), 2 << index_bits)
    index, half = _even_index(x, index_bits)
    start = index.lookup(name)
    odd = (x.leading() - (half << 1)).clip(0, 1)
    # x as a number in [1, 4) with value_bits fractional bits
    value = x.normalized(value_bits + 1).maximum(1 << value_bits).shift_left_by(odd)
    # y (3 - x y^2) / 2
    square = start * start
    product = (value * square).round_shift(2 * table_bits + value_bits - bits)
    rest = ((3 << bits) - product).clip(0, 3 << bits)
    return (start * rest).round_shift(table_bits + 1).clip(1, 1 << bits), half


def reciprocal_newton(t: Tracer, x: Int, bits: int) -> tuple[Int, Int]:
    """1/x of an integer >= 1 as ``(mantissa, shift)`` = mantissa * 2**-(bits + shift): table and one Newton step."""
    table_bits, index_bits, value_bits = 13, 10, 24
    name = f"reciprocal_start_{index_bits}_{table_bits}"
    if name not in t.program.tables:
        t.table(name, lambda i: 2**table_bits / _middle(i, index_bits), 1 << index_bits)
    start = _mantissa_index(x, index_bits).lookup(name)
    value = x.normalized(value_bits + 1).maximum(1 << value_bits)
    product = (value * start).round_shift(table_bits + value_bits - bits)
    rest = ((2 << bits) - product).clip(0, 2 << bits)
    return (start * rest).round_shift(table_bits).clip(1, 1 << bits), x.leading()


def scale_to(values: Sequence[Int], bits: int) -> tuple[Vector, Int]:
    """The values times a common power of two, the largest magnitude in [2**(bits-1), 2**bits); and its exponent."""
    exponent = block_exponent(list(values))
    return [_normalise(v, exponent, bits) for v in values], exponent


def _normalise(value: Int, exponent: Int, bits: int) -> Int:
    """``value * 2**(bits - 1 - exponent)``, rounded half to even and clipped to ``+-2**bits``."""
    return value.aligned(exponent, bits)


def dot(a: Sequence[Int], b: Sequence[Int]) -> Int:
    """Euclidean product."""
    total = a[0] * b[0]
    for x, y in zip(a[1:], b[1:], strict=True):
        total = total + x * y
    return total


def cross(a: Sequence[Int], b: Sequence[Int]) -> Vector:
    """Vector product of three-vectors."""
    return [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]


def unit(t: Tracer, v: Sequence[Int], fraction: int) -> Vector:
    """Unit vector of a normalised three-vector, with ``fraction`` fractional bits."""
    spare = 2
    inverse, shift = rsqrt_newton(t, dot(v, v).maximum(1), fraction + spare)
    one = 1 << fraction
    return [(x * inverse).round_shift_by(shift + spare).clip(-one, one) for x in v]


@dataclass(frozen=True)
class Boost:
    """Rest frame of a timelike vector.

    gamma and u have ``FrameBits.matrix`` fractional bits, 1/(1 + gamma) has ``FrameBits.axis``.
    """

    gamma: Int
    u: Vector
    inverse: Int


def boost_to_rest(t: Tracer, v: Sequence[Int], bits: FrameBits) -> tuple[Boost, Int]:
    """Boost that brings the four-vector v = (E, x, y, z) to rest; |u| is at most about ``2**bits.gamma``.

    Also gives the position of the leading one of the vector's mass. A vector without energy is taken to be at rest.
    """
    (energy, *momentum), exponent = scale_to(v, bits.vector)
    # m^2 >= E^2 / 4**gamma: a lightlike vector becomes one with the largest gamma.
    smallest = (energy * energy) >> (2 * bits.gamma)
    mass_square = (energy * energy - dot(momentum, momentum)).maximum(smallest).maximum(1)
    inverse_mass, shift = rsqrt_newton(t, mass_square, bits.root)
    limit = 1 << (bits.matrix + bits.gamma)
    down = shift + (bits.root - bits.matrix)
    u = [(x * inverse_mass).round_shift_by(down).clip(-limit, limit) for x in momentum]
    return boost_of(t, u, bits), (mass_square.leading() >> 1) + exponent - (bits.vector - 1)


def boost_of(t: Tracer, u: Vector, bits: FrameBits) -> Boost:
    """Boost of a spatial four-velocity: gamma = sqrt(1 + u^2) and 1/(1 + gamma).

    Both follow from the rounded u, so the boost is a Lorentz transformation whatever the rounding of u was.
    """
    one = 1 << bits.matrix
    square = dot(u, u) + (one << bits.matrix)
    inverse_root, half = rsqrt_newton(t, square, bits.root)
    gamma = (square.round_shift(bits.matrix) * inverse_root).round_shift_by(half + (bits.root - bits.matrix))
    # |u| is at most sqrt(3) times its largest component.
    gamma = gamma.clip(one, (2 << (bits.matrix + bits.gamma)) - 1)
    mantissa, down = reciprocal_newton(t, gamma + one, bits.root)
    inverse = _inverse(mantissa, down, bits)
    return Boost(gamma, u, inverse)


def _inverse(mantissa: Int, down: Int, bits: FrameBits) -> Int:
    """1/(1 + gamma) with ``bits.axis`` fractional bits; 1 + gamma has ``bits.matrix``, and is at least 2."""
    lift = bits.matrix + bits.axis - bits.root
    return (mantissa << max(lift, 0)).round_shift_by(down + max(-lift, 0)).clip(0, 1 << (bits.axis - 1))


def boosted(v: Sequence[Int], boost: Boost, bits: FrameBits, largest: int) -> tuple[Int, Vector]:
    """(E, x, y, z) of v in the rest frame, in the units of v: p - u (E + E') / (1 + gamma).

    E' saturates at ``+-2**largest``.
    """
    energy, *momentum = v
    f = bits.matrix
    rest_energy = (energy * boost.gamma - dot(momentum, boost.u)).round_shift(f).clip(-(1 << largest), 1 << largest)
    factor = ((energy + rest_energy) * boost.inverse).round_shift(bits.axis - _SPARE)
    return rest_energy, [p - (u * factor).round_shift(f + _SPARE) for p, u in zip(momentum, boost.u, strict=True)]


def frame_of_vectors(t: Tracer, vectors: Sequence[Sequence[Int]], bits: FrameBits) -> list[Vector]:
    """Frame of three vectors of positive energy, each in a unit of its own, as :func:`polar_frame` gives it.

    Instead of the differences v_k - v_0 it takes E_0 v_k - E_k v_0: another multiple of v_0, which the frame does not
    see, and no energy, so that nothing large is left to cancel. Both products are exact.
    """
    narrow = [scale_to(v, _DIFFERENCE)[0] for v in vectors]
    first, *others = ([v[0].clip(0, v[0].high), *v[1:]] for v in narrow)
    differences = [
        [t.constant(0), *(x * first[0] - y * other[0] for x, y in zip(other[1:], first[1:], strict=True))]
        for other in others
    ]
    return polar_frame(t, first, differences, [other[0] for other in others], bits)


def polar_frame(
    t: Tracer, first: Sequence[Int], differences: Sequence[Sequence[Int]], scales: Sequence[Int], bits: FrameBits
) -> list[Vector]:
    """Lorentz transformation L (4 x 4, ``bits.matrix`` fractional bits); its rows act on (E, x, y, z): ``p' = L p``.

    Parameters
    ----------
    first
        v_0 = (E, x, y, z).
    differences
        ``s_k (v_k - v_0)`` for k = 1, 2, formed exactly.
    scales
        s_k: what the lengths of the differences are compared with, in units of the mass of v_0.
    """
    boost, mass_exponent = boost_to_rest(t, first, bits)
    rest, short = [], []
    for difference, scale in zip(differences, scales, strict=True):
        narrow, exponent = scale_to(difference, bits.vector)
        direction, length = scale_to(boosted(narrow, boost, bits, bits.vector + bits.gamma + 1)[1], bits.vector)
        rest.append(direction)
        least = mass_exponent + scale.leading() + (bits.vector - 1 - bits.degenerate)
        # A difference of zero is short whatever it is compared with.
        short.append((length + exponent).less(least.maximum(1)))
    z_axis, x_axis = ([t.constant(int(i == k) << (bits.vector - 1)) for i in range(3)] for k in (2, 0))
    r_1 = [short[0].where(z, x) for z, x in zip(z_axis, rest[0], strict=True)]
    e_1 = unit(t, r_1, bits.axis)
    normal = cross(r_1, rest[1])
    # Sine of the angle between r_1 and r_2, from the normalised vectors.
    parallel = block_exponent(normal).less(2 * (bits.vector - 1) - bits.degenerate)
    near_z = (e_1[2] * e_1[2]).less((15 << (2 * bits.axis)) >> 4)
    spare = [near_z.where(z, x) for z, x in zip(z_axis, x_axis, strict=True)]
    lost = parallel.maximum(short[1])
    normal = [lost.where(b, a) for a, b in zip(normal, cross(r_1, spare), strict=True)]
    e_3 = unit(t, scale_to(normal, bits.vector)[0], bits.axis)
    limit = 1 << bits.axis
    e_2 = [x.round_shift(bits.axis).clip(-limit, limit) for x in cross(e_3, e_1)]
    rows = [[boost.gamma, *(-x for x in boost.u)]]
    for axis in (e_1, e_2, e_3):
        along = dot(axis, boost.u).round_shift(bits.axis)
        factor = (along * boost.inverse).round_shift(bits.matrix)
        parts = zip(axis, boost.u, strict=True)
        spatial = [((e << bits.matrix) + u * factor).round_shift(bits.axis) for e, u in parts]
        rows.append([-along, *spatial])
    # No entry is larger than gamma; the intervals do not know that.
    largest = (2 << (bits.matrix + bits.gamma)) - 1
    return [[x.clip(-largest, largest) for x in row] for row in rows]
