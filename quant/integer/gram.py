"""Axes of a jet's frame from products of its three vectors. Specification: docs/ops/seed_directions.md.

With v_0 = (E, P), D = E^2 - P^2, and d_k the part of v_k beside v_0 that has no energy, d_k = E v_k - E_k v_0, the
metric at rest of such parts is H = D + P P^T (times 1/D), and its adjugate is D A, A = E^2 - P P^T. So

    h = H d_1,  c = d_1 x d_2,  m = A c

give rows along the three axes, and d_1 h, c m the squares of their lengths: the minors of the Gram matrix of v_0, v_1,
v_2, as sums in which nothing cancels but what c itself is a difference of. A token q = E p - p_E P, e = v_0 p has

    E' = e/sqrt(D),   p'/E' = (h q/(E sqrt(d_1 h) e), sqrt(D) (m x d_1) q/(E sqrt(d_1 h) sqrt(c m) e),
                               sqrt(D) c q/(sqrt(c m) e)).

All roots are needed at the very end and only as digits of the result, so each is one look into a table; nothing waits
for another root.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tritag.quant.integer import blocks
from tritag.quant.integer.axes import LOG_BITS
from tritag.quant.integer.axes_first import ROW_BITS, to_bits
from tritag.quant.integer.blocks import block_exponent
from tritag.quant.integer.gram_first import First, GramBits, slowed
from tritag.quant.integer.lorentz import Vector, cross, dot
from tritag.quant.integer.roots import rsqrt_by_table, sqrt_by_table
from tritag.quant.integer.tracer import Int, Tracer

# Bits of vectors whose differences are formed, beyond those of a normalised one.
_SPARE = 9
_SMALLEST_NORMAL = 3


@dataclass(frozen=True)
class GramAxes:
    """What a jet's tokens need of its three vectors; all of them at most 24 bits and a sign.

    Attributes
    ----------
    energy, momentum
        v_0, its energy in [2**(vector - 1), 2**vector).
    mass, log_mass
        sqrt(D) in the same unit, and log2 of D with 12 fractional bits.
    rows
        h, m and c of the module docstring.
    scaled
        d_1/E.
    factors, shifts
        Reciprocal lengths of the first row (with that of v_0), of the first row, of the third: mantissas of
        ``GramBits.root`` bits, and their exponents.
    """

    energy: Int
    momentum: Vector
    mass: Int
    log_mass: Int
    rows: Sequence[Vector]
    scaled: Vector
    factors: Vector
    shifts: Vector

    def lanes(self) -> Vector:
        """All values, one after the other."""
        rows = [x for row in self.rows for x in row]
        return [self.energy, *self.momentum, self.mass, self.log_mass, *rows, *self.scaled, *self.factors, *self.shifts]

    @classmethod
    def of_lanes(cls, lanes: Sequence[Int], bits: GramBits) -> GramAxes:
        """The axes from their lanes; the clips only tell the intervals what is known."""
        v = bits.vector
        top, row = (1 << v) - 1, (1 << ROW_BITS) - 1
        energy = lanes[0].clip(0, top)
        momentum = [x.clip(-top, top) for x in lanes[1:4]]
        mass, log_mass = lanes[4].clip(0, 1 << v), lanes[5].clip(0, (2 * v) << (LOG_BITS - 1))
        rows = [[x.clip(-row, row) for x in lanes[i : i + 3]] for i in (6, 9, 12)]
        scaled = [x.clip(-top, top) for x in lanes[15:18]]
        factors = [x.clip(1, 1 << bits.root) for x in lanes[18:21]]
        low, high = zip(*_shift_ranges(bits), strict=True)
        shifts = [x.clip(a, b) for x, a, b in zip(lanes[21:24], low, high, strict=True)]
        return cls(energy, momentum, mass, log_mass, rows, scaled, factors, shifts)


def _shift_ranges(bits: GramBits) -> list[tuple[int, int]]:
    """Least and largest exponent of each reciprocal length."""
    first = bits.least_first, (bits.vector + ROW_BITS + 2) // 2
    mass = bits.least_mass // 2, bits.vector
    return [(first[0] + mass[0], first[1] + mass[1]), first, (_SMALLEST_NORMAL, ROW_BITS + 1)]


def gram_axes(t: Tracer, vectors: Sequence[Sequence[Int]], bits: GramBits) -> GramAxes:
    """Axes of the frame of three vectors (E, x, y, z) of energies >= 0, each in a unit of its own."""
    v = bits.vector
    sizes = [block_exponent(list(vector)) for vector in vectors]
    wide = [[to_bits(x, e, v + _SPARE) for x in vector] for vector, e in zip(vectors, sizes, strict=True)]
    energy, *momentum = (to_bits(x, sizes[0], v) for x in vectors[0])
    first = slowed(energy.clip(0, energy.high), momentum, bits)
    differences = [
        [x * wide[0][0] - y * other[0] for x, y in zip(other[1:], wide[0][1:], strict=True)] for other in wide[1:]
    ]
    exponents = [block_exponent(d) for d in differences]
    # The mass of v_0 times the energy of the other one, in units of the difference.
    least = (first.given_square.leading() >> 1) + (_SPARE + v + _SPARE - 1 - bits.degenerate)
    short = [e.less(least) for e in exponents]
    d_1, d_2 = ([to_bits(x, e, v) for x in d] for d, e in zip(differences, exponents, strict=True))
    fixed = first.fixed_axes()
    d_1 = [short[0].where(z, x) for z, x in zip(fixed[2], d_1, strict=True)]
    c = _normal(d_1, d_2, short[1], fixed, bits)
    return _axes(t, first, d_1, c, bits)


def _normal(d_1: Vector, d_2: Vector, short: Int, fixed: Sequence[Vector], bits: GramBits) -> Vector:
    """c = d_1 x d_2 at ``ROW_BITS`` bits, or d_1 x a fixed axis where that is too short."""
    drop = 2 * bits.vector + 1 - ROW_BITS
    given, across_x, across_z = ([x >> drop for x in cross(d_1, axis)] for axis in (d_2, fixed[0], fixed[2]))
    # Sine of the angle between the two, from the normalised vectors: between -2**least and 2**least is short.
    least = 2 * (bits.vector - 1) - bits.degenerate - drop
    upper = [x >> least for x in given]
    x, y, z = (x.equal(0).where(1, x.equal(-1)) for x in upper)
    lost = x.where(y, 0).where(z, 0).where(1, short)
    x, y, z = (component.absolute() for component in d_1)
    upright = (x.maximum(y) << 2).less(z)
    return [lost.where(upright.where(b, c), a) for a, b, c in zip(given, across_x, across_z, strict=True)]


def _axes(t: Tracer, first: First, d_1: Vector, c: Vector, bits: GramBits) -> GramAxes:
    v, root = bits.vector, bits.root
    row = (1 << ROW_BITS) - 1
    h = [(dot(line, d_1) >> (2 * bits.first_drop - (2 * v - ROW_BITS))).clip(-row, row) for line in first.metric()]
    first_square = dot(d_1, h).clip(0, (1 << (v + ROW_BITS + 1)) - 1)
    m = [(dot(line, c) >> (v + 2)).clip(-row, row) for line in first.adjugate()]
    third_square = dot(c, m).clip(0, (1 << (2 * ROW_BITS + 2)) - 1)
    # 1/E: its leading one is at a known place.
    inverse = blocks.reciprocal(t, first.energy, v)[0]
    scaled = [(x * inverse).round_shift(v).clip(1 - (1 << v), (1 << v) - 1) for x in d_1]
    (of_mass, shift_mass), (of_first, shift_first), (of_third, shift_third) = (
        rsqrt_by_table(t, x, least, root)
        for x, least in (
            (first.square, bits.least_mass // 2),
            (first_square, bits.least_first),
            (third_square, _SMALLEST_NORMAL),
        )
    )
    mass_factor = (of_mass * inverse).round_shift(v)
    factors = [(of_first * mass_factor).round_shift(root).maximum(1), of_first, of_third]
    shifts = [shift_first + shift_mass, shift_first, shift_third]
    root_mass, half = sqrt_by_table(t, first.square, v)
    mass = root_mass.round_shift_by(v - half).clip(0, 1 << v)
    log_mass = blocks.log2(t, first.square, LOG_BITS - 1)
    return GramAxes(first.energy, first.momentum, mass, log_mass, [h, m, c], scaled, factors, shifts)


__all__ = ["GramAxes", "GramBits", "gram_axes"]
