"""The parts of a tagger with learned frames, beyond those of :class:`tritag.models.layers.layers.Layers`.

``tokens`` are N rows: three spurions when the tagger has them, then the K candidates. The count is always that of the
candidates. ``pairs`` have the last R tokens in rows. Between ``pair_first`` and ``pair_vectors`` the layout of pairs is
the factory's own business: float layers keep channels first, (C, B, R, N).
"""

from __future__ import annotations

from typing import Protocol

from torch import nn

from tritag.models.layers.layers import Layers


class LorentzLayers(Layers, Protocol):
    """What a factory offers to a tagger with learned frames."""

    def jet_frame(self, n_constituents: int, spurions: bool) -> nn.Module:
        """Tokens in the jet's rest frame, GeV: ``(codes (B, K, 3), count (B, 1)) -> (B, N, 4)``."""

    def pair_masses(self, n_constituents: int, spurions: bool, n_rows: int) -> nn.Module:
        """Standardised log m_ij^2: ``(codes, count) -> (B, R, N)``, the last R tokens in rows."""

    def token_features(self, n_constituents: int, spurions: bool, scalars: bool = True) -> nn.Module:
        """Features of single tokens: ``(codes, count) -> (B, N, F)``.

        F is 9 with spurions, 2 without ``scalars``, and 1 without spurions.
        """

    def pair_first(self, n_scalars: int, n_out: int) -> nn.Module:
        """Affine map of [s_i, s_j, e_ij]: ``(pairs (B, R, N), scalars (B, K, S) or nothing) -> n_out per pair``."""

    def pair_linear(self, n_in: int, n_out: int) -> nn.Module:
        """Affine map of the channels of each pair."""

    def frame_linear(self, n_in: int, n_out: int) -> nn.Module:
        """Affine map of the last axis. Recipes never make a Frames-Net's weights ternary."""

    def frame_gelu(self, n_rows: int) -> nn.Module:
        """GELU inside a Frames-Net, on ``n_rows`` tokens or pairs."""

    def pair_vectors(self, n_constituents: int, per_jet: bool) -> nn.Module:
        """Three vectors from pairs: ``(phi (3 per pair), pairs, tokens, count) -> (B, R or 1, 3, 4)``."""

    def token_vectors(self, n_constituents: int) -> nn.Module:
        """Three vectors from tokens: ``(phi (B, N, 3), tokens, count) -> (B, 1, 3, 4)``."""

    def frames(self) -> nn.Module:
        """Lorentz transformations from three vectors: ``(B, n, 3, 4) -> (B, n, 4, 4)``."""

    def local_scalars(self, n_constituents: int) -> nn.Module:
        """Seven scalars in the frames: ``(frames (B, K or 1, 4, 4), tokens (B, N, 4), count) -> (B, K, 7)``."""

    def local_directions(self, n_constituents: int) -> nn.Module:
        """Log energy and direction in the frames, behind scalars if given.

        ``(frames (B, K or 1, 4, 4), tokens (B, N, 4), count[, scalars (B, K, 7)]) -> (B, K, 4 or 11)``
        """

    def leave_frames(self, channels: int, heads: int) -> nn.Module:
        """``(q, k, v (B, K, C), frames (B, K, 4, 4)) -> (q, k, v)`` in the frame of the jet, keys lowered."""

    def enter_frames(self, channels: int, heads: int) -> nn.Module:
        """``(x (B, K, C), frames (B, K, 4, 4)) -> (B, K, C)`` in the frames."""
