"""The factory of quantized layers: the same tagger file, made of these, is trained with quantization and exported."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from tritag.errors import ConfigError, ExportError
from tritag.models.layers.layers import Role, Tagger
from tritag.models.nets.registry import TaggerConfig, make_tagger
from tritag.quant.config import QuantConfig
from tritag.quant.formats.fixed import Grid
from tritag.quant.formats.meter import meters
from tritag.quant.formats.tensor import FixedTensor, check_float32
from tritag.quant.integer.lorentz import FrameBits
from tritag.quant.layers import lorentz_layers, pair_layers
from tritag.quant.layers.part_layers import QuantPartLayers
from tritag.quant.layers.slim_layers import VECTOR_BITS, VECTOR_RESIDUAL_BITS, QuantSlimLayers
from tritag.quant.ops.attention import Attention
from tritag.quant.ops.gelu import TrainableGelu
from tritag.quant.ops.jet_scalars import CODE_GRID, JetScalars
from tritag.quant.ops.layer_norm import TrainableLayerNorm
from tritag.quant.ops.mean_pool import TrainableMeanPool
from tritag.quant.ops.modules import FixedOp
from tritag.quant.weights.coded_linear import CodedLinear, CodedVectorLinear
from tritag.quant.weights.cut import Cut
from tritag.quant.weights.incremental_weights import IncrementalTernary
from tritag.quant.weights.layer_selection import matching_layers
from tritag.quant.weights.learned_cut import LearnedCut
from tritag.quant.weights.learned_weights import LearnedWeights
from tritag.quant.weights.linear import QuantLinear, QuantVectorLinear
from tritag.quant.weights.low_bit_weights import LowBitWeights
from tritag.quant.weights.quantizers import Int8Weight, TernaryWeight


class QuantResidual(nn.Module):
    """Exact sum of the residual stream and a branch, cut to the residual's width."""

    def __init__(self, cut: Cut) -> None:
        super().__init__()
        self.cut = cut

    def forward(self, h: FixedTensor, branch: FixedTensor) -> FixedTensor:
        """Add and cut."""
        grid = h.grid.plus(branch.grid) if h.grid and branch.grid else None
        return self.cut(FixedTensor(h.value + branch.value, grid and check_float32(grid, "residual sum")))


class NormAndCut(nn.Module):
    """A norm whose result is cut further."""

    def __init__(self, norm: nn.Module, cut: Cut) -> None:
        super().__init__()
        self.norm, self.cut = norm, cut

    def forward(self, x: FixedTensor) -> FixedTensor:
        """Norm and cut."""
        return self.cut(self.norm(x))


