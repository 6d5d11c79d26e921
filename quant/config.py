"""Settings of a quantization recipe."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tritag.errors import ConfigError


@dataclass(frozen=True)
class QuantConfig:
    """Bits, observers and teacher of a quantized tagger.

    ``weights`` concerns the linear layers inside the blocks; input and output layers are int8 always.
    ``frames_net_bits`` are the activations of a Frames-Net, ``frame_weight_bits`` the softmax weights of its vectors
    (four spare bits are added), ``frame_vector_bits`` and ``frame_matrix_bits`` the widths of the orthonormalization of
    one frame per jet (:class:`tritag.quant.integer.lorentz.FrameBits`); one per candidate is wider.
    ``residual_bits`` is the width of the residual stream, which feeds the norms only.
    ``distillation`` is the share of the float tagger's probability in the labels of the quantized training (0: plain
    labels); it is what makes ternary weights work.
    """

    weights: Literal["int8", "ternary"] = "int8"
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

    def __post_init__(self) -> None:
        for name in ("activation_bits", "residual_bits", "attention_bits", "bias_bits"):
            if not 2 <= getattr(self, name) <= 16:
                raise ConfigError(f"{name} must lie in [2, 16], got {getattr(self, name)}")
        for name in ("scale_frozen_fraction", "distillation"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"{name} must lie in [0, 1], got {getattr(self, name)}")
        if not 0 <= self.dynamic_fraction <= self.frozen_fraction <= 1:
            raise ConfigError(
                "observer phases must satisfy 0 <= dynamic_fraction <= frozen_fraction <= 1, got "
                f"{self.dynamic_fraction} and {self.frozen_fraction}"
            )
