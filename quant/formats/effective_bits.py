"""Effective bits of constants: what multiplying by a known integer costs (high-granularity quantization, EBOPs).

A constant's trailing zeros are a shift and its leading zeros are nothing, so only the bits between its first and its
last one count: 0 for 0, 1 for a power of two of either sign, 3 for 20 = 101 00.
"""

from __future__ import annotations

import numpy as np


def significant_bits(codes: np.ndarray) -> np.ndarray:
    """Effective bits of each integer, int64 of the same shape as ``codes`` (int64, magnitudes below 2**53)."""
    size = np.abs(np.asarray(codes, dtype=np.int64))
    lowest = size & -size
    _, top = np.frexp(size.astype(np.float64))
    _, bottom = np.frexp(lowest.astype(np.float64))
    return np.where(size > 0, top - bottom + 1, 0).astype(np.int64)
