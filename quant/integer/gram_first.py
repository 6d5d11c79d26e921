"""The first of three vectors of a frame, its mass and its products, and the widths of the block that takes them.

Used by :mod:`tritag.quant.integer.gram`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tritag.quant.integer.axes_first import ROW_BITS, AxesBits, symmetric
from tritag.quant.integer.lorentz import Vector
from tritag.quant.integer.tracer import Int


@dataclass(frozen=True)
class GramBits(AxesBits):
    """Widths of the block; lengths have other least exponents than those of ``AxesBits``."""

    @property
    def least_mass(self) -> int:
        """Position of the leading one of the smallest D."""
        return 2 * self.vector - 3 - 2 * self.gamma

    @property
    def least_first(self) -> int:
        """Halved position of the leading one of the smallest square of the first length."""
        return (self.least_mass + 2 * self.vector - 2) // 2 - self.first_drop


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
