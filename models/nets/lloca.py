"""The LLoCa-Transformer (Lorentz local canonicalization; tagger-quantization paper, Sec. 3.4).

All tokens are boosted into the rest frame of the jet. A Frames-Net finds a frame per candidate (local) or per jet
(global); the transformer sees the seven scalars of L_i p_i with respect to L_i p_jet, or energy and direction of
L_i p_i beside the seven scalars in the laboratory. With local frames half of the attention's channels are four-vectors
that travel between the frames. Formulas: docs/lloca.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from torch import nn

from tritag.configs import check_range
from tritag.errors import ConfigError
from tritag.models.layers.factory import Layers
from tritag.models.layers.frame_transport import EnterFrames, LeaveFrames, vectors_per_head
from tritag.models.layers.gram_frames import GramDirections
from tritag.models.layers.jet_geometry import JetFrame, LocalDirections, LocalScalars
from tritag.models.layers.linear import Linear
from tritag.models.layers.pool import MeanPool
from tritag.models.layers.scalars import N_SCALARS, JetScalars
from tritag.models.layers.tagger import Tagger
from tritag.models.nets.frames_net import PairFramesNet, TokenFramesNet
from tritag.models.nets.registry import register
from tritag.models.nets.transformer import Block, BlockConfig


@dataclass(frozen=True)
class LLoCaConfig(BlockConfig):
    """Sizes of the transformer, and what finds its frames.

    Attributes
    ----------
    frames : "local" or "global"
        A frame per candidate, or one per jet.
    frames_net : "pairs" or "tokens"
        The MLP runs on all pairs of tokens, as in the paper, or on single tokens (global frames only).
    frames_hidden : int
        Hidden channels of that MLP.
    frames_inputs : "scalars" or "products"
        What that MLP sees of single tokens: the seven scalars and the products with jet and time axis, or the products
        alone, which firmware has much earlier.
    features : "scalars" or "directions"
        What the transformer sees: the seven scalars in the frames, as in the paper, or energy and direction in the
        frames, and with spurions the seven scalars in the laboratory.
    axes : "in-turn" or "gram"
        How firmware finds the frame's axes: one after the other, as a matrix, or with all lengths side by side from the
        products of the three vectors, without a matrix (``frames_net: tokens`` with ``features: directions``). The same
        frame, rounded in other places; in floats no difference.
    spurions : bool
        Add beam and time directions. False makes the tagger exactly Lorentz-invariant.
    """

    frames: Literal["local", "global"] = "global"
    frames_net: Literal["pairs", "tokens"] = "pairs"
    frames_hidden: int = 4
    frames_inputs: Literal["scalars", "products"] = "scalars"
    features: Literal["scalars", "directions"] = "scalars"
    axes: Literal["in-turn", "gram"] = "in-turn"
    spurions: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.frames == "local":
            vectors_per_head(self.channels, self.heads)
            if self.frames_net == "tokens":
                raise ConfigError("frames_net: tokens gives one frame per jet; use it with frames: global, got local")
        if self.frames_inputs == "products" and self.frames_net == "pairs":
            raise ConfigError("frames_inputs: products is for single tokens; use it with frames_net: tokens, got pairs")
        if self.axes == "gram" and (self.frames_net, self.features) != ("tokens", "directions"):
            raise ConfigError(
                "axes: gram gives directions in frames from single tokens; use it with frames_net: tokens and "
                f"features: directions, got {self.frames_net} and {self.features}"
            )
        check_range(self, ("frames_hidden",), 1, 4096)


class LocalBlock(Block):
    """Transformer block between particles in different frames."""

    def __init__(self, layers: Layers, n_tokens: int, config: BlockConfig) -> None:
        super().__init__(layers, n_tokens, config)
        self.leave_frames = layers(LeaveFrames, config.channels, config.heads)
        self.enter_frames = layers(EnterFrames, config.channels, config.heads)

    def forward(self, h: Any, count: Any, frames: Any = None) -> Any:
        """Map the residual stream h (B, K, C), count (B, 1) and frames (B, K, 4, 4) to the next h (B, K, C)."""
        x = self.normed(self.norm_attention, h, count)
        q, k, v = self.leave_frames(self.query(x), self.key(x), self.value(x), frames)
        x = self.enter_frames(self.attention(q, k, v, count), frames)
        h = self.add_attention(h, self.project(x))
        x = self.contract(self.gelu(self.expand(self.normed(self.norm_mlp, h, count))))
        return self.add_mlp(h, x)


@register("lloca", LLoCaConfig)
class LLoCa(Tagger):
    """Transformer over the K leading candidates in learned frames."""

    def __init__(self, layers: Layers, n_constituents: int, config: LLoCaConfig) -> None:
        super().__init__()
        k, hidden, spurions, local = n_constituents, config.frames_hidden, config.spurions, config.frames == "local"
        self.jet_frame = layers(JetFrame, k, spurions)
        self.frames_net: PairFramesNet | TokenFramesNet
        if config.frames_net == "pairs":
            self.frames_net = PairFramesNet(layers, k, hidden, spurions, per_jet=not local)
        else:
            seen = config.frames_inputs == "scalars"
            self.frames_net = TokenFramesNet(layers, k, hidden, spurions, seen, written_out=config.axes == "in-turn")
        self.lab: nn.Module | None = None
        n_features = N_SCALARS
        if config.features == "scalars":
            self.features = layers(LocalScalars, k)
        else:
            self.features = layers(LocalDirections if config.axes == "in-turn" else GramDirections, k)
            self.lab = layers(JetScalars, k) if spurions else None
            n_features = 4 + (N_SCALARS if spurions else 0)
        self.embed = layers(Linear, n_features, config.channels, role="input")
        self.blocks = nn.ModuleList((LocalBlock if local else Block)(layers, k, config) for _ in range(config.blocks))
        self.pool = layers(MeanPool, k)
        self.head = layers(Linear, config.channels, layers.n_outputs, role="output")

    def inputs(self, codes: Any, count: Any) -> tuple[Any, ...]:
        """Tokens (B, N, 4) in the rest frame of the jet, scalars in the laboratory if used, Frames-Net's inputs."""
        scalars = () if self.lab is None else (self.lab(codes, count),)
        return (self.jet_frame(codes, count), *scalars, *self.frames_net.inputs(codes, count))

    def score(self, inputs: Any, count: Any) -> Any:
        """Outputs of the head (B, 1, outputs)."""
        tokens, *rest = inputs
        n_scalars = 0 if self.lab is None else 1
        frames = self.frames_net(tuple(rest[n_scalars:]), tokens, count)
        h = self.embed(self.features(frames, tokens, count, *rest[:n_scalars]))
        for block in self.blocks:
            h = block(h, count, frames) if isinstance(block, LocalBlock) else block(h, count)
        return self.head(self.pool(h, count))
