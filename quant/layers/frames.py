"""Quantized layers of taggers with learned frames: the geometry in wide integers, the Frames-Net in int8.

Between the layers of an all-pairs Frames-Net a pair tensor is (B, R, N C): rows in rows, and the channels of the N
columns, token by token, in lanes. So an op takes the time of R rows, not of R N.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import nn

from tritag.errors import ExportError
from tritag.models.layers import frame_transport, frame_vectors, jet_geometry
from tritag.models.layers.frames import Method, PolarFrames
from tritag.models.layers.scalars import N_SCALARS
from tritag.quant.formats.tensor import FixedTensor, concatenate_rows
from tritag.quant.integer.lorentz import FrameBits
from tritag.quant.layers.factory import QuantLayers, quantizes
from tritag.quant.ops.four_momenta import FourMomenta
from tritag.quant.ops.frame_transport import Direction, TrainableFrameTransport
from tritag.quant.ops.jet_frame import IntoJetFrame, JetVelocity, SpurionTokens
from tritag.quant.ops.jet_scalars import JetScalars
from tritag.quant.ops.local_directions import TrainableLocalDirections
from tritag.quant.ops.local_scalars import TrainableLocalScalars
from tritag.quant.ops.modules import FixedOp
from tritag.quant.ops.pair_frames import TrainablePairFrames
from tritag.quant.ops.pair_masses import N_SPURIONS
from tritag.quant.ops.token_features import SpurionFeatures, TokenFeatures
from tritag.quant.ops.token_frames import TokenFrames, TrainableTokenFrames
from tritag.quant.weights.cut import Cut

# Bits of weights beyond the recipe's: untrained networks have almost equal weights, and all of the rotation is in their
# differences.
SPARE_WEIGHT_BITS = 4


@dataclass(frozen=True)
class JetTokens:
    """Tokens in the rest frame of the jet: all (B, N, 4), and the candidates among them (B, K, 4)."""

    every: FixedTensor
    candidates: FixedTensor

    def __len__(self) -> int:
        return len(self.every)

    def __getitem__(self, index: Any) -> JetTokens:
        return JetTokens(self.every[index], self.candidates[index])

    @classmethod
    def cat(cls, parts: Sequence[JetTokens]) -> JetTokens:
        """Concatenate along the batch axis."""
        return cls(FixedTensor.cat([p.every for p in parts]), FixedTensor.cat([p.candidates for p in parts]))


class QuantJetFrame(nn.Module):
    """Tokens in the rest frame of the jet, with spurions in front or without."""

    def __init__(self, n_constituents: int, spurions: bool) -> None:
        super().__init__()
        self.spurions = spurions
        self.momenta = FixedOp(FourMomenta())
        self.velocity = FixedOp(JetVelocity())
        self.into_frame = FixedOp(IntoJetFrame())
        self.spurion_tokens = FixedOp(SpurionTokens())

    def forward(self, codes: FixedTensor, count: FixedTensor) -> JetTokens:
        """Tokens of the jet."""
        momenta = self.momenta(codes, count)
        velocity = self.velocity(momenta)
        candidates = self.into_frame(momenta, velocity)
        if not self.spurions:
            return JetTokens(candidates, candidates)
        spurions = self.spurion_tokens(velocity).reshape(-1, N_SPURIONS, 4)
        return JetTokens(concatenate_rows(spurions, candidates), candidates)


class QuantTokenFeatures(nn.Module):
    """Features of single tokens: products with jet and time axis, behind the scalars if wanted."""

    def __init__(self, n_constituents: int, spurions: bool, scalars: bool = True) -> None:
        super().__init__()
        if not spurions:
            raise ExportError("a quantized Frames-Net needs spurions; train with spurions: true")
        self.momenta = FixedOp(FourMomenta())
        self.scalars = FixedOp(JetScalars()) if scalars else None
        self.candidate_features = FixedOp(TokenFeatures())
        self.spurion_features = FixedOp(SpurionFeatures(N_SCALARS if scalars else 0))

    def forward(self, codes: FixedTensor, count: FixedTensor) -> FixedTensor:
        """Features (B, N, 9 or 2)."""
        momenta = self.momenta(codes, count)
        scalars = () if self.scalars is None else (self.scalars(codes, count),)
        candidates = self.candidate_features(momenta, count, *scalars)
        spurions = self.spurion_features(momenta).reshape(-1, N_SPURIONS, candidates.value.shape[-1])
        return concatenate_rows(spurions, candidates)


@dataclass(frozen=True)
class PairWeighted:
    """Weights over pairs, as :class:`tritag.quant.layers.pairs.QuantPairVectors` hands them on to the frames op."""

    phi: FixedTensor
    pairs: FixedTensor
    tokens: JetTokens
    count: FixedTensor
    per_jet: bool


@dataclass(frozen=True)
class Weighted:
    """What :class:`QuantTokenVectors` hands on: the vectors are formed inside the frames op, where they are wide."""

    phi: FixedTensor
    tokens: FixedTensor
    count: FixedTensor


class QuantTokenVectors(nn.Module):
    """Three vectors from tokens; the vectors themselves are formed in the frames op."""

    def forward(self, phi: FixedTensor, tokens: JetTokens, count: FixedTensor) -> Weighted:
        """Hand the weights, all tokens and the count on to the frames op."""
        return Weighted(phi, tokens.every, count)


class QuantFrames(nn.Module):
    """Frames from weights over tokens or pairs: one per jet, or one per candidate."""

    def __init__(self, n_constituents: int, bits: FrameBits, weight_bits: int) -> None:
        super().__init__()
        self.n_constituents = n_constituents
        weight_bits += SPARE_WEIGHT_BITS
        self.token_frames = TrainableTokenFrames(n_constituents, TokenFrames(N_SPURIONS, bits, weight_bits))
        self.jet_pair_frames = TrainablePairFrames(n_constituents, bits, weight_bits, per_jet=True)
        self.pair_frames = TrainablePairFrames(n_constituents, bits.for_candidates(), weight_bits, per_jet=False)

    def forward(self, vectors: Weighted | PairWeighted) -> FixedTensor:
        """Frames (B, 1 or K, 16), row by row."""
        v = vectors
        if isinstance(v, Weighted):
            return self.token_frames(v.phi, v.tokens, v.count)
        every = v.tokens.every.reshape(-1, 1, 4 * (self.n_constituents + N_SPURIONS))
        if v.per_jet:
            return self.jet_pair_frames(v.phi, v.pairs, v.tokens.every, every, v.count)
        return self.pair_frames(v.phi, v.pairs, v.tokens.candidates, every, v.count)


class QuantLocalScalars(nn.Module):
    """Seven scalars of the candidates in their frames."""

    def __init__(self, n_constituents: int) -> None:
        super().__init__()
        self.op = TrainableLocalScalars(n_constituents)

    def forward(self, frames: FixedTensor, tokens: JetTokens, count: FixedTensor) -> FixedTensor:
        """Scalars (B, K, 7)."""
        return self.op(frames, tokens.candidates, count)


class QuantLocalDirections(nn.Module):
    """Log energy and direction of the candidates in their frames, behind scalars if given."""

    def __init__(self, n_constituents: int) -> None:
        super().__init__()
        self.op = TrainableLocalDirections(n_constituents)

    def forward(self, frames: FixedTensor, tokens: JetTokens, count: FixedTensor, *scalars: FixedTensor) -> FixedTensor:
        """Scalars if given, log energy and direction: (B, K, 4 or 11)."""
        return self.op(frames, tokens.candidates, count, *scalars)


class QuantLeaveFrames(nn.Module):
    """Queries, lowered keys and values from the frames of their particles to that of the jet, each with its cut."""

    def __init__(self, n_constituents: int, channels: int, heads: int, cuts: Sequence[Cut]) -> None:
        super().__init__()
        directions: tuple[Direction, ...] = ("leave", "leave-lowered", "leave")
        self.transports = nn.ModuleList(TrainableFrameTransport(channels, heads, d) for d in directions)
        self.cuts = nn.ModuleList(cuts)

    def forward(
        self, q: FixedTensor, k: FixedTensor, v: FixedTensor, frames: FixedTensor
    ) -> tuple[FixedTensor, FixedTensor, FixedTensor]:
        """Queries, keys and values (B, K, C)."""
        q, k, v = (
            cut(transport(x, frames)) for x, transport, cut in zip((q, k, v), self.transports, self.cuts, strict=True)
        )
        return q, k, v


class QuantEnterFrames(nn.Module):
    """The attention's result into the frames of the particles that receive it, cut."""

    def __init__(self, n_constituents: int, channels: int, heads: int, cut: Cut) -> None:
        super().__init__()
        self.transport, self.cut = TrainableFrameTransport(channels, heads, "enter"), cut

    def forward(self, x: FixedTensor, frames: FixedTensor) -> FixedTensor:
        """Channels (B, K, C)."""
        return self.cut(self.transport(x, frames))


