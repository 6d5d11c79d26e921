"""The parts of L-GATr-slim in float: a base of :class:`tritag.models.layers.layers.FloatLayers`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

from tritag.models.layers.minkowski_layers import (
    FirstToken,
    GatedUnit,
    JointNorm,
    MinkowskiAttention,
    MinkowskiProduct,
    SlimScalars,
    SlimTokens,
    VectorLinear,
)

if TYPE_CHECKING:
    from tritag.models.layers.layers import Role


class FloatSlimLayers:
    """Factory of the parts that :class:`tritag.models.layers.slim_layers.SlimLayers` describes."""

    def slim_tokens(self, n_constituents: int, spurions: bool) -> nn.Module:
        """Vectors of all tokens."""
        return SlimTokens(n_constituents, spurions)

    def slim_scalars(self, channels: int, spurions: bool) -> nn.Module:
        """Scalars of all tokens."""
        return SlimScalars(channels, spurions)

    def vector_linear(self, n_in: int, n_out: int, role: Role = "hidden", summed: bool = False) -> nn.Module:
        """Linear map without offset."""
        return VectorLinear(n_in, n_out)

    def joint_norm(
        self, vectors: int, scalars: int, heads: int = 1, lowered: bool = False, attended: bool = False
    ) -> nn.Module:
        """Norm of vectors and scalars together."""
        return JointNorm(heads, lowered)

    def minkowski_product(self) -> nn.Module:
        """Products of vectors."""
        return MinkowskiProduct()

    def gated_unit(self) -> nn.Module:
        """Gated unit."""
        return GatedUnit()

    def minkowski_attention(self, n_constituents: int, n_first: int, heads: int) -> nn.Module:
        """Attention."""
        return MinkowskiAttention(n_constituents, n_first, heads)

    def first_token(self) -> nn.Module:
        """First row."""
        return FirstToken()
