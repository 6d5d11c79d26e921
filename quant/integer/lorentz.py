"""Lorentz frames in integer arithmetic: the float-safe orthonormalization (specification: docs/ops/lorentz_frames.md).

Three four-vectors v_0, v_1, v_2 become a Lorentz transformation L = R B (polar decomposition, LLoCa): B boosts v_0 to
rest, R rotates the spatial part of B v_1 onto the first axis and that of B v_2 into the plane of the first two.

What keeps it safe at few bits:

- every vector is normalised by its own power of two before it is multiplied;
- the boost is a function of the spatial four-velocity u alone, gamma = sqrt(1 + u^2), so B is a Lorentz
  transformation for any rounded u;
- v_k - v_0 instead of v_k enters the boost (the spatial part of B v_0 is zero), and the difference is exact;
- r_1 and r_1 x r_2 are normalised side by side and (r_1 x r_2) x r_1 needs no third square root: nothing amplifies a
  rounding when r_1 and r_2 are nearly parallel;
- degenerate vectors are replaced by fixed axes by comparison of exponents.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tritag.quant.integer.blocks import block_exponent
from tritag.quant.integer.segments import inverse_of_gamma_plus_one, rsqrt_fine, sqrt_fine
from tritag.quant.integer.tracer import Int, Tracer

Vector = list[Int]
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
        return self.matrix + self.gamma + 1


def scale_to(values: Sequence[Int], bits: int) -> tuple[Vector, Int]:
    """The values times a common power of two, the largest magnitude in [2**(bits-1), 2**bits); and its exponent."""
    exponent = block_exponent(list(values))
    return [_normalise(v, exponent, bits) for v in values], exponent


def _normalise(value: Int, exponent: Int, bits: int) -> Int:
    """``value * 2**(bits - 1 - exponent)``, rounded half to even and clipped to ``+-2**bits``."""
    return value.aligned(exponent, bits)


def dot(a: Sequence[Int], b: Sequence[Int]) -> Int:
    """Sum of the products of the components of two three-vectors."""
    total = a[0] * b[0]
    for x, y in zip(a[1:], b[1:], strict=True):
        total = total + x * y
    return total


def cross(a: Sequence[Int], b: Sequence[Int]) -> Vector:
    """Vector product of three-vectors."""
    return [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]


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

    Also gives the position of the leading one of the mass of v, scaled to ``bits.vector`` bits. Without energy it is
    taken to be at rest.
    """
    energy, *momentum = scale_to(v, bits.vector)[0]
    # m^2 >= E^2 / 4**gamma: a lightlike vector becomes one with the largest gamma.
    smallest = (energy * energy) >> (2 * bits.gamma)
    mass_square = (energy * energy - dot(momentum, momentum)).maximum(smallest).maximum(1)
    inverse_mass, shift = rsqrt_fine(t, mass_square, bits.root)
    limit = 1 << (bits.matrix + bits.gamma)
    down = shift + (bits.root - bits.matrix)
    u = [(x * inverse_mass).round_shift_by(down).clip(-limit, limit) for x in momentum]
    return boost_of(t, u, bits), mass_square.leading() >> 1


def boost_of(t: Tracer, u: Vector, bits: FrameBits) -> Boost:
    """Boost of a spatial four-velocity: gamma = sqrt(1 + u^2) and 1/(1 + gamma).

    Both follow from the rounded u, so the boost is a Lorentz transformation whatever the rounding of u was.
    """
    one = 1 << bits.matrix
    square = dot(u, u) + (one << bits.matrix)
    # |u| is at most sqrt(3) times its largest component.
    gamma = sqrt_fine(t, square).clip(one, (2 << (bits.matrix + bits.gamma)) - 1)
    octaves = 2 * bits.gamma + 2
    return Boost(gamma, u, inverse_of_gamma_plus_one(t, square, 2 * bits.matrix, octaves, bits.axis))


def boosted(v: Sequence[Int], boost: Boost, bits: FrameBits, largest: int) -> tuple[Int, Vector]:
    """(E, x, y, z) of v in the rest frame, in the units of v: p - u (E + E') / (1 + gamma).

    E' saturates at ``+-2**largest``.
    """
    energy, *momentum = v
    f = bits.matrix
    rest_energy = (energy * boost.gamma - dot(momentum, boost.u)).round_shift(f).clip(-(1 << largest), 1 << largest)
    # u/(1 + gamma) is below 1; it is there before E' is, because it belongs to the boost alone.
    one = 1 << bits.axis
    shares = [(u * boost.inverse).round_shift(f).clip(-one, one) for u in boost.u]
    both = energy + rest_energy
    return rest_energy, [p - (x * both).round_shift(bits.axis) for p, x in zip(momentum, shares, strict=True)]


def moved_at_rest(v: Sequence[Int], boost: Boost, bits: FrameBits, largest: int) -> Vector:
    """Spatial part, in the rest frame, of a vector without energy: v + u (u v) / (1 + gamma).

    ``u v`` saturates at ``+-2**largest``. The factor 1/(1 + gamma) comes last, because it is there last.
    """
    f = bits.matrix
    along = dot(v, boost.u).round_shift(f).clip(-(1 << largest), 1 << largest)
    # The product with 1/(1 + gamma) must fit 62 bits.
    surplus = max(0, largest + bits.gamma + bits.axis - 61)
    parts = [(u * along).round_shift(f + surplus) for u in boost.u]
    return [x + (part * boost.inverse).round_shift(bits.axis - surplus) for x, part in zip(v, parts, strict=True)]


