"""A token along the axes of its jet: energy and direction. Specification: docs/ops/seed_directions.md."""

from __future__ import annotations

from collections.abc import Sequence

from tritag.quant.integer import blocks
from tritag.quant.integer.axes import LOG_BITS
from tritag.quant.integer.axes_token import LocalToken
from tritag.quant.integer.gram import GramAxes
from tritag.quant.integer.gram_first import GramBits
from tritag.quant.integer.lorentz import cross, dot
from tritag.quant.integer.tracer import Int, Tracer

_INVERSE_BITS = 13


def local_token(t: Tracer, axes: GramAxes, token: Sequence[Int], fraction: int, bits: GramBits) -> LocalToken:
    """Energy and direction of a token (E, x, y, z) in the frame of the axes."""
    v, root = bits.vector, bits.root
    energy, *momentum = token
    e = energy * axes.energy - dot(momentum, axes.momentum)
    e = e.clip(0, e.high)
    log_energy = (blocks.log2(t, e, LOG_BITS - 1) << 1) - axes.log_mass
    # sqrt(D) q/e with v fractional bits: at most E, which has v bits.
    inverse, exponent = blocks.reciprocal(t, e, _INVERSE_BITS)
    share = (inverse * axes.mass).round_shift(_INVERSE_BITS).clip(0, (1 << v) - 1)
    top = (1 << v) - 1
    beside = [x * axes.energy - energy * p for x, p in zip(momentum, axes.momentum, strict=True)]
    down = exponent.clip(v - 1, exponent.high) - (v - 1)
    reach = (1 << (v + bits.gamma)) - 1
    near = [x.round_shift_by(down).clip(-reach, reach) for x in beside]
    q = [(x * share).round_shift(v - 1).clip(-top, top) for x in near]
    # (m x d_1) q = m (d_1 x q): what belongs to the token alone is there before m is.
    turned = [x >> (v + 1) for x in cross(axes.scaled, q)]
    along = [dot(row, x) for row, x in zip(axes.rows, (q, turned, q), strict=True)]
    one = 1 << fraction
    results = []
    first_factor, second_factor, third_factor = axes.factors
    shift_first, shift_second, shift_third = axes.shifts
    limit = (1 << (v + 4)) - 1
    # x: the exponents are at least first_drop - 1 together.
    x_near = along[0].round_shift_by(shift_first - (bits.first_drop - 1)).clip(-limit, limit)
    results.append((x_near * first_factor).round_shift(v + root - 2 - fraction))
    both = (shift_second + shift_third) + (root - v - 5)
    y_near = (along[1] * second_factor).round_shift_by(both).clip(-limit, limit)
    results.append((y_near * third_factor).round_shift(2 + bits.first_drop + root - fraction))
    z_near = along[2].round_shift_by(shift_third + 1).clip(-limit, limit)
    results.append((z_near * third_factor).round_shift(v + root - fraction))
    return LocalToken(log_energy, [x.clip(-one, one) for x in results])
