"""The layers a tagger is made of, in plain PyTorch.

A tagger takes a layer factory and asks it for its parts. With :class:`FloatLayers` it is an ordinary float network;
with the factory of ``tritag.quant`` the same file becomes the quantized network and then firmware. Parameter names are
the same in both, so float weights load into the quantized network.
"""

from __future__ import annotations

from typing import Any, Literal, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tritag.models.layers.frame_transport import EnterFrames, LeaveFrames
from tritag.models.layers.frame_vectors import ChannelLinear, PairLinear, PairVectors, TokenVectors
from tritag.models.layers.frames import PolarFrames
from tritag.models.layers.jet_geometry import JetFrame, LocalDirections, LocalScalars, PairMasses, TokenFeatures
from tritag.models.layers.part_float import FloatPartLayers
from tritag.models.layers.products import masked_softmax, row_products, weighted_sums
from tritag.models.layers.scalars import JetScalars
from tritag.models.layers.slim_float import FloatSlimLayers

# Where a linear layer stands: the recipes quantize "hidden" weights harder than those of "input" and "output".
Role = Literal["input", "hidden", "output"]


class Layers(Protocol):
    """What a factory offers. Activations are opaque to the tagger: tensors for float, fixed-point tensors otherwise."""

    def jet_scalars(self, n_constituents: int) -> nn.Module:
        """Seven scalars per constituent: ``(codes (B, K, 3), count (B, 1)) -> (B, K, 7)``."""

    def linear(self, n_in: int, n_out: int, role: Role = "hidden", summed: bool = False) -> nn.Module:
        """Affine map of the last axis. ``summed``: the result goes straight into a sum and is not cut before it."""

    def head(self, n_in: int) -> nn.Module:
        """The tagger's outputs, as many as its head has, from pooled features: ``(B, 1, n_in) -> (B, 1, outputs)``."""

    def norm(self, channels: int) -> nn.Module:
        """LayerNorm over the last axis, no affine parameters, eps 1e-5."""

    def batch_norm(
        self, channels: int, n_tokens: int, pairs: bool = False, wide: bool = False, shifts: bool = False
    ) -> nn.Module:
        """Batch normalisation: ``(x (B, R, C), count) -> (B, R, C)``, R = K or K * K.

        ``wide``: an input feature. ``shifts``: the factors of the quantized layer are powers of two.
        """

    def gelu(self) -> nn.Module:
        """GELU."""

    def attention(self, n_tokens: int, channels: int, heads: int) -> nn.Module:
        """Attention ``(q, k, v (B, N, C), count (B, 1)) -> (B, N, C)`` over the first ``count`` tokens."""

    def residual(self) -> nn.Module:
        """Sum of the residual stream and a branch."""

    def pool(self, n_tokens: int) -> nn.Module:
        """Mean over the first ``count`` tokens: ``(h (B, N, C), count (B, 1)) -> (B, 1, C)``."""


def token_mask(count: Tensor, n_tokens: int) -> Tensor:
    """Mask ``(B, N)`` of the first ``count`` (B, 1) tokens."""
    return torch.arange(n_tokens, device=count.device) < count


