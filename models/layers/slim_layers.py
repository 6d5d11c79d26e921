"""The parts of L-GATr-slim, beyond those of :class:`tritag.models.layers.layers.Layers`.

Layout and meaning of vectors (B, 4 M, V) and scalars (B, M, S): :mod:`tritag.models.layers.minkowski_layers`.
"""

from __future__ import annotations

from typing import Protocol

from torch import nn

from tritag.models.layers.layers import Layers, Role


class SlimLayers(Layers, Protocol):
    """What a factory offers to L-GATr-slim."""

    def slim_tokens(self, n_constituents: int, spurions: bool) -> nn.Module:
        """Vectors of all tokens: ``(codes (B, K, 3), count (B, 1)) -> (B, 4 M, 1)``."""

    def slim_scalars(self, channels: int, spurions: bool) -> nn.Module:
        """Scalars of all tokens: ``(candidates (B, K, S), offset (S,), count) -> (B, M, S)``."""

    def vector_linear(self, n_in: int, n_out: int, role: Role = "hidden", summed: bool = False) -> nn.Module:
        """Linear map of the vectors' channels."""

    def joint_norm(
        self, vectors: int, scalars: int, heads: int = 1, lowered: bool = False, attended: bool = False
    ) -> nn.Module:
        """``(vectors, scalars) -> (vectors, scalars)``, normalised together, head by head.

        ``lowered``: vectors with lowered indices. ``attended``: a query, key or value, not the input of linear layers.
        """

    def minkowski_product(self) -> nn.Module:
        """``(a, b (B, 4 M, V)) -> (B, M, V)``."""

    def gated_unit(self) -> nn.Module:
        """``(gate (B, M, C), value (B, M or 4 M, C)) -> like value``."""

    def minkowski_attention(self, n_constituents: int, n_first: int, heads: int) -> nn.Module:
        """``(q, k, v: pairs of vectors and scalars, count) -> (vectors, scalars)``."""

    def vector_residual(self) -> nn.Module:
        """Sum of the vectors' residual stream and a branch."""

    def first_token(self) -> nn.Module:
        """First row: ``(B, M, S) -> (B, 1, S)``."""
