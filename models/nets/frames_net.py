"""The Frames-Nets: small networks that choose three four-vectors, and with them a frame per token or per jet.

A Frames-Net has the two halves of a tagger: ``inputs`` without parameters, and ``forward`` with them.
"""

from __future__ import annotations

from typing import Any

from torch import nn

from tritag.models.layers.factory import Layers
from tritag.models.layers.frame_vectors import (
    ChannelLinear,
    FrameGelu,
    FrameLinear,
    PairLinear,
    PairVectors,
    TokenVectors,
)
from tritag.models.layers.frames import PolarFrames
from tritag.models.layers.gram_frames import GramFrames
from tritag.models.layers.jet_geometry import PairMasses, TokenFeatures, n_tokens
from tritag.models.layers.scalars import N_SCALARS, JetScalars


class PairFramesNet(nn.Module):
    """All-pairs Frames-Net (LLoCa; tagger-quantization paper, App. A).

    ``phi_ij = MLP([s_i, s_j, e_ij])``, 15 -> h -> h -> 3 with GELU, e_ij the standardised log m_ij^2, s the seven
    scalars in the laboratory (zero for spurions); vectors from pairs by softmax over j != i. Without spurions the
    scalars stay outside, as they hold the beam direction, and the MLP is 1 -> h -> h -> 3.
    """

    def __init__(self, layers: Layers, n_constituents: int, hidden: int, spurions: bool, per_jet: bool) -> None:
        super().__init__()
        columns = n_tokens(n_constituents, spurions)
        rows = columns if per_jet else n_constituents
        self.scalars = layers(JetScalars, n_constituents) if spurions else None
        self.masses = layers(PairMasses, n_constituents, spurions, rows)
        self.first = layers(PairLinear, N_SCALARS if spurions else 0, hidden)
        self.first_gelu = layers(FrameGelu, rows * columns)
        self.second = layers(ChannelLinear, hidden, hidden)
        self.second_gelu = layers(FrameGelu, rows * columns)
        self.third = layers(ChannelLinear, hidden, 3)
        self.vectors = layers(PairVectors, n_constituents, per_jet)
        self.frames = layers(PolarFrames)

    def inputs(self, codes: Any, count: Any) -> tuple[Any, ...]:
        """Standardised pair masses (B, R, N), and the scalars (B, K, 7) if they are used."""
        pairs = self.masses(codes, count)
        return (pairs,) if self.scalars is None else (pairs, self.scalars(codes, count))

    def forward(self, features: tuple[Any, ...], tokens: Any, count: Any) -> Any:
        """Frames (B, K or 1, 4, 4) from the result of ``inputs`` and the tokens (B, N, 4) in the frame of the jet."""
        x = self.second(self.first_gelu(self.first(*features)))
        phi = self.third(self.second_gelu(x))
        return self.frames(self.vectors(phi, features[0], tokens, count))


class TokenFramesNet(nn.Module):
    """Frames-Net without pairs: cost linear in the number of tokens, one frame per jet.

    ``phi_j = MLP([seven scalars, log p_j.p_jet, log p_j.p_time])``, 9 -> h -> h -> 3 with GELU, and
    ``v_k = sum_j softmax_j(phi_jk) p_j``. Without ``scalars`` only the products go in, without spurions only the first.
    Frames that are not ``written_out`` are for ``GramDirections`` alone.
    """

    def __init__(
        self,
        layers: Layers,
        n_constituents: int,
        hidden: int,
        spurions: bool,
        scalars: bool = True,
        written_out: bool = True,
    ) -> None:
        super().__init__()
        rows = n_tokens(n_constituents, spurions)
        self.features = layers(TokenFeatures, n_constituents, spurions, scalars)
        n_features = (N_SCALARS * scalars + 2) if spurions else 1
        self.first = layers(FrameLinear, n_features, hidden)
        self.first_gelu = layers(FrameGelu, rows)
        self.second = layers(FrameLinear, hidden, hidden)
        self.second_gelu = layers(FrameGelu, rows)
        self.third = layers(FrameLinear, hidden, 3)
        self.vectors = layers(TokenVectors, n_constituents)
        self.frames = layers(PolarFrames) if written_out else layers(GramFrames)

    def inputs(self, codes: Any, count: Any) -> tuple[Any, ...]:
        """Token features (B, N, F), F as :class:`TokenFeatures` gives them."""
        return (self.features(codes, count),)

    def forward(self, features: tuple[Any, ...], tokens: Any, count: Any) -> Any:
        """Frame (B, 1, 4, 4) from the result of ``inputs`` and the tokens (B, N, 4) in the frame of the jet."""
        x = self.second(self.first_gelu(self.first(features[0])))
        phi = self.third(self.second_gelu(x))
        return self.frames(self.vectors(phi, tokens, count))