@quantizes(jet_geometry.JetFrame)
def quantized_jet_frame(layers: QuantLayers, n_constituents: int, spurions: bool) -> nn.Module:
    """Tokens in the rest frame of the jet."""
    return QuantJetFrame(n_constituents, spurions)


@quantizes(jet_geometry.TokenFeatures)
def quantized_token_features(
    layers: QuantLayers, n_constituents: int, spurions: bool, scalars: bool = True
) -> nn.Module:
    """Features of single tokens."""
    return QuantTokenFeatures(n_constituents, spurions, scalars)


@quantizes(frame_vectors.TokenVectors)
def quantized_token_vectors(layers: QuantLayers, n_constituents: int) -> nn.Module:
    """Three vectors from tokens."""
    return QuantTokenVectors()


@quantizes(PolarFrames)
def quantized_frames(layers: QuantLayers, method: Method = "gram-schmidt") -> nn.Module:
    """Lorentz transformations from three vectors; the integer program has one way to find the axes."""
    bits = FrameBits(layers.config.frame_vector_bits, layers.config.frame_matrix_bits)
    return QuantFrames(layers.n_tokens, bits, layers.config.frame_weight_bits)


@quantizes(jet_geometry.LocalScalars)
def quantized_local_scalars(layers: QuantLayers, n_constituents: int) -> nn.Module:
    """Seven scalars in the frames."""
    return QuantLocalScalars(n_constituents)


@quantizes(jet_geometry.LocalDirections)
def quantized_local_directions(layers: QuantLayers, n_constituents: int) -> nn.Module:
    """Log energy and direction in the frames."""
    return QuantLocalDirections(n_constituents)


@quantizes(frame_transport.LeaveFrames)
def quantized_leave_frames(layers: QuantLayers, channels: int, heads: int) -> nn.Module:
    """Queries, keys and values to the frame of the jet, two bits wider than they were."""
    cuts = [layers.cut(layers.config.activation_bits + 2) for _ in range(3)]
    return QuantLeaveFrames(layers.n_tokens, channels, heads, cuts)


@quantizes(frame_transport.EnterFrames)
def quantized_enter_frames(layers: QuantLayers, channels: int, heads: int) -> nn.Module:
    """The attention's result into the frames."""
    return QuantEnterFrames(layers.n_tokens, channels, heads, layers.cut(layers.config.activation_bits))
