"""Settings of a quantization recipe."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

from tritag.configs import ADDED, check_range
from tritag.errors import ConfigError

Activations = Literal["static", "asymmetric-exact", "asymmetric", "asymmetric-dynamic", "per-token", "bfloat16"]

# Bits of what stands between asymmetric layers, beyond those of their inputs.
_SPARE_BITS = 2


@dataclass(frozen=True)
class QuantConfig:
    """What a quantization recipe may choose: how weights and activations are rounded, and how the rounding is trained.

    The settings are explained by topic, which a bold word begins; below they stand in the order of a run's files.

    Attributes
    ----------
    weights : "int8", "ternary", "binary", "float" or "learned"
        **Weights.** Those of the linear layers inside the blocks, or of ``low_bit_layers``; the others are int8.
        "learned" trains the fractional bits of all linear layers' weights, "float" goes with bfloat16 activations.
    low_bit_layers : tuple of str
        Names of linear layers, or patterns such as ``blocks.*.query``, that ``weights`` concerns in place of those
        inside the blocks.
    bias_bits : int
        Width of the biases of linear layers, 2 to 16.
    weight_method : "ste", "parq" or "incremental"
        **Training of low-bit weights.** The straight-through estimator, piecewise-affine regularized quantization
        (:mod:`tritag.quant.weights.low_bit_weights`), or weights that are fixed one after the other
        (:mod:`tritag.quant.weights.incremental_weights`; ternary alone).
    parq_start, parq_end : float
        Fractions of the training between which PARQ passes from float to rounded weights.
    parq_steepness : float
        How steep that passage is.
    incremental_end : float
        Fraction of the training after which all weights are fixed.
    incremental_scale : float
        Scale of incremental ternary weights over the mean size of the weights at the start; it is rounded to a power
        of two.
    activations : "static", "asymmetric-exact", "asymmetric", "asymmetric-dynamic", "per-token" or "bfloat16"
        **Activations.** "static" has power-of-two scales and is exact. "asymmetric-exact" gives the linear layers
        inside the blocks inputs and int8 weights with free scales and zero points, requantized in integers
        (:mod:`tritag.quant.layers.asymmetric_linear`), and is exact, too. The others make a *simulated* recipe: a float
        network with fake-quantized linear layers (:mod:`tritag.quant.simulated.tagger`), which has no exact form and
        cannot be exported.
    activation_bits : int
        Width of activations between layers, 2 to 16.
    residual_bits : int
        Width of the residual stream, which feeds the norms only, 2 to 16.
    attention_bits : int
        Width of the attention's weights, 2 to 16.
    frames_net_bits : int
        **Frames.** Width of the activations of a Frames-Net, 2 to 16.
    frame_weight_bits : int
        Width of the softmax weights of its vectors, 2 to 20; four spare bits are added.
    frame_vector_bits, frame_matrix_bits : int
        Widths of the orthonormalization of one frame per jet (:class:`tritag.quant.integer.lorentz.FrameBits`), 2 to 24
        and 2 to 20; one per candidate is wider.
    range_quantile : float
        **Observers of ranges.** Share of the values in each tail that a cut's observed range leaves out.
    range_momentum : float
        Weight of the range so far when a batch is observed, in [0, 1].
    dynamic_fraction, frozen_fraction : float
        Fractions of the training: up to the first, ranges are those of the batch; from the second on they stay.
    scale_frozen_fraction : float
        Fraction of the training from which on the scales of weights stay.
    learned_cuts : bool
        **Learned widths.** Also train the width of every activation, one number per tensor.
    size_gradient : bool
        The penalty also has a gradient by the size of "learned" weights
        (:class:`tritag.quant.weights.learned_weights.LearnedWeights`).
    cut_parameter : "fraction" or "width"
        What is trained of an activation's width: its fractional bits, or the width itself, which a growing range does
        not change (:class:`tritag.quant.weights.learned_cut.LearnedWidthCut`).
    learned_attention : bool
        Also train the width of the attention's weights, one number per layer and at most ``attention_bits``.
    bit_granularity : "tensor", "channel" or "weight"
        What shares one trained number of fractional bits when weights are "learned".
    bit_penalty : float
        Added to the loss for every million effective bit operations of a jet.
    distillation : float
        **Teacher.** Share of the float tagger's probability in the labels of the quantized training (0: plain
        labels); it is what makes ternary weights work.

    Raises
    ------
    ConfigError
        A value out of its range, or two that do not go together.
    """

    weights: Literal["int8", "ternary", "binary", "float", "learned"] = "int8"
    activation_bits: int = 8
    residual_bits: int = 12
    attention_bits: int = 8
    bias_bits: int = 8
    frames_net_bits: int = 10
    frame_weight_bits: int = 12
    frame_vector_bits: int = 18
    frame_matrix_bits: int = 16
    range_quantile: float = 1e-3
    range_momentum: float = 0.99
    dynamic_fraction: float = 0.05
    frozen_fraction: float = 0.8
    scale_frozen_fraction: float = 0.3
    distillation: float = 1.0
    activations: Activations = field(default="static", metadata=ADDED)
    weight_method: Literal["ste", "parq", "incremental"] = field(default="ste", metadata=ADDED)
    low_bit_layers: tuple[str, ...] = field(default=(), metadata=ADDED)
    parq_start: float = field(default=0.45, metadata=ADDED)
    parq_end: float = field(default=0.55, metadata=ADDED)
    parq_steepness: float = field(default=100.0, metadata=ADDED)
    incremental_end: float = field(default=0.7, metadata=ADDED)
    incremental_scale: float = field(default=2.0, metadata=ADDED)
    bit_granularity: Literal["tensor", "channel", "weight"] = field(default="weight", metadata=ADDED)
    learned_cuts: bool = field(default=False, metadata=ADDED)
    bit_penalty: float = field(default=0.0, metadata=ADDED)
    learned_attention: bool = field(default=False, metadata=ADDED)
    size_gradient: bool = field(default=False, metadata=ADDED)
    cut_parameter: Literal["fraction", "width"] = field(default="fraction", metadata=ADDED)

    @property
    def exact(self) -> bool:
        """Whether the tagger has an exact integer form."""
        return self.activations in ("static", "asymmetric-exact")

    @property
    def asymmetric(self) -> bool:
        """Whether linear layers inside the blocks have free scales and zero points, with an exact form."""
        return self.activations == "asymmetric-exact"

    @property
    def tensor_bits(self) -> int:
        """Width of activations on power-of-two grids; two bits more where asymmetric ones are made of them."""
        return min(self.activation_bits + (_SPARE_BITS if self.asymmetric else 0), 16)

    def __post_init__(self) -> None:
        self._check_numbers()
        self._check_weights()
        self._check_learned_widths()

    def _check_numbers(self) -> None:
        check_range(self, ("activation_bits", "residual_bits", "attention_bits", "bias_bits", "frames_net_bits"), 2, 16)
        check_range(self, ("frame_weight_bits", "frame_matrix_bits"), 2, 20)
        check_range(self, ("frame_vector_bits",), 2, 24)
        check_range(self, ("scale_frozen_fraction", "distillation", "range_momentum"), 0, 1)
        check_range(self, ("range_quantile",), 0, 0.49)
        if not 0 <= self.parq_start < self.parq_end <= 1 or not 0 < self.parq_steepness < math.inf:
            raise ConfigError(
                "PARQ must satisfy 0 <= parq_start < parq_end <= 1 and parq_steepness > 0, got "
                f"{self.parq_start}, {self.parq_end} and {self.parq_steepness}"
            )
        if not 0 < self.incremental_end <= 1 or not 0 < self.incremental_scale < math.inf:
            raise ConfigError(
                "incremental fixing must satisfy 0 < incremental_end <= 1 and incremental_scale > 0, got "
                f"{self.incremental_end} and {self.incremental_scale}"
            )
        if not 0 <= self.dynamic_fraction <= self.frozen_fraction <= 1:
            raise ConfigError(
                "observer phases must satisfy 0 <= dynamic_fraction <= frozen_fraction <= 1, got "
                f"{self.dynamic_fraction} and {self.frozen_fraction}"
            )

    def _check_weights(self) -> None:
        if (self.weights == "float") != (self.activations == "bfloat16"):
            raise ConfigError(
                f"weights: float and activations: bfloat16 must go together, got {self.weights}, {self.activations}"
            )
        if self.asymmetric and self.weights != "int8":
            raise ConfigError(f"activations: asymmetric-exact needs int8 weights, got {self.weights}")
        if self.weight_method == "incremental" and self.weights != "ternary":
            raise ConfigError(f"weight_method: incremental needs ternary weights, got {self.weights}")
        if self.weight_method == "parq" and self.weights not in ("ternary", "binary"):
            raise ConfigError(f"weight_method: parq needs ternary or binary weights, got {self.weights}")

    def _check_learned_widths(self) -> None:
        if not 0 <= self.bit_penalty < math.inf:
            raise ConfigError(f"bit_penalty must be >= 0 and finite, got {self.bit_penalty}")
        learned = self.weights == "learned" or self.learned_cuts or self.learned_attention
        if self.bit_penalty and not learned:
            raise ConfigError(
                "bit_penalty has no effect without learned widths (weights: learned, learned_cuts: true or "
                f"learned_attention: true), got {self.bit_penalty}; leave it out"
            )
        if self.activations != "static" and (learned or self.bit_penalty):
            raise ConfigError(f"learned widths need activations: static, got {self.activations}")
