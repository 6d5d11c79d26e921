"""Quantized layers: what stands in for each kind of float layer when a tagger is quantized.

Importing this package registers the quantized forms of all layers in ``tritag.models.layers``.
"""

from tritag.quant.layers import (
    elementwise,
    frames,
    gram_frames,
    linear,
    minkowski,
    mixing,
    pairs,
    particle_transformer,
    seed_frames,
    transformer,
)

__all__ = [
    "elementwise",
    "frames",
    "gram_frames",
    "linear",
    "minkowski",
    "mixing",
    "pairs",
    "particle_transformer",
    "seed_frames",
    "transformer",
]
