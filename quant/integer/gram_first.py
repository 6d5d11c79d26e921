"""The first of three vectors of a frame, its mass and its products, and the widths of the block that takes them.

Used by :mod:`tritag.quant.integer.gram`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tritag.quant.integer.lorentz import Vector
from tritag.quant.integer.tracer import Int

# Bits of the rows of axes: as many as a tensor between two ops holds.
ROW_BITS = 24


@dataclass(frozen=True)
class GramBits:
    """Widths of the block.

    Attributes
    ----------
    vector : int
        Bits of a normalised vector's largest component, without sign; 17 and the sign are what a multiplier takes.
    root : int
        Bits of reciprocal lengths.
    gamma : int
        The energy of v_0 is at most about 2**gamma masses.
    degenerate : int
        A direction shorter than about 2**-degenerate of the mass of v_0 is replaced by a fixed axis, and so is the
        second one when the sine of its angle to the first is smaller than that.
    """

    vector: int = 17
    root: int = 16
    gamma: int = 5
    degenerate: int = 12

    @property
    def first_drop(self) -> int:
        """Half of the bits that the square of the first length has been shortened by."""
        return (3 * self.vector - ROW_BITS + 2) // 2

    @property
    def least_mass(self) -> int:
        """Position of the leading one of the smallest D."""
        return 2 * self.vector - 3 - 2 * self.gamma

    @property
    def least_first(self) -> int:
        """Halved position of the leading one of the smallest square of the first length."""
        return (self.least_mass + 2 * self.vector - 2) // 2 - self.first_drop


def to_bits(value: Int, exponent: Int, bits: int) -> Int:
    """``value`` in units of which the vector's largest component has ``bits`` bits."""
    top = (1 << bits) - 1
    return value.aligned(exponent, bits).clip(-top, top)


@dataclass(frozen=True)
class First:
    """v_0 with its squared mass D and the products of its momentum."""

    energy: Int
    momentum: Vector
    square: Int
    given_square: Int
    energy_square: Int
    products: Sequence[Vector]
    trace: Int
    bits: GramBits

    def metric(self) -> list[Vector]:
        """H = D + P P^T, at ``ROW_BITS`` bits."""
        drop = 2 * self.bits.vector - ROW_BITS
        return [
            [((self.square + p) if i == j else p).round_shift(drop) for j, p in enumerate(row)]
            for i, row in enumerate(self.products)
        ]

    def adjugate(self) -> list[Vector]:
        """A = E^2 - P P^T, at ``GramBits.vector`` bits."""
        v = self.bits.vector
        top = (1 << v) - 1
        return [
            [((self.energy_square - p) if i == j else -p).round_shift(v).clip(-top, top) for j, p in enumerate(row)]
            for i, row in enumerate(self.products)
        ]

    def fixed_axes(self) -> list[Vector]:
        """Vectors without energy that lie along x, y and z at rest: E (E + sqrt(D)) - P P^T, sqrt(D) to first order."""
        v = self.bits.vector
        top = (1 << v) - 1
        along = (self.energy_square << 1) - (self.trace >> 1)
        return [
            [((along - p) if i == j else -p).round_shift(v + 1).clip(-top, top) for j, p in enumerate(row)]
            for i, row in enumerate(self.products)
        ]


def slowed(energy: Int, momentum: Vector, bits: GramBits) -> First:
    """v_0 with a momentum that leaves it a mass of at least about ``2**-gamma`` of its energy."""
    v, share = bits.vector, 2 * bits.gamma
    square = energy * energy
    products = symmetric([[x * y for y in momentum[i:]] for i, x in enumerate(momentum)])
    trace = products[0][0] + products[1][1] + products[2][2]
    given = square - trace
    fast = ((square - (square >> share)) - trace).less(0)
    momentum = [fast.where(x - (x >> (share + 1)), x) for x in momentum]
    # (1 - 2**-(share + 1))**2 but for its last term, so that nothing waits for the slowed momentum.
    slower = [[fast.where(x - (x >> share), x) for x in row[i:]] for i, row in enumerate(products)]
    mass_square = fast.where(given + (trace >> share), given).clip(1 << bits.least_mass, (1 << (2 * v)) - 1)
    reduced = fast.where(trace - (trace >> share), trace)
    return First(
        energy, momentum, mass_square, given.clip(0, mass_square.high), square, symmetric(slower), reduced, bits
    )


def symmetric(upper: Sequence[Vector]) -> list[Vector]:
    """A symmetric matrix from its rows from the diagonal on."""
    return [[upper[min(i, j)][abs(i - j)] for j in range(3)] for i in range(3)]
