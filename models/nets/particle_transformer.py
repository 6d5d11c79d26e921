"""The Particle Transformer (ParT; Qu, Li, Qian, arXiv 2202.03772; sizes of the tagger-quantization paper, Table 7).

Candidates and pairs of candidates are embedded by small networks; the embedded pair is a bias on the attention score.
After NormFormer blocks a class token reads the candidates in class-attention blocks; the logit is read off the token.
Formulas and differences from the reference: docs/part.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import nn

from tritag.configs import check_range
from tritag.errors import ConfigError
from tritag.models.layers.class_attention import BiasedAttention, ClassAttention, ClassToken, Prepend
from tritag.models.layers.factory import Layers
from tritag.models.layers.gelu import Gelu
from tritag.models.layers.linear import Linear
from tritag.models.layers.norms import AffineNorm, BatchNorm, ChannelScale
from tritag.models.layers.pair_features import N_PAIR_FEATURES, PairFeatures
from tritag.models.layers.residual import Residual
from tritag.models.layers.scalars import N_SCALARS, JetScalars
from tritag.models.layers.tagger import Tagger
from tritag.models.nets.registry import register


@dataclass(frozen=True)
class ParTConfig:
    """Sizes of a Particle Transformer.

    Attributes
    ----------
    embed : tuple of int
        Channels of the embedding's layers; the last is that of the blocks.
    pair_embed : tuple of int
        Channels of the pair embedding's layers, before the last one with a channel per head.
    blocks, class_blocks : int
        Blocks of the candidates, and of the class token.
    heads, mlp_factor : int
    """

    embed: tuple[int, ...] = (32, 64, 32)
    pair_embed: tuple[int, ...] = (8, 8, 8)
    blocks: int = 1
    class_blocks: int = 1
    heads: int = 4
    mlp_factor: int = 4

    def __post_init__(self) -> None:
        check_range(self, ("class_blocks", "heads", "mlp_factor"), 1, 256)
        check_range(self, ("blocks",), 0, 256)
        check_range(self, ("embed", "pair_embed"), 1, 4096)
        if not self.embed:
            raise ConfigError("embed must name the channels of at least one layer, got none")
        if self.embed[-1] % self.heads:
            raise ConfigError(
                f"the last channels of embed must be a multiple of heads, got {self.embed[-1]} and {self.heads}"
            )


class Embed(nn.Module):
    """Scalars of a candidate to channels: batch norm, then LayerNorm, linear layer and GELU for each width."""

    def __init__(self, layers: Layers, n_tokens: int, widths: tuple[int, ...]) -> None:
        super().__init__()
        sizes = (N_SCALARS, *widths)
        self.norm = layers(BatchNorm, N_SCALARS, n_tokens, wide=True)
        self.norms = nn.ModuleList(layers(AffineNorm, n) for n in sizes[:-1])
        self.linears = nn.ModuleList(layers(Linear, n, m) for n, m in zip(sizes, widths, strict=False))
        self.gelus = nn.ModuleList(layers(Gelu) for _ in widths)

    def forward(self, x: Any, count: Any) -> Any:
        """Map scalars (B, K, 7) to (B, K, C)."""
        x = self.norm(x, count)
        for norm, linear, gelu in zip(self.norms, self.linears, self.gelus, strict=True):
            x = gelu(linear(norm(x)))
        return x


class PairEmbed(nn.Module):
    """Features of a pair to one bias per head: batch norm, then linear layer, batch norm and GELU for each width."""

    def __init__(self, layers: Layers, n_tokens: int, widths: tuple[int, ...]) -> None:
        super().__init__()
        sizes = (N_PAIR_FEATURES, *widths)
        self.norm = layers(BatchNorm, N_PAIR_FEATURES, n_tokens, pairs=True, wide=True)
        self.linears = nn.ModuleList(layers(Linear, n, m, summed=True) for n, m in zip(sizes, widths, strict=False))
        self.norms = nn.ModuleList(layers(BatchNorm, n, n_tokens, pairs=True) for n in widths)
        self.gelus = nn.ModuleList(layers(Gelu) for _ in widths)

    def forward(self, pairs: Any, count: Any) -> Any:
        """Map features (B, K * K, 4) to biases (B, K * K, heads)."""
        x = self.norm(pairs, count)
        for linear, norm, gelu in zip(self.linears, self.norms, self.gelus, strict=True):
            x = gelu(norm(linear(x), count))
        return x


class NormFormer(nn.Module):
    """Attention and MLP with norms before and after each, trained factors on the heads and on the second residual."""

    def __init__(self, layers: Layers, config: ParTConfig) -> None:
        super().__init__()
        channels = config.embed[-1]
        hidden = channels * config.mlp_factor
        self.norm_before_attention = layers(AffineNorm, channels)
        self.query = layers(Linear, channels, channels)
        self.key = layers(Linear, channels, channels)
        self.value = layers(Linear, channels, channels)
        self.project = layers(Linear, channels, channels, summed=True)
        self.scale_heads = layers(ChannelScale, channels, config.heads)
        self.norm_after_attention = layers(AffineNorm, channels, summed=True)
        self.add_attention = layers(Residual)
        self.norm_before_mlp = layers(AffineNorm, channels)
        self.expand = layers(Linear, channels, hidden)
        self.gelu = layers(Gelu)
        self.norm_in_mlp = layers(AffineNorm, hidden)
        self.contract = layers(Linear, hidden, channels, summed=True)
        self.scale_residual = layers(ChannelScale, channels, channels)
        self.add_mlp = layers(Residual)

    def after_attention(self, h: Any, attended: Any) -> Any:
        """The rest of the block: residual stream h and result of the attention, both (B, n, C), to the next h."""
        h = self.add_attention(h, self.norm_after_attention(self.scale_heads(self.project(attended))))
        x = self.norm_in_mlp(self.gelu(self.expand(self.norm_before_mlp(h))))
        return self.add_mlp(self.scale_residual(h), self.contract(x))


class ParticleBlock(NormFormer):
    """Block of the candidates; pairs bias the attention."""

    def __init__(self, layers: Layers, n_tokens: int, config: ParTConfig) -> None:
        super().__init__(layers, config)
        self.attention = layers(BiasedAttention, n_tokens, config.embed[-1], config.heads)

    def forward(self, h: Any, bias: Any, count: Any) -> Any:
        """Map h (B, K, C), bias (B, K * K, heads) and count (B, 1) to the next h."""
        x = self.norm_before_attention(h)
        return self.after_attention(h, self.attention(self.query(x), self.key(x), self.value(x), bias, count))


class ClassBlock(NormFormer):
    """Block of the class token: it looks at itself and the candidates; its query is not normalised."""

    def __init__(self, layers: Layers, n_tokens: int, config: ParTConfig) -> None:
        super().__init__(layers, config)
        self.attention = layers(ClassAttention, n_tokens, config.embed[-1], config.heads)
        self.prepend = layers(Prepend)

    def forward(self, token: Any, h: Any, count: Any) -> Any:
        """Map token (B, 1, C), h (B, K, C) and count (B, 1) to the next token."""
        x = self.prepend(self.norm_before_attention(token), self.norm_before_attention(h))
        attended = self.attention(self.query(token), self.key(x), self.value(x), count)
        return self.after_attention(token, attended)


@register("part", ParTConfig)
class ParT(Tagger):
    """Particle Transformer over the K leading candidates."""

    def __init__(self, layers: Layers, n_constituents: int, config: ParTConfig) -> None:
        super().__init__()
        k, channels = n_constituents, config.embed[-1]
        self.scalars = layers(JetScalars, k)
        self.pairs = layers(PairFeatures, k)
        self.embed = Embed(layers, k, config.embed)
        self.pair_embed = PairEmbed(layers, k, (*config.pair_embed, config.heads))
        self.blocks = nn.ModuleList(ParticleBlock(layers, k, config) for _ in range(config.blocks))
        self.class_token = layers(ClassToken, channels)
        self.class_blocks = nn.ModuleList(ClassBlock(layers, k, config) for _ in range(config.class_blocks))
        self.norm = layers(AffineNorm, channels)
        self.head = layers(Linear, channels, layers.n_outputs, role="output")

    def inputs(self, codes: Any, count: Any) -> tuple[Any, ...]:
        """Seven scalars (B, K, 7) and four features per pair (B, K * K, 4)."""
        return self.scalars(codes, count), self.pairs(codes, count)

    def score(self, inputs: Any, count: Any) -> Any:
        """Outputs of the head (B, 1, outputs)."""
        scalars, pairs = inputs
        h, bias = self.embed(scalars, count), self.pair_embed(pairs, count)
        for block in self.blocks:
            h = block(h, bias, count)
        token = self.class_token(count)
        for block in self.class_blocks:
            token = block(token, h, count)
        return self.head(self.norm(token))