def frame_of_vectors(t: Tracer, vectors: Sequence[Sequence[Int]], bits: FrameBits) -> list[Vector]:
    """Lorentz transformation L (4 x 4, ``bits.matrix`` fractional bits) of three vectors of positive energy.

    Its rows act on (E, x, y, z): ``p' = L p``. Each vector is in a unit of its own. Instead of the differences
    v_k - v_0 it takes E_0 v_k - E_k v_0: another multiple of v_0, which the frame does not see, and no energy, so that
    nothing large is left to cancel. Both products are exact.
    """
    first, *others = ([v[0].clip(0, v[0].high), *v[1:]] for v in (scale_to(v, _DIFFERENCE)[0] for v in vectors))
    boost, mass = boost_to_rest(t, vectors[0], bits)
    # In the unit of ``first``, whose leading one is at a known place.
    mass = mass + (_DIFFERENCE - bits.vector)
    rest, short = [], []
    for other in others:
        difference = [x * first[0] - y * other[0] for x, y in zip(other[1:], first[1:], strict=True)]
        narrow, exponent = scale_to(difference, bits.vector)
        moved = moved_at_rest(narrow, boost, bits, bits.vector + bits.gamma + 1)
        direction, length = scale_to(moved, bits.vector)
        rest.append(direction)
        least = mass + other[0].leading() + (bits.vector - 1 - bits.degenerate)
        # A difference of zero is short whatever it is compared with.
        short.append((length + exponent).less(least.maximum(1)))
    return _rows(t, rest, short, boost, bits)


@dataclass(frozen=True)
class _Direction:
    """A three-vector and its reciprocal length ``mantissa * 2**-(bits.root + shift)``."""

    vector: Vector
    mantissa: Int
    shift: Int


def _direction(t: Tracer, v: Vector, bits: FrameBits) -> _Direction:
    """Of a vector with its largest magnitude in [2**(bits.vector - 1), 2**bits.vector]."""
    square = dot(v, v).maximum(1 << (2 * bits.vector - 2))
    return _Direction(v, *rsqrt_fine(t, square, bits.root))


def _rows(t: Tracer, rest: Sequence[Vector], short: Sequence[Int], boost: Boost, bits: FrameBits) -> list[Vector]:
    """Rows of L from r_1 and r_2, normalised: along r_1, along (r_1 x r_2) x r_1, and along r_1 x r_2.

    The rows are boosted at the length that they have, while the reciprocal lengths are computed; these come last.
    """
    z_axis, x_axis = ([t.constant(int(i == k) << (bits.vector - 1)) for i in range(3)] for k in (2, 0))
    r_1 = [short[0].where(z, x) for z, x in zip(z_axis, rest[0], strict=True)]
    first = _direction(t, r_1, bits)
    normal = cross(r_1, rest[1])
    # Sine of the angle between r_1 and r_2, from the normalised vectors.
    parallel = block_exponent(normal).less(2 * (bits.vector - 1) - bits.degenerate)
    lost = parallel.maximum(short[1])
    # More than 14 degrees from z: r_1 x (z axis) is a vector across, else r_1 x (x axis).
    aslant = ((r_1[2] * r_1[2]) << 4).less(dot(r_1, r_1) * 15)
    across = [scale_to(cross(r_1, axis), bits.vector)[0] for axis in (z_axis, x_axis)]
    sideways = [aslant.where(z, x) for z, x in zip(*across, strict=True)]
    normal = [lost.where(b, a) for a, b in zip(scale_to(normal, bits.vector)[0], sideways, strict=True)]
    last = _direction(t, normal, bits)
    # Long enough for the boost, which multiplies roundings by gamma.
    guard = max(bits.axis + 1 - bits.vector, 2)
    drop = 2 * bits.vector - (bits.axis + 1)
    middle = [x.round_shift(drop) for x in cross(normal, r_1)]
    both = (first.mantissa * last.mantissa).round_shift(bits.root)
    down = bits.root - bits.matrix
    rows = [[boost.gamma, *(-x for x in boost.u)]]
    for vector, mantissa, shift in (
        ([x << guard for x in r_1], first.mantissa, first.shift + (down + guard)),
        (middle, both, first.shift + last.shift + (down - drop)),
        ([x << guard for x in normal], last.mantissa, last.shift + (down + guard)),
    ):
        along = dot(vector, boost.u).round_shift(bits.matrix)
        factor = (along * boost.inverse).round_shift(bits.axis)
        spatial = [x + (u * factor).round_shift(bits.matrix) for x, u in zip(vector, boost.u, strict=True)]
        # Far above anything that occurs: the product must fit 62 bits.
        top = 1 << (61 - bits.root)
        rows.append([(x.clip(-top, top) * mantissa).round_shift_by(shift) for x in (-along, *spatial)])
    # No entry is larger than gamma; the intervals do not know that.
    largest = (2 << (bits.matrix + bits.gamma)) - 1
    return [[x.clip(-largest, largest) for x in row] for row in rows]
