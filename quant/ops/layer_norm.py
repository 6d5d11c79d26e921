"""LayerNorm without affine parameters. Specification: docs/ops/layer_norm.md."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional as F

from tritag.quant.formats.fixed import FixedType, Grid
from tritag.quant.formats.meter import Meter
from tritag.quant.formats.tensor import FixedTensor, fake_quantize
from tritag.quant.integer.blocks import rsqrt
from tritag.quant.integer.tracer import Tracer
from tritag.quant.ops.modules import TrainableOp
from tritag.quant.ops.op import BoundProgram, Op, TensorSpec, fractions

_MANTISSA_BITS = 12


@dataclass(frozen=True)
class LayerNorm(Op):
    """``(x - mean) / sqrt(variance + eps)`` over the lanes, on a fixed output type of ``bits`` bits.

    A normalised vector of C channels cannot exceed ``sqrt(C - 1)``, so the output type needs no observer.
    """

    bits: int = 8
    eps: float = 1e-5

    def output_type(self, channels: int) -> FixedType:
        """Type of the result."""
        # Integer bits: sqrt(C - 1) and the sign, but at most +-4: larger values are rare and saturate.
        integer = min(math.ceil(math.log2(math.sqrt(max(channels - 1, 1)))), 2) + 1
        return FixedType(True, self.bits, integer)

    def bind(self, x: TensorSpec) -> BoundProgram:
        """Program: exact deviations C*x - sum, their exact square sum, one rsqrt, one product per channel."""
        c, y = x.lanes, self.output_type(x.lanes)
        t = Tracer("layer_norm", x.rows)
        value = x.declare(t, "x")
        deviation = value * c - value.sum_lanes()
        squares = (deviation * deviation).sum_lanes()
        # In units of squares; it may round to 0, because rsqrt takes 0 as 1 and the deviations are 0 then.
        if eps := round(self.eps * 4.0**x.grid.fraction * c**3):
            squares = squares + eps
        inverse, shift = rsqrt(t, squares, _MANTISSA_BITS, index_bits=8)
        # y = deviation * sqrt(C) / sqrt(sum of squares); sqrt(C) is a constant factor.
        root = round(math.sqrt(c) * 2**6)
        scaled = deviation * inverse * root
        normalised = scaled.round_shift_by(shift + (_MANTISSA_BITS + 6 - y.fraction))
        t.output("y", normalised.clip(y.int_min, y.int_max))
        return BoundProgram(t.program, fractions(x), (y.fraction,))


class TrainableLayerNorm(TrainableOp):
    """The op on ``n_tokens`` vectors of ``channels`` channels, with a gradient and a meter of its bit operations."""

    def __init__(self, n_tokens: int, channels: int, bits: int = 8) -> None:
        super().__init__()
        self.n_tokens, self.channels, self.op = n_tokens, channels, LayerNorm(bits)
        self.meter = Meter()

    def frozen(self) -> LayerNorm:
        """Give the op; its settings never change."""
        return self.op

    def forward(self, *inputs: FixedTensor) -> FixedTensor:
        """Normalise x (B, N, C)."""
        self.meter.read(self, *inputs)
        return super().forward(*inputs)

    def bit_operations(self, x: FixedTensor) -> Tensor | float:
        """Bit operations of one jet, differentiable in a learned width: squares, and products with 1/deviation."""
        deviation = x.width() + (1 + math.ceil(math.log2(self.channels)))
        return self.n_tokens * self.channels * deviation * (deviation + _MANTISSA_BITS)

    def surrogate(self, x: FixedTensor) -> FixedTensor:
        """Float LayerNorm, fake-quantized to the output type."""
        grid = Grid.of(self.op.output_type(self.channels))
        return FixedTensor(fake_quantize(F.layer_norm(x.value, (self.channels,), eps=self.op.eps), grid), grid)
