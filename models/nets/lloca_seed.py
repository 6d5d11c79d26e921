"""A LLoCa-Transformer whose candidates stand in a frame along the leading one, not in the rest frame of their jet.

``t_j`` are the candidates after one exact Lorentz transformation that firmware has within a few cycles
(:mod:`tritag.models.layers.seed_tokens`). A linear Frames-Net weighs them,

    v_k = sum_j softmax_j(W_k [log pT_j, log E_j, d_eta_j, d_phi_j]) t_j,  k = 0, 1, 2,

the three vectors give one Lorentz transformation L for the jet (docs/lloca.md), and the transformer sees log energy and
direction of ``L t_j`` beside scalars of the candidates. Without hidden layer, rest frame and axis nothing in front of
the frame takes more than a few cycles.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import nn

from tritag.models.layers.factory import Layers
from tritag.models.layers.frame_vectors import FrameLinear
from tritag.models.layers.linear import Linear
from tritag.models.layers.pool import MeanPool, SlotMean
from tritag.models.layers.scalars import N_SCALARS, JetScalars
from tritag.models.layers.seed_scalars import N_SEED_SCALARS, SeedScalars
from tritag.models.layers.seed_tokens import N_SEED_FEATURES, SeedDirections, SeedFeatures, SeedTokens
from tritag.models.layers.tagger import Tagger
from tritag.models.nets.registry import register
from tritag.models.nets.transformer import Block, TransformerConfig


@dataclass(frozen=True)
class LLoCaSeedConfig(TransformerConfig):
    """Sizes of the transformer; ``features`` names the scalars that stand beside energy and direction in the frame.

    With ``features: seed`` the score knows of a jet only what rotations about the beam and boosts along it leave alone.
    """


@register("lloca-seed", LLoCaSeedConfig)
class LLoCaSeed(Tagger):
    """Transformer over the K leading candidates in one learned frame, which is found from the leading one."""

    def __init__(self, layers: Layers, n_constituents: int, config: LLoCaSeedConfig) -> None:
        super().__init__()
        k, seeded = n_constituents, config.features == "seed"
        self.tokens = layers(SeedTokens, k)
        self.frame_features = layers(SeedFeatures, k)
        self.scalars = layers(SeedScalars if seeded else JetScalars, k)
        self.frames_net = layers(FrameLinear, N_SEED_FEATURES, 3)
        self.directions = layers(SeedDirections, k)
        n_features = 4 + (N_SEED_SCALARS if seeded else N_SCALARS)
        self.embed = layers(Linear, n_features, config.channels, role="input")
        self.blocks = nn.ModuleList(Block(layers, k, config) for _ in range(config.blocks))
        self.pool = layers(SlotMean if config.pool == "slots" else MeanPool, k)
        self.head = layers(Linear, config.channels, layers.n_outputs, role="output")

    def inputs(self, codes: Any, count: Any) -> tuple[Any, ...]:
        """Tokens (B, K, 4), the Frames-Net's features (B, K, 4), scalars (B, K, 5 or 7)."""
        return self.tokens(codes, count), self.frame_features(codes, count), self.scalars(codes, count)

    def score(self, inputs: Any, count: Any) -> Any:
        """Outputs of the head (B, 1, outputs)."""
        tokens, features, scalars = inputs
        h = self.embed(self.directions(self.frames_net(features), tokens, count, scalars))
        for block in self.blocks:
            h = block(h, count)
        return self.head(self.pool(h, count))
