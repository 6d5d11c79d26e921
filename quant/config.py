"""Settings of a quantization recipe."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from tritag.configs import ADDED
from tritag.errors import ConfigError

Activations = Literal["static", "asymmetric", "asymmetric-dynamic", "per-token", "bfloat16"]


@dataclass(frozen=True)
class QuantConfig:
    """Bits, observers and teacher of a quantized tagger.

    ``weights`` concerns the linear layers inside the blocks, or those of ``low_bit_layers`` (names, or patterns such as
    ``blocks.*.query``); the others are int8. ``weight_method`` is how low-bit weights are trained: the straight-through
    estimator, or piecewise-affine regularized quantization (``weights/low_bit_weights.py``) with its transition
    between the fractions ``parq_start`` and ``parq_end`` of the training, as steep as ``parq_steepness``, or fixed one
    after the other until ``incremental_end`` (:mod:`tritag.quant.weights.incremental_weights`).
    ``activations`` other than "static" are *simulated*: a float network with fake-quantized linear layers
    (:mod:`tritag.quant.simulated.tagger`), which has no exact form and cannot be exported.
    ``weights: learned`` trains the fractional bits of all linear layers' weights, one number per ``bit_granularity``;
    ``learned_cuts`` those of all activations, one number per tensor. ``bit_penalty`` is added
    to the loss for every million effective bit operations of a jet.
    ``frames_net_bits`` are the activations of a Frames-Net, ``frame_weight_bits`` the softmax weights of its vectors
    (four spare bits are added), ``frame_vector_bits`` and ``frame_matrix_bits`` the widths of the orthonormalization of
    one frame per jet (:class:`tritag.quant.integer.lorentz.FrameBits`); one per candidate is wider.
    ``residual_bits`` is the width of the residual stream, which feeds the norms only.
    ``distillation`` is the share of the float tagger's probability in the labels of the quantized training (0: plain
    labels); it is what makes ternary weights work.
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

    @property
    def exact(self) -> bool:
        """Whether the tagger has an exact integer form."""
        return self.activations == "static"

    def __post_init__(self) -> None:
        for name in ("activation_bits", "residual_bits", "attention_bits", "bias_bits"):
            if not 2 <= getattr(self, name) <= 16:
                raise ConfigError(f"{name} must lie in [2, 16], got {getattr(self, name)}")
        for name in ("scale_frozen_fraction", "distillation"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"{name} must lie in [0, 1], got {getattr(self, name)}")
        if not 0 <= self.parq_start < self.parq_end <= 1 or not self.parq_steepness > 0:
            raise ConfigError(
                "PARQ must satisfy 0 <= parq_start < parq_end <= 1 and parq_steepness > 0, got "
                f"{self.parq_start}, {self.parq_end} and {self.parq_steepness}"
            )
        if (self.weights == "float") != (self.activations == "bfloat16"):
            raise ConfigError(
                f"weights: float and activations: bfloat16 must go together, got {self.weights}, {self.activations}"
            )
        if self.weight_method == "incremental" and self.weights != "ternary":
            raise ConfigError(f"weight_method: incremental needs ternary weights, got {self.weights}")
        if not 0 < self.incremental_end <= 1 or not self.incremental_scale > 0:
            raise ConfigError(
                "incremental fixing must satisfy 0 < incremental_end <= 1 and incremental_scale > 0, got "
                f"{self.incremental_end} and {self.incremental_scale}"
            )
        if self.weight_method == "parq" and self.weights not in ("ternary", "binary"):
            raise ConfigError(f"weight_method: parq needs ternary or binary weights, got {self.weights}")
        if not self.bit_penalty >= 0:
            raise ConfigError(f"bit_penalty must be >= 0, got {self.bit_penalty}")
        if not self.exact and (self.weights == "learned" or self.learned_cuts or self.bit_penalty):
            raise ConfigError(f"learned widths need activations: static, got {self.activations}")
        if not 0 <= self.dynamic_fraction <= self.frozen_fraction <= 1:
            raise ConfigError(
                "observer phases must satisfy 0 <= dynamic_fraction <= frozen_fraction <= 1, got "
                f"{self.dynamic_fraction} and {self.frozen_fraction}"
            )
