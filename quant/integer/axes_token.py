"""Energy and direction of a token along the axes of its jet (axes.py; specification: docs/ops/token_axes.md)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tritag.quant.integer import blocks
from tritag.quant.integer.axes import LOG_BITS, Axes, AxesBits
from tritag.quant.integer.lorentz import Vector, dot
from tritag.quant.integer.tracer import Int, Tracer

_INVERSE_BITS = 13


@dataclass(frozen=True)
class LocalToken:
    """A token in the frame of its jet.

    Attributes
    ----------
    log_energy
        log2 of E' in LSB of the token, with 13 fractional bits.
    direction
        p'/E' with the fractional bits asked for, saturated at 1.
    """

    log_energy: Int
    direction: Vector


def local_token(t: Tracer, axes: Axes, token: Sequence[Int], fraction: int, bits: AxesBits) -> LocalToken:
    """Energy and direction of a token (E, x, y, z) in the frame of the axes, with ``fraction`` fractional bits."""
    v = bits.vector
    e, beside = _products(axes, token, bits)
    log_energy = (blocks.log2(t, e, LOG_BITS - 1) << 1) - axes.log_mass
    # No energy is as small as that but by rounding.
    inverse, exponent = blocks.reciprocal(t, e, _INVERSE_BITS)
    down = exponent.clip(v - 1, exponent.high) - (v - 1)
    top, reach, drop = (1 << v) - 1, (1 << (v + bits.gamma)) - 1, _INVERSE_BITS + v - 1 - bits.share
    q = [(x.round_shift_by(down).clip(-reach, reach) * inverse >> drop).clip(-top, top) for x in beside]
    return LocalToken(log_energy, _direction(axes, q, fraction, bits))


def _products(axes: Axes, token: Sequence[Int], bits: AxesBits) -> tuple[Int, Vector]:
    """e = v_0 p, at least 0, and E p - p_E P."""
    energy, *momentum = token
    # The momentum of a fast v_0 counts a little less; that is known later than the products.
    less = 2 * bits.gamma + 1
    along, across = dot(momentum, axes.momentum), [energy * p for p in axes.momentum]
    e = energy * axes.energy - along
    e = axes.fast.where(e + (along >> less), e)
    beside = [x * axes.energy - y for x, y in zip(momentum, across, strict=True)]
    return e.clip(0, e.high), [axes.fast.where(x + (y >> less), x) for x, y in zip(beside, across, strict=True)]


def _direction(axes: Axes, q: Vector, fraction: int, bits: AxesBits) -> Vector:
    """Products of q/e with the three rows, shifted by the exponents of their lengths, times the mantissas."""
    v, root, one = bits.vector, bits.root, 1 << fraction
    limit = (1 << (v + 4)) - 1
    x, y, z = (dot(row, q) for row in axes.rows)
    first, both, third = axes.factors
    shift_first, shift_third = axes.shifts
    # Each times a power of two that leaves about v + 1 bits.
    of_x, of_y = bits.share + v - 1 - bits.first_drop, 2 * v + 2 - bits.share - bits.first_drop
    x = x.round_shift_by(shift_first - 2).clip(-limit, limit)
    lift = v + 9 - bits.least_first
    y = (y << lift).round_shift_by((shift_first - bits.least_first) + shift_third).clip(-limit, limit)
    z = (z << 4).round_shift_by(shift_third).clip(-limit, limit)
    results = (
        (x * first).round_shift(2 + of_x + root - fraction),
        (y * both).round_shift(v + 9 - of_y + root - fraction),
        (z * third).round_shift(5 + bits.share + root - fraction),
    )
    return [result.clip(-one, one) for result in results]


def least_log_energy(energy: float, fraction: int) -> int:
    """``LocalToken.log_energy`` of an energy, for tokens with ``fraction`` fractional bits."""
    return round((math.log2(energy) + fraction) * 2.0**LOG_BITS)


__all__ = ["LocalToken", "least_log_energy", "local_token"]
