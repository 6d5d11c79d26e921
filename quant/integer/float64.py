"""What instructions of integer programs are on float64 that hold integers: exponents are read and written as bits."""

from __future__ import annotations

import torch
from torch import Tensor

# All integers of up to so many bits are exact in float64.
EXACT_BITS = 53
_BIAS, _FRACTION_BITS = 1023, 52
_FRACTION = (1 << _FRACTION_BITS) - 1


def power(exponent: Tensor, sign: int, offset: int) -> Tensor:
    """``2**(sign * exponent + offset)`` of integers (float64 or int64) whose result is a normal float64."""
    one = 1 << _FRACTION_BITS
    if exponent.dtype == torch.float64:
        # Multiples of 2**52 below 2**63: exact.
        return (exponent * float(sign * one)).add_(float((_BIAS + offset) * one)).long().view(torch.float64)
    return (exponent * (sign * one) + (_BIAS + offset) * one).view(torch.float64)


def lead(x: Tensor) -> Tensor:
    """Position of the leading one of integers >= 0; 0 for 0."""
    return (x.view(torch.int64) >> _FRACTION_BITS).sub_(_BIAS).clamp_(min=0).double()


def normalized(x: Tensor, bits: int) -> Tensor:
    """The ``bits`` (at most 53) most significant bits of integers >= 0, from the leading one on; 0 for 0."""
    mantissa = (x.view(torch.int64) & _FRACTION).bitwise_or_((_BIAS + bits - 1) << _FRACTION_BITS)
    return torch.where(x == 0, 0.0, mantissa.view(torch.float64).floor_())
