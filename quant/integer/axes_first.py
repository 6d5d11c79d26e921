"""v_0 of the frame from products (axes.py): its mass, and the metric at rest of vectors without energy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tritag.quant.integer.lorentz import Vector
from tritag.quant.integer.tracer import Int

# Bits of the rows of axes: as many as a tensor between two ops holds.
ROW_BITS = 24


@dataclass(frozen=True)
class AxesBits:
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
        """Half of the bits by which the square of the first length is shortened."""
        return (3 * self.vector - ROW_BITS + 2) // 2

    @property
    def least_first(self) -> int:
        """Halved position of the leading one of the smallest square of the first length, D d_1^2: of a fixed axis."""
        return (4 * self.vector - 7 - 2 * self.gamma) // 2 - self.first_drop

    @property
    def share(self) -> int:
        """Fractional bits of q/e, which is at most 2**gamma."""
        return self.vector - self.gamma


def to_bits(value: Int, exponent: Int, bits: int) -> Int:
    """``value`` in units of which the largest component of its vector, of that exponent, has ``bits`` bits."""
    top = (1 << bits) - 1
    return value.aligned(exponent, bits).clip(-top, top)


@dataclass(frozen=True)
class First:
    """v_0 = (E, P), slowed where it is too fast.

    Attributes
    ----------
    energy, momentum
        E and P, not slowed.
    fast
        1 where P counts ``2**-(2 * gamma + 1)`` of itself less, else 0.
    square, given_square
        D = E^2 - P^2 of the slowed momentum, and of the one that was given (at least 0).
    products, trace
        P P^T and P^2, slowed.
    """

    energy: Int
    momentum: Vector
    fast: Int
    square: Int
    given_square: Int
    energy_square: Int
    products: Sequence[Vector]
    trace: Int
    bits: AxesBits

    def metric(self) -> list[Vector]:
        """H = D + P P^T, at ``ROW_BITS`` bits."""
        drop = 2 * self.bits.vector - ROW_BITS
        return _matrix(self.products, lambda i, j, p: ((self.square + p) if i == j else p).round_shift(drop))

    def adjugate(self) -> list[Vector]:
        """A = E^2 - P P^T, at ``AxesBits.vector`` bits."""
        v = self.bits.vector
        top = (1 << v) - 1
        square = self.energy_square
        return _matrix(self.products, lambda i, j, p: ((square - p) if i == j else -p).round_shift(v).clip(-top, top))

    def fixed_axes(self) -> list[Vector]:
        """Vectors without energy that lie along x, y and z at rest: E (E + sqrt(D)) - P P^T.

        sqrt(D) is E - P^2/(2 E): these axes are for vectors that have no direction, and it is there before the root.
        """
        v = self.bits.vector
        top = (1 << v) - 1
        along = (self.energy_square << 1) - (self.trace >> 1)
        return _matrix(
            self.products, lambda i, j, p: ((along - p) if i == j else -p).round_shift(v + 1).clip(-top, top)
        )


def slowed(energy: Int, momentum: Vector, bits: AxesBits) -> First:
    """v_0 with a momentum that leaves it a mass of at least about ``2**-gamma`` of its energy.

    Nothing waits for the slowed momentum: its products are the given ones less ``2**-(2 * gamma)`` of themselves, which
    is (1 - 2**-(2 gamma + 1))^2 but for the last term.
    """
    v, share = bits.vector, 2 * bits.gamma
    square = energy * energy
    products = symmetric([[x * y for y in momentum[i:]] for i, x in enumerate(momentum)])
    trace = products[0][0] + products[1][1] + products[2][2]
    given = square - trace
    fast = ((square - (square >> share)) - trace).less(0)
    slower = symmetric([[fast.where(x - (x >> share), x) for x in row[i:]] for i, row in enumerate(products)])
    mass_square = fast.where(given + (trace >> share), given).clip(0, (1 << (2 * v)) - 1)
    reduced = fast.where(trace - (trace >> share), trace)
    given = given.clip(0, mass_square.high)
    return First(energy, momentum, fast, mass_square, given, square, slower, reduced, bits)


def symmetric(upper: Sequence[Vector]) -> list[Vector]:
    """A symmetric matrix from its rows from the diagonal on."""
    return [[upper[min(i, j)][abs(i - j)] for j in range(3)] for i in range(3)]


def _matrix(products: Sequence[Vector], entry: Callable[[int, int, Int], Int]) -> list[Vector]:
    """A symmetric matrix of P P^T, entry by entry; each is made once."""
    return symmetric([[entry(i, j, products[i][j]) for j in range(i, 3)] for i in range(3)])