class QuantLayers(QuantPartLayers, QuantSlimLayers):
    """Factory of quantized layers for :func:`tritag.models.nets.registry.make_tagger`."""

    def __init__(self, config: QuantConfig, n_tokens: int, n_outputs: int = 1) -> None:
        self.config, self.n_tokens, self.n_outputs = config, n_tokens, n_outputs

    def residual_cut(self) -> Cut:
        """A cut of the residual stream."""
        return self.cut(self.config.residual_bits)

    def cut(self, bits: int | None = None) -> Cut:
        """A cut of an activation to ``bits`` bits, or to as many of them as it learns."""
        c = self.config
        return (LearnedCut if c.learned_cuts else Cut)(
            bits or c.activation_bits,
            range_quantile=c.range_quantile,
            range_momentum=c.range_momentum,
            dynamic_fraction=c.dynamic_fraction,
            frozen_fraction=c.frozen_fraction,
        )

    def jet_scalars(self, n_constituents: int) -> nn.Module:
        """See :class:`tritag.models.layers.layers.Layers`."""
        return FixedOp(JetScalars())

    def linear(self, n_in: int, n_out: int, role: Role = "hidden", summed: bool = False) -> nn.Module:
        """See :class:`tritag.models.layers.layers.Layers`."""
        cut = None
        if not summed and role != "output":
            cut = self.residual_cut() if role == "input" else self.cut()
        everywhere = self.config.weights == "learned" or role == "hidden"
        return self.weighted(n_in, n_out, cut, low_bits=everywhere and not self.config.low_bit_layers)

    def head(self, n_in: int) -> nn.Module:
        """See :class:`tritag.models.layers.layers.Layers`; the outputs share one grid and are not cut."""
        return self.linear(n_in, self.n_outputs, role="output")

    def weighted(self, n_in: int, n_out: int, cut: Cut | None, low_bits: bool, vectors: bool = False) -> QuantLinear:
        """Linear layer with int8 weights, or with those of the configuration; ``vectors``: of vectors' channels."""
        c = self.config
        coder = self._coder(n_in, n_out) if low_bits else None
        if coder is not None:
            return (CodedVectorLinear if vectors else CodedLinear)(n_in, n_out, coder, c.bias_bits, cut)
        weights = self._ste_weights(low_bits and c.weights == "ternary")
        return (QuantVectorLinear if vectors else QuantLinear)(n_in, n_out, weights, c.bias_bits, cut)

    def _coder(self, n_in: int, n_out: int) -> nn.Module | None:
        """Quantizer of our own for low-bit weights; None where Brevitas has one."""
        c = self.config
        if c.weights == "int8" or (c.weights == "ternary" and c.weight_method == "ste"):
            return None
        if c.weights == "learned":
            return LearnedWeights(n_in, n_out, c.bit_granularity)
        if c.weight_method == "incremental":
            return IncrementalTernary(c, (n_out, n_in))
        return LowBitWeights(c, power_of_two=True)

    def vector_linear(self, n_in: int, n_out: int, role: Role = "hidden", summed: bool = False) -> nn.Module:
        """Linear map of vectors; even a branch of the residual stream is cut, so that their sum stays narrow.

        Raises
        ------
        ConfigError
            Learned weights.
        """
        c = self.config
        if c.weights == "learned":
            raise ConfigError("linear maps of vectors have no learned widths; choose int8, ternary or binary weights")
        cut = self.cut(VECTOR_BITS if summed else VECTOR_RESIDUAL_BITS)
        return self.weighted(n_in, n_out, cut, role == "hidden" and not c.low_bit_layers, vectors=True)

    def vector_residual(self) -> nn.Module:
        """Sum of vectors."""
        return QuantResidual(self.cut(VECTOR_RESIDUAL_BITS))

    def _ste_weights(self, low_bits: bool) -> dict[str, Any]:
        """Brevitas arguments of int8 or ternary weights."""
        if not low_bits:
            return {"weight_quant": Int8Weight}
        return {"weight_quant": TernaryWeight, "weight_scale_frozen_fraction": self.config.scale_frozen_fraction}

    def norm(self, channels: int) -> nn.Module:
        """See :class:`tritag.models.layers.layers.Layers`."""
        norm = TrainableLayerNorm(self.n_tokens, channels, self.config.activation_bits)
        return NormAndCut(norm, self.cut()) if self.config.learned_cuts else norm

    def gelu(self) -> nn.Module:
        """See :class:`tritag.models.layers.layers.Layers`."""
        return TrainableGelu(self.cut())

    def attention(self, n_tokens: int, channels: int, heads: int) -> nn.Module:
        """See :class:`tritag.models.layers.layers.Layers`."""
        return Attention(n_tokens, channels, heads, self.config.attention_bits)

    def residual(self) -> nn.Module:
        """See :class:`tritag.models.layers.layers.Layers`."""
        return QuantResidual(self.residual_cut())

    def pool(self, n_tokens: int) -> nn.Module:
        """See :class:`tritag.models.layers.layers.Layers`."""
        return TrainableMeanPool(n_tokens)

    def jet_frame(self, n_constituents: int, spurions: bool) -> nn.Module:
        """See :class:`tritag.models.layers.lorentz_layers.LorentzLayers`, also for the following."""
        return lorentz_layers.QuantJetFrame(n_constituents, spurions)

    def token_features(self, n_constituents: int, spurions: bool, scalars: bool = True) -> nn.Module:
        """Features of single tokens."""
        return lorentz_layers.QuantTokenFeatures(n_constituents, spurions, scalars)

    def frame_linear(self, n_in: int, n_out: int) -> nn.Module:
        """Affine map inside a Frames-Net: int8 weights, unless widths are learned."""
        learned = self.config.weights == "learned" and not self.config.low_bit_layers
        return self.weighted(n_in, n_out, self.cut(self.config.frames_net_bits), low_bits=learned)

    def frame_gelu(self, n_rows: int) -> nn.Module:
        """GELU inside a Frames-Net."""
        return TrainableGelu(self.cut(self.config.frames_net_bits))

    def token_vectors(self, n_constituents: int) -> nn.Module:
        """Three vectors from tokens."""
        return lorentz_layers.QuantTokenVectors()

    def frames(self) -> nn.Module:
        """Lorentz transformations from three vectors."""
        bits = FrameBits(self.config.frame_vector_bits, self.config.frame_matrix_bits)
        return lorentz_layers.QuantFrames(self.n_tokens, bits, self.config.frame_weight_bits)

    def local_scalars(self, n_constituents: int) -> nn.Module:
        """Seven scalars in the frames."""
        return lorentz_layers.QuantLocalScalars(n_constituents)

    def local_directions(self, n_constituents: int) -> nn.Module:
        """Log energy and direction in the frame."""
        return lorentz_layers.QuantLocalDirections(n_constituents)

    def pair_masses(self, n_constituents: int, spurions: bool, n_rows: int) -> nn.Module:
        """Masses of all pairs."""
        return pair_layers.QuantPairMasses(n_constituents, spurions, n_rows)

    def pair_first(self, n_scalars: int, n_out: int) -> nn.Module:
        """First layer of an all-pairs Frames-Net: int8 weights always."""
        cut = self.cut(self.config.frames_net_bits)
        return pair_layers.QuantPairLinear(self.n_tokens, n_scalars, n_out, self.config.bias_bits, cut)

    def pair_linear(self, n_in: int, n_out: int) -> nn.Module:
        """Affine map of the channels of each pair: int8 weights always."""
        cut = self.cut(self.config.frames_net_bits)
        return pair_layers.QuantChannelLinear(n_in, n_out, self.config.bias_bits, cut)

    def pair_vectors(self, n_constituents: int, per_jet: bool) -> nn.Module:
        """Three vectors from pairs."""
        return pair_layers.QuantPairVectors(n_constituents, per_jet)

    def leave_frames(self, channels: int, heads: int) -> nn.Module:
        """Queries, keys and values to the frame of the jet, two bits wider than they were."""
        cuts = [self.cut(self.config.activation_bits + 2) for _ in range(3)]
        return lorentz_layers.QuantLeaveFrames(self.n_tokens, channels, heads, cuts)

    def enter_frames(self, channels: int, heads: int) -> nn.Module:
        """Attention's result into the frames."""
        return lorentz_layers.QuantEnterFrames(self.n_tokens, channels, heads, self.cut(self.config.activation_bits))


