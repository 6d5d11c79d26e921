"""L-GATr-slim: a Lorentz-equivariant transformer on four-vectors and scalars (tagger-quantization paper, Sec. 2).

Vectors and scalars have linear layers of their own and meet in the norm, in the attention score and in the vectors'
gate. The logit is read off the scalars of a global token. Formulas and differences from the reference:
docs/lgatr-slim.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import nn

from tritag.configs import check_range
from tritag.errors import ConfigError
from tritag.models.layers.factory import Layers
from tritag.models.layers.linear import Linear
from tritag.models.layers.minkowski import (
    FirstToken,
    GatedUnit,
    JointNorm,
    MinkowskiAttention,
    MinkowskiProduct,
    SlimScalars,
    SlimTokens,
    VectorLinear,
    VectorResidual,
)
from tritag.models.layers.residual import Residual
from tritag.models.layers.scalars import N_SCALARS, JetScalars
from tritag.models.layers.tagger import Tagger
from tritag.models.nets.lgatr_slim_columns import has_columns, last_scalars
from tritag.models.nets.registry import register


@dataclass(frozen=True)
class SlimConfig:
    """Sizes of L-GATr-slim: channels of vectors and scalars, both multiples of ``heads``.

    ``spurions``: add beam and time directions, and the laboratory scalars of the candidates. False makes the tagger
    Lorentz-invariant: its only input is the candidates' momenta.
    """

    vectors: int = 4
    scalars: int = 16
    blocks: int = 1
    heads: int = 2
    mlp_factor: int = 1
    spurions: bool = True

    def __post_init__(self) -> None:
        check_range(self, ("blocks", "heads", "mlp_factor"), 1, 256)
        check_range(self, ("vectors", "scalars"), 1, 4096)
        for name in ("vectors", "scalars"):
            if getattr(self, name) % self.heads:
                raise ConfigError(f"{name} must be a multiple of heads, got {getattr(self, name)} and {self.heads}")


class SlimMLP(nn.Module):
    """Gated unit and linear layer of one stream, vectors or scalars."""

    def __init__(self, layers: Layers, channels: int, hidden: int, vectors: bool) -> None:
        super().__init__()
        linear: type[Linear] | type[VectorLinear] = VectorLinear if vectors else Linear
        self.value = layers(linear, channels, hidden)
        self.gate = layers(linear, channels, hidden)
        # The gate of a vector is the product of two vectors: an invariant.
        self.other_gate = layers(linear, channels, hidden) if vectors else None
        self.product = layers(MinkowskiProduct) if vectors else None
        self.unit = layers(GatedUnit)
        self.contract = layers(linear, hidden, channels, summed=True)

    def forward(self, x: Any) -> Any:
        """Map the stream to its branch, same shape."""
        gate = self.gate(x)
        if self.product is not None and self.other_gate is not None:
            gate = self.product(gate, self.other_gate(x))
        return self.contract(self.unit(gate, self.value(x)))


class SlimBlock(nn.Module):
    """Pre-norm attention and gated MLP, each with a residual connection, on vectors and scalars.

    In the last block nothing reads the vectors behind the attention: their MLP has weights (the paper counts them) but
    is not computed.
    """

    def __init__(self, layers: Layers, n_constituents: int, n_first: int, config: SlimConfig, last: bool) -> None:
        super().__init__()
        v, s, heads, r = config.vectors, config.scalars, config.heads, config.mlp_factor
        self.last = last
        self.norm_attention = layers(JointNorm, v, s)
        self.query_vectors, self.query_scalars = layers(VectorLinear, v, v), layers(Linear, s, s)
        self.key_vectors, self.key_scalars = layers(VectorLinear, v, v), layers(Linear, s, s)
        self.value_vectors, self.value_scalars = layers(VectorLinear, v, v), layers(Linear, s, s)
        self.norm_query = layers(JointNorm, v, s, heads, lowered=True, attended=True)
        self.norm_key = layers(JointNorm, v, s, heads, attended=True)
        self.norm_value = layers(JointNorm, v, s, heads, attended=True)
        self.attention = layers(MinkowskiAttention, n_constituents, n_first, heads)
        self.project_vectors = layers(VectorLinear, v, v, summed=True)
        self.project_scalars = layers(Linear, s, s, summed=True)
        self.add_attention_vectors, self.add_attention_scalars = layers(VectorResidual), layers(Residual)
        self.norm_mlp = layers(JointNorm, v, s)
        self.mlp_vectors = SlimMLP(layers, v, r * v, vectors=True)
        self.mlp_scalars = SlimMLP(layers, s, r * s, vectors=False)
        self.add_mlp_vectors, self.add_mlp_scalars = layers(VectorResidual), layers(Residual)

    def forward(self, vectors: Any, scalars: Any, count: Any) -> tuple[Any, Any]:
        """Map vectors (B, 4 M, V), scalars (B, M, S) and count (B, 1) to the next vectors and scalars."""
        v, s = self.norm_attention(vectors, scalars)
        q = self.norm_query(self.query_vectors(v), self.query_scalars(s))
        k = self.norm_key(self.key_vectors(v), self.key_scalars(s))
        value = self.norm_value(self.value_vectors(v), self.value_scalars(s))
        v, s = self.attention(q, k, value, count)
        vectors = self.add_attention_vectors(vectors, self.project_vectors(v))
        scalars = self.add_attention_scalars(scalars, self.project_scalars(s))
        v, s = self.norm_mlp(vectors, scalars)
        if not self.last:
            vectors = self.add_mlp_vectors(vectors, self.mlp_vectors(v))
        return vectors, self.add_mlp_scalars(scalars, self.mlp_scalars(s))


@register("lgatr-slim", SlimConfig)
class LGATrSlim(Tagger):
    """L-GATr-slim over the K leading candidates, spurions and a global token."""

    def __init__(self, layers: Layers, n_constituents: int, config: SlimConfig) -> None:
        super().__init__()
        k, spurions = n_constituents, config.spurions
        n_first = 4 if spurions else 1
        self.tokens = layers(SlimTokens, k, spurions)
        self.scalars = layers(JetScalars, k)
        self.spurions = spurions
        self.embed_vectors = layers(VectorLinear, 1, config.vectors, role="input")
        self.embed_scalars = layers(Linear, N_SCALARS, config.scalars, role="input")
        self.all_scalars = layers(SlimScalars, config.scalars, spurions)
        self.blocks = nn.ModuleList(
            SlimBlock(layers, k, n_first, config, last=i == config.blocks - 1) for i in range(config.blocks)
        )
        self.first_token = layers(FirstToken)
        self.head = layers(Linear, config.scalars, layers.n_outputs, role="output")

    def inputs(self, codes: Any, count: Any) -> tuple[Any, ...]:
        """Vectors of all tokens (B, 4 M, 1) and laboratory scalars of the candidates (B, K, 7), zero if invariant."""
        scalars = self.scalars(codes, count)
        return self.tokens(codes, count), scalars if self.spurions else scalars * 0

    def score(self, inputs: Any, count: Any) -> Any:
        """Outputs of the head (B, 1, outputs)."""
        vectors, scalars = inputs
        vectors, scalars = self.embed_vectors(vectors), self.embed_scalars(scalars)
        scalars = self.all_scalars(scalars, self.embed_scalars.bias, count)
        if self.training and has_columns(self, (SlimBlock, SlimMLP)):
            return self.head(last_scalars(self, vectors, scalars, count))
        for block in self.blocks:
            vectors, scalars = block(vectors, scalars, count)
        return self.head(self.first_token(scalars))