class LayerNorm(nn.Module):
    """LayerNorm without affine parameters."""

    def __init__(self, channels: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.shape, self.eps = (channels,), eps

    def forward(self, x: Tensor) -> Tensor:
        """Normalise the last axis of ``x`` (..., C)."""
        return F.layer_norm(x, self.shape, eps=self.eps)


class Attention(nn.Module):
    """Multi-head attention over the first ``count`` tokens, scale 1/sqrt(d_head)."""

    def __init__(self, n_tokens: int, channels: int, heads: int) -> None:
        super().__init__()
        self.n_tokens, self.heads, self.d_head = n_tokens, heads, channels // heads

    def forward(self, q: Tensor, k: Tensor, v: Tensor, count: Tensor) -> Tensor:
        """Map q, k, v (B, N, C) and count (B, 1) to (B, N, C)."""
        query, key, value = (x.unflatten(-1, (self.heads, self.d_head)).transpose(1, 2) for x in (q, k, v))
        # A jet without constituents attends to its first (zero) token: a finite number instead of NaN.
        real = token_mask(count.clamp(min=1), self.n_tokens)[:, None, None, :]
        weights = masked_softmax(row_products(query * self.d_head**-0.5, key), real)
        return weighted_sums(weights, value).transpose(1, 2).flatten(2)


class Residual(nn.Module):
    """h + branch."""

    def forward(self, h: Tensor, branch: Tensor) -> Tensor:
        """Add two tensors of equal shape."""
        return h + branch


class MeanPool(nn.Module):
    """Mean over the first ``count`` tokens; zero for a jet without constituents."""

    def __init__(self, n_tokens: int) -> None:
        super().__init__()
        self.n_tokens = n_tokens

    def forward(self, h: Tensor, count: Tensor) -> Tensor:
        """Map h (B, N, C) and count (B, 1) to (B, 1, C)."""
        mask = token_mask(count, self.n_tokens)[..., None]
        return (h * mask).sum(1, keepdim=True) / count.clamp(min=1)[..., None]


class FloatLayers(FloatPartLayers, FloatSlimLayers):
    """Factory of the float layers, with those of :class:`tritag.models.layers.lorentz_layers.LorentzLayers`."""

    def __init__(self, n_outputs: int = 1) -> None:
        self.n_outputs = n_outputs

    def jet_scalars(self, n_constituents: int) -> nn.Module:
        """See :class:`Layers`."""
        return JetScalars(n_constituents)

    def linear(self, n_in: int, n_out: int, role: Role = "hidden", summed: bool = False) -> nn.Module:
        """See :class:`Layers`."""
        return nn.Linear(n_in, n_out)

    def head(self, n_in: int) -> nn.Module:
        """See :class:`Layers`."""
        return self.linear(n_in, self.n_outputs, role="output")

    def norm(self, channels: int) -> nn.Module:
        """See :class:`Layers`."""
        return LayerNorm(channels)

    def gelu(self) -> nn.Module:
        """See :class:`Layers`."""
        return nn.GELU()

    def attention(self, n_tokens: int, channels: int, heads: int) -> nn.Module:
        """See :class:`Layers`."""
        return Attention(n_tokens, channels, heads)

    def residual(self) -> nn.Module:
        """See :class:`Layers`."""
        return Residual()

    def pool(self, n_tokens: int) -> nn.Module:
        """See :class:`Layers`."""
        return MeanPool(n_tokens)

    def jet_frame(self, n_constituents: int, spurions: bool) -> nn.Module:
        """See :class:`LorentzLayers`."""
        return JetFrame(n_constituents, spurions)

    def pair_masses(self, n_constituents: int, spurions: bool, n_rows: int) -> nn.Module:
        """See :class:`LorentzLayers`."""
        return PairMasses(n_constituents, spurions, n_rows)

    def token_features(self, n_constituents: int, spurions: bool, scalars: bool = True) -> nn.Module:
        """See :class:`LorentzLayers`."""
        return TokenFeatures(n_constituents, spurions, scalars)

    def pair_first(self, n_scalars: int, n_out: int) -> nn.Module:
        """See :class:`LorentzLayers`."""
        return PairLinear(n_scalars, n_out)

    def pair_linear(self, n_in: int, n_out: int) -> nn.Module:
        """See :class:`LorentzLayers`."""
        return ChannelLinear(n_in, n_out)

    def frame_linear(self, n_in: int, n_out: int) -> nn.Module:
        """See :class:`LorentzLayers`."""
        return nn.Linear(n_in, n_out)

    def frame_gelu(self, n_rows: int) -> nn.Module:
        """See :class:`LorentzLayers`."""
        return nn.GELU()

    def pair_vectors(self, n_constituents: int, per_jet: bool) -> nn.Module:
        """See :class:`LorentzLayers`."""
        return PairVectors(n_constituents, per_jet)

    def token_vectors(self, n_constituents: int) -> nn.Module:
        """See :class:`LorentzLayers`."""
        return TokenVectors(n_constituents)

    def frames(self) -> nn.Module:
        """See :class:`LorentzLayers`."""
        return PolarFrames()

    def local_scalars(self, n_constituents: int) -> nn.Module:
        """See :class:`LorentzLayers`."""
        return LocalScalars(n_constituents)

    def local_directions(self, n_constituents: int) -> nn.Module:
        """See :class:`tritag.models.layers.lorentz_layers.LorentzLayers`."""
        return LocalDirections(n_constituents)

    def leave_frames(self, channels: int, heads: int) -> nn.Module:
        """See :class:`LorentzLayers`."""
        return LeaveFrames(channels, heads)

    def enter_frames(self, channels: int, heads: int) -> nn.Module:
        """See :class:`LorentzLayers`."""
        return EnterFrames(channels, heads)

    def vector_residual(self) -> nn.Module:
        """See :class:`SlimLayers`."""
        return Residual()


class Tagger(nn.Module):
    """Base of all taggers: constants first, parameters after.

    ``inputs`` is the part without trained parameters (its result may be cached over a training), ``score`` the rest.
    Both take and return what the layer factory works on.
    """

    def inputs(self, codes: Any, count: Any) -> Any:
        """Parameter-free preprocessing of the candidates' codes (B, K, 3) and the count (B, 1)."""
        raise NotImplementedError

    def score(self, inputs: Any, count: Any) -> Any:
        """Outputs of the head (B, 1, outputs) from the result of ``inputs``; of a binary head the logit (B, 1, 1)."""
        raise NotImplementedError

    def forward(self, codes: Any, count: Any) -> Any:
        """Outputs of the head (B, 1, outputs); of a binary head the logit of the jet being signal."""
        return self.score(self.inputs(codes, count), count)

    def penalty(self) -> Tensor | None:
        """What is added to the loss of a training step, apart from the jets; nothing by default."""
        return None

    def outputs(self, inputs: Any, count: Tensor) -> Tensor:
        """Outputs (B, outputs) as a plain tensor, from the result of ``inputs``: what losses and metrics take."""
        score = self.score(inputs, count)
        return (score if isinstance(score, Tensor) else score.value).flatten(1)

    def logits(self, inputs: Any, count: Tensor) -> Tensor:
        """Logits (B,) of a tagger with a binary head, as a plain tensor."""
        return self.outputs(inputs, count).flatten()
