"""What a sweep is to make large or small."""

from __future__ import annotations

# Objectives: whether more is better.
OBJECTIVES: dict[str, bool] = {
    "rejection_0.3": True,
    "rejection_0.5": True,
    "auc": True,
    "latency_ns": False,
    "latency_cycles": False,
    "lut": False,
    "lut_share": False,
    "dsp": False,
    "dsp_share": False,
    "bit_operations": False,
    "effective_bit_operations": False,
    "parameters": False,
}
# Those that every point has; the others are known of exact precisions alone.
OF_ANY = ("rejection_0.3", "rejection_0.5", "auc", "parameters")
