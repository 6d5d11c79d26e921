"""What is taken when the user says nothing, in one place that imports nothing heavy."""

from __future__ import annotations

from tritag.hls_projects.target import DEFAULT_TARGET

__all__ = [
    "DEFAULT_DATA",
    "DEFAULT_PRECISION",
    "DEFAULT_TARGET",
    "EQUIVARIANCE_JETS",
    "FRAME_VECTORS",
    "RTL_JETS",
    "SECTIONS",
]

DEFAULT_DATA = "top-demo"
# It keeps more of the float tagger than straight-through ternary weights (docs/results.md).
DEFAULT_PRECISION = "int8-ternary-incremental"
# Sections of a recipe that ``--set section.key=value`` may change.
SECTIONS = ("sizes", "head", "training", "quant", "quant_training")
# Jets that are simulated in Verilog, besides the crafted ones.
RTL_JETS = 1000
# Jets whose boosted and rotated copies are scored.
EQUIVARIANCE_JETS = 2000
# Triples of vectors in each set of the Lorentz block's errors.
FRAME_VECTORS = 150_000