class QuantTagger(Tagger):
    """A tagger made of quantized layers; takes integer codes, gives outputs on a fixed grid."""

    def __init__(self, config: TaggerConfig, quant: QuantConfig) -> None:
        super().__init__()
        self.config, self.quant = config, quant
        layers = QuantLayers(quant, config.n_constituents, config.head.n_outputs)
        self.tagger: Tagger = make_tagger(config, layers)
        for name in matching_layers(self.tagger, quant.low_bit_layers, QuantLinear):
            old = self.tagger.get_submodule(name)
            vectors = isinstance(old, QuantVectorLinear)
            new = layers.weighted(old.in_features, old.out_features, old.cut, True, vectors)  # type: ignore[arg-type]
            new.weight, new.bias = old.weight, old.bias  # type: ignore[assignment]
            self.tagger.set_submodule(name, new)
        for meter in meters(self.tagger):
            meter.on = quant.bit_penalty > 0

    def penalty(self) -> Tensor | None:
        """What the loss gains in a training step: ``bit_penalty`` for every million effective bit operations."""
        if not self.quant.bit_penalty:
            return None
        readings = [meter.reading for meter in meters(self.tagger) if meter.reading is not None]
        return self.quant.bit_penalty * 1e-6 * torch.as_tensor(sum(readings))

    def load_float(self, state: dict[str, Tensor]) -> None:
        """Start from the weights of the float tagger.

        Raises
        ------
        ExportError
            The float weights are those of another network.
        """
        missing, unexpected = self.tagger.load_state_dict(state, strict=False)
        lost = [name for name in missing if name.endswith(("weight", "bias"))]
        if lost or unexpected:
            raise ExportError(f"float weights must be those of the same tagger; missing {lost}, unknown {unexpected}")

    def fixed_inputs(self, codes: Tensor, count: Tensor) -> tuple[FixedTensor, FixedTensor]:
        """Put plain tensors of integer codes (B, K, 3) and count (B, 1) on their grids."""
        return (
            FixedTensor(codes.float(), CODE_GRID),
            FixedTensor(count.float(), Grid(0, self.config.n_constituents, 0)),
        )

    def inputs(self, codes: Tensor, count: Tensor) -> Any:
        """Parameter-free part of the tagger; see :class:`tritag.models.layers.layers.Tagger`."""
        return self.tagger.inputs(*self.fixed_inputs(codes, count))

    def score(self, inputs: Any, count: Tensor) -> FixedTensor:
        """Outputs of the head (B, 1, outputs)."""
        return self.tagger.score(inputs, FixedTensor(count.float(), Grid(0, self.config.n_constituents, 0)))

    def forward(self, codes: Tensor, count: Tensor) -> Tensor:
        """Outputs of the head (B, 1, outputs) as a plain tensor: what is exported."""
        return self.score(self.inputs(codes, count), count).value
