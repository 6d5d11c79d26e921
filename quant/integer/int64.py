"""What instructions of integer programs are on int64, for the values that float64 does not hold."""

from __future__ import annotations

import torch
from torch import Tensor


def round_shift(x: Tensor, bits: int) -> Tensor:
    """``x / 2**bits`` rounded half to even: half an LSB less one is added, and one more if the quotient is odd."""
    if bits == 0:
        return x
    odd = (x >> bits).bitwise_and_(1)
    return odd.add_(x).add_((1 << (bits - 1)) - 1).bitwise_right_shift_(bits)


def round_shift_by(x: Tensor, bits: Tensor) -> Tensor:
    """``x / 2**bits`` with bits >= 0, rounded half to even."""
    # Without bits nothing is rounded: both terms are zero.
    below_half = ((torch.ones_like(bits) << bits) - 1) >> 1
    odd = (x >> bits) & bits.clamp(max=1)
    return (odd + x + below_half) >> bits


def lead_wide(x: Tensor) -> Tensor:
    """Position of the leading one of integers >= 0; 0 for 0."""
    # float64 may round a large integer up to the next power of two; that is corrected.
    exponent = torch.frexp(x.double()).exponent.long() - 1
    exponent = torch.where((x >> exponent.clamp(min=0)) == 0, exponent - 1, exponent)
    return exponent.clamp_(min=0)


def aligned_wide(x: Tensor, exponent: Tensor, bits: int) -> Tensor:
    """``x * 2**(bits - 1 - exponent)``, rounded half to even, of an x that saturates at ``+-2**(exponent + 1)``."""
    limit = torch.ones_like(exponent) << (exponent + 1)
    surplus = exponent - (bits - 1)
    return round_shift_by(x.clamp(-limit, limit), surplus.clamp(min=0)) << (-surplus).clamp_(min=0)
