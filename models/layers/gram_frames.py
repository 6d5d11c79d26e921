"""Frames that firmware never writes out: it computes directions in them from the products of the three vectors.

In floats they are the frames and directions of the other taggers; only the quantized forms differ
(``tritag.quant.layers.gram_frames``).
"""

from __future__ import annotations

from tritag.models.layers.frames import PolarFrames
from tritag.models.layers.jet_geometry import LocalDirections


class GramFrames(PolarFrames):
    """``polar_frames`` as a layer before :class:`GramDirections`: (B, 1, 3, 4) -> (B, 1, 4, 4)."""

    def __init__(self) -> None:
        super().__init__("cross")


class GramDirections(LocalDirections):
    """Energy and direction of the candidates in the frame of their jet, behind scalars if given, after `GramFrames`.

    ``(frames (B, 1, 4, 4), tokens (B, N, 4), count (B, 1)) -> (B, K, 4)``, as :class:`LocalDirections`.
    """
