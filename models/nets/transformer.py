"""The vanilla transformer tagger (tagger-quantization paper, Sec. 2.5).

h = W_in x + b; per block h <- h + Attn(LN h), h <- h + MLP(LN h); logit = W_out mean(h) + b.
No positional encoding, no final norm, no dropout.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from torch import nn

from tritag.configs import check_range
from tritag.errors import ConfigError
from tritag.models.layers.attention import Attention
from tritag.models.layers.factory import Layers
from tritag.models.layers.gelu import Gelu
from tritag.models.layers.linear import Linear
from tritag.models.layers.norms import BatchNorm, LayerNorm
from tritag.models.layers.pool import MeanPool, SlotMean
from tritag.models.layers.residual import Residual
from tritag.models.layers.scalars import N_SCALARS, JetScalars, n_field_inputs
from tritag.models.layers.seed_scalars import N_SEED_SCALARS, SeedScalars
from tritag.models.layers.tagger import Tagger
from tritag.models.nets.registry import register


@dataclass(frozen=True)
class BlockConfig:
    """Sizes of a transformer's blocks.

    Attributes
    ----------
    norm : "layer" or "batch"
        What stands before attention and MLP: LayerNorm, as in the paper, or batch normalisation of the real tokens,
        which in firmware is a shift and a constant per channel.
    """

    blocks: int = 1
    channels: int = 16
    heads: int = 2
    mlp_factor: int = 1
    norm: Literal["layer", "batch"] = "layer"

    def __post_init__(self) -> None:
        check_range(self, ("blocks", "heads", "mlp_factor"), 1, 256)
        check_range(self, ("channels",), 1, 4096)
        if self.channels % self.heads:
            raise ConfigError(f"channels must be a multiple of heads, got {self.channels} and {self.heads}")


@dataclass(frozen=True)
class TransformerConfig(BlockConfig):
    """Sizes of a transformer tagger.

    Attributes
    ----------
    pool : "mean" or "slots"
        How tokens become one row: their mean, as in the paper, or their sum divided by a power of two that is at least
        the number of constituents, which in firmware needs no product.
    features : "jet" or "seed"
        Seven scalars about the jet's axis, as in the paper, or five about its leading constituent, which firmware has
        within a few cycles.
    """

    pool: Literal["mean", "slots"] = field(default="mean", metadata={"added": True})
    features: Literal["jet", "seed"] = field(default="jet", metadata={"added": True})


class Block(nn.Module):
    """Pre-norm attention and MLP, each with a residual connection."""

    def __init__(self, layers: Layers, n_tokens: int, config: BlockConfig) -> None:
        super().__init__()
        channels, hidden = config.channels, config.channels * config.mlp_factor
        self.by_batch = config.norm == "batch"
        self.norm_attention = self._norm(layers, n_tokens, config)
        self.query = layers(Linear, channels, channels)
        self.key = layers(Linear, channels, channels)
        self.value = layers(Linear, channels, channels)
        self.attention = layers(Attention, n_tokens, channels, config.heads)
        self.project = layers(Linear, channels, channels, summed=True)
        self.add_attention = layers(Residual)
        self.norm_mlp = self._norm(layers, n_tokens, config)
        self.expand = layers(Linear, channels, hidden)
        self.gelu = layers(Gelu)
        self.contract = layers(Linear, hidden, channels, summed=True)
        self.add_mlp = layers(Residual)

    def forward(self, h: Any, count: Any) -> Any:
        """Map the residual stream h (B, N, C) and count (B, 1) to the next h (B, N, C)."""
        x = self.normed(self.norm_attention, h, count)
        x = self.attention(self.query(x), self.key(x), self.value(x), count)
        h = self.add_attention(h, self.project(x))
        x = self.contract(self.gelu(self.expand(self.normed(self.norm_mlp, h, count))))
        return self.add_mlp(h, x)

    def normed(self, norm: nn.Module, h: Any, count: Any) -> Any:
        """``norm`` of h (B, N, C); batch normalisation must know which tokens are real."""
        return norm(h, count) if self.by_batch else norm(h)

    @staticmethod
    def _norm(layers: Layers, n_tokens: int, config: BlockConfig) -> nn.Module:
        if config.norm == "batch":
            return layers(BatchNorm, config.channels, n_tokens, shifts=True)
        return layers(LayerNorm, config.channels)


@register("transformer", TransformerConfig)
class Transformer(Tagger):
    """Transformer over the K leading constituents, their scalars, and the fields that the tagger names."""

    takes_fields = True

    def __init__(self, layers: Layers, n_constituents: int, config: TransformerConfig) -> None:
        super().__init__()
        seeded = config.features == "seed"
        self.scalars = layers(SeedScalars if seeded else JetScalars, n_constituents, layers.candidates)
        n_scalars = N_SEED_SCALARS if seeded else N_SCALARS
        self.embed = layers(Linear, n_scalars + n_field_inputs(layers.candidates), config.channels, role="input")
        self.blocks = nn.ModuleList(Block(layers, n_constituents, config) for _ in range(config.blocks))
        self.pool = layers(SlotMean if config.pool == "slots" else MeanPool, n_constituents)
        self.head = layers(Linear, config.channels, layers.n_outputs, role="output")

    def inputs(self, codes: Any, count: Any) -> Any:
        """Scalars and the inputs of the fields (B, K, 7 or 5 + inputs)."""
        return self.scalars(codes, count)

    def score(self, inputs: Any, count: Any) -> Any:
        """Outputs of the head (B, 1, outputs)."""
        h = self.embed(inputs)
        for block in self.blocks:
            h = block(h, count)
        return self.head(self.pool(h, count))
