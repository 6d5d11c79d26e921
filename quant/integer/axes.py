"""Axes of a jet's frame from products of its three vectors, without the frame (specification: docs/ops/token_axes.md).

With v_0 = (E, P), D = E^2 - P^2, and d_k = E v_k - E_k v_0, the part of v_k beside v_0 without energy, the metric at
rest of such parts is H = D + P P^T (over D), and its adjugate is D A, A = E^2 - P P^T. So

    h = H d_1,  c = d_1 x d_2,  m = A c

give rows along the three axes, and d_1 h, c m the squares of their lengths: the minors of the Gram matrix of v_0, v_1,
v_2, as sums in which nothing cancels but what c itself is a difference of. With q = E p - p_E P, e = v_0 p a token has

    E' = e/sqrt(D),   p'/E' = (h q/(E sqrt(d_1 h) e), sqrt(D) (m x d_1) q/(E sqrt(d_1 h) sqrt(c m) e),
                               sqrt(D) c q/(sqrt(c m) e)).

All roots are needed at the very end and only to the digits of the result, so each is one look into a table; no root
waits for another one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tritag.quant.integer import blocks
from tritag.quant.integer.axes_first import ROW_BITS, AxesBits, First, slowed, to_bits
from tritag.quant.integer.lorentz import Vector, cross, dot
from tritag.quant.integer.roots import rsqrt_by_table, sqrt_by_table
from tritag.quant.integer.tracer import Int, Tracer

# Bits of vectors whose differences are formed, beyond those of a normalised one.
_SPARE = 9
# Fractional bits of logarithms.
LOG_BITS = 13


@dataclass(frozen=True)
class Axes:
    """What a jet's tokens need of its three vectors; all of them at most 24 bits and a sign.

    Attributes
    ----------
    energy, momentum, fast
        v_0, its largest component in [2**(vector - 1), 2**vector), and whether its momentum counts less (``First``).
    log_mass
        log2 of D with 12 fractional bits.
    rows
        h, m x d_1 sqrt(D)/E and sqrt(D) c of the module docstring.
    factors
        Mantissas, of ``AxesBits.root`` bits, of 1/(E sqrt(d_1 h)), 1/(sqrt(d_1 h) sqrt(c m)) and 1/sqrt(c m).
    shifts
        Exponents of sqrt(d_1 h) and sqrt(c m).
    """

    energy: Int
    momentum: Vector
    fast: Int
    log_mass: Int
    rows: Sequence[Vector]
    factors: Vector
    shifts: Vector

    def lanes(self) -> Vector:
        """All values, one after the other."""
        scalars = [self.energy, *self.momentum, self.fast, self.log_mass]
        return [*scalars, *(x for row in self.rows for x in row), *self.factors, *self.shifts]

    @classmethod
    def of_lanes(cls, lanes: Sequence[Int], bits: AxesBits) -> Axes:
        """The axes from their lanes; the clips only tell the intervals what is known."""
        v = bits.vector
        top, row = (1 << v) - 1, (1 << ROW_BITS) - 1
        momentum = [x.clip(-top, top) for x in lanes[1:4]]
        energy, fast, log_mass = lanes[0].clip(0, top), lanes[4].clip(0, 1), lanes[5].clip(0, (2 * v) << (LOG_BITS - 1))
        rows = [[x.clip(-row, row) for x in lanes[i : i + 3]] for i in (6, 9, 12)]
        factors = [x.clip(0, 1 << bits.root) for x in lanes[15:18]]
        shifts = [lanes[18].clip(bits.least_first, (v + ROW_BITS) // 2), lanes[19].clip(0, ROW_BITS)]
        return cls(energy, momentum, fast, log_mass, rows, factors, shifts)


def axes_of_vectors(t: Tracer, vectors: Sequence[Sequence[Int]], bits: AxesBits) -> Axes:
    """Axes of the frame of three vectors (E, x, y, z), E >= 0, each in a unit of its own."""
    v = bits.vector
    sizes = [blocks.block_exponent(list(vector)) for vector in vectors]
    wide = [[to_bits(x, size, v + _SPARE) for x in vector] for vector, size in zip(vectors, sizes, strict=True)]
    energy, *momentum = (to_bits(x, sizes[0], v) for x in vectors[0])
    first = slowed(energy.clip(0, energy.high), momentum, bits)
    differences = [
        [x * wide[0][0] - y * other[0] for x, y in zip(other[1:], wide[0][1:], strict=True)] for other in wide[1:]
    ]
    exponents = [blocks.block_exponent(d) for d in differences]
    # The mass of v_0 times the energy of the other one, in units of the difference.
    least = (first.given_square.leading() >> 1) + (_SPARE + v + _SPARE - 1 - bits.degenerate)
    short = [exponent.less(least) for exponent in exponents]
    d_1, d_2 = ([to_bits(x, exponent, v) for x in d] for d, exponent in zip(differences, exponents, strict=True))
    fixed = first.fixed_axes()
    d_1 = [short[0].where(z, x) for z, x in zip(fixed[2], d_1, strict=True)]
    return _axes(t, first, d_1, _normal(d_1, d_2, short[1], fixed, bits))


@dataclass(frozen=True)
class _Normal:
    """c from the vectors, c from a fixed axis, and whether the latter counts; lengths are found for both."""

    given: Vector
    fixed: Vector
    lost: Int


def _normal(d_1: Vector, d_2: Vector, short: Int, fixed: Sequence[Vector], bits: AxesBits) -> _Normal:
    """c = d_1 x d_2 at ``ROW_BITS`` bits, and d_1 x a fixed axis for where d_2 or c is too short."""
    drop = 2 * bits.vector + 1 - ROW_BITS
    given, across_x, across_z = ([x >> drop for x in cross(d_1, axis)] for axis in (d_2, fixed[0], fixed[2]))
    # Sine of the angle between the two, from the normalised vectors: in [-2**least, 2**least) is short.
    least = 2 * (bits.vector - 1) - bits.degenerate - drop
    x, y, z = ((part >> least).equal(0).where(1, (part >> least).equal(-1)) for part in given)
    lost = x.where(y, 0).where(z, 0).where(1, short)
    x, y, z = (component.absolute() for component in d_1)
    upright = (x.maximum(y) << 2).less(z)
    return _Normal(given, [upright.where(a, b) for a, b in zip(across_x, across_z, strict=True)], lost)


def _axes(t: Tracer, first: First, d_1: Vector, normal: _Normal) -> Axes:
    """Rows, and the reciprocals of their lengths."""
    bits = first.bits
    v, root, row = bits.vector, bits.root, (1 << ROW_BITS) - 1
    h = [(dot(line, d_1) >> (2 * bits.first_drop - (2 * v - ROW_BITS))).clip(-row, row) for line in first.metric()]
    first_square = dot(d_1, h).clip(0, (1 << (v + ROW_BITS + 1)) - 1)
    third_square, m, c = _third(first, normal)
    # 1/E: its leading one is at a known place.
    inverse, top = blocks.reciprocal(t, first.energy, v)[0], (1 << v) - 1
    root_mass, half = sqrt_by_table(t, first.square, v)
    down = (v - half).clip(0, v)
    share = (root_mass * inverse) >> v
    scaled = [((x * share) >> (v - 1)).round_shift_by(down).clip(-top, top) for x in d_1]
    second = [(x >> (v + 1)).clip(-row, row) for x in cross(m, scaled)]
    mass = root_mass.round_shift_by(down).clip(0, 1 << v)
    last = [((x * mass) >> v).clip(-row, row) for x in c]
    of_first, shift_first = rsqrt_by_table(t, first_square, bits.least_first, root)
    of_third, shift_third = rsqrt_by_table(t, third_square, 0, root)
    factors = [(of_first * inverse) >> v, (of_first * of_third) >> root, of_third]
    log_mass = blocks.log2(t, first.square, LOG_BITS - 1)
    momentum, shifts = first.momentum, [shift_first, shift_third]
    return Axes(first.energy, momentum, first.fast, log_mass, [h, second, last], factors, shifts)


def _third(first: First, normal: _Normal) -> tuple[Int, Vector, Vector]:
    """c m, m and c: of both c, so that no product waits for the choice."""
    row, v = (1 << ROW_BITS) - 1, first.bits.vector
    adjugate = first.adjugate()
    images = [[(dot(line, c) >> (v + 2)).clip(-row, row) for line in adjugate] for c in (normal.given, normal.fixed)]
    # The fixed one is never short, so that fewer of its bits are enough.
    spare = ROW_BITS - v
    short = dot([x >> spare for x in normal.fixed], images[1])
    top = (1 << (2 * ROW_BITS + 1)) - 1
    square = normal.lost.where((short << spare).clip(0, top), dot(normal.given, images[0]).clip(0, top))
    m, c = ([normal.lost.where(b, a) for a, b in zip(*x, strict=True)] for x in (images, (normal.given, normal.fixed)))
    return square, m, c


__all__ = ["LOG_BITS", "Axes", "AxesBits", "axes_of_vectors"]
