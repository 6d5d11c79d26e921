"""tritag's count of effective bit operations, on the widths and weights of any network."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tritag.quant.formats.effective_bits import significant_bits

# Fractional bits that hold every weight exactly: HGQ2 allows fewer.
_FINEST = 26

Array = NDArray[Any]


def weight_bits(weights: Array) -> Array:
    """Effective bits of each weight, from its value."""
    return significant_bits(np.rint(np.asarray(weights, np.float64) * 2.0**_FINEST).astype(np.int64))


def linear_operations(bits: Array, weights: Array) -> float:
    """Effective bit operations of a linear layer on activations of ``bits`` (rows, n_in), weights (n_in, n_out)."""
    return float(np.sum(np.asarray(bits, np.float64) @ weight_bits(weights)))


def scale_operations(bits: Array, factors: Array) -> float:
    """Effective bit operations of constant factors (n,) on activations of ``bits`` (rows, n)."""
    return float(np.sum(np.asarray(bits, np.float64) * weight_bits(factors)))


def product_operations(equation: str, a: Array, b: Array) -> float:
    """Bit operations of an einsum of two activations of ``a`` and ``b`` bits; ``equation`` ends with the arrow."""
    return float(np.einsum(equation, np.asarray(a, np.float64), np.asarray(b, np.float64)))


def total_bits(keep_negative: Array, integer: Array, fraction: Array) -> Array:
    """Width with sign, as tritag counts it; 0 where nothing is left."""
    magnitude = np.maximum(np.asarray(integer, np.float64) + np.asarray(fraction, np.float64), 0)
    return np.where(magnitude > 0, magnitude + keep_negative, 0)
