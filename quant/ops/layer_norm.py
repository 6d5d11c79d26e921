"""LayerNorm without affine parameters. Specification: docs/ops/layer_norm.md."""

from __future__ import annotations

import math

from torch import Tensor
from torch.nn import functional as F

from tritag.quant.formats.fixed import FixedType, Grid
from tritag.quant.formats.meter import Meter
from tritag.quant.formats.tensor import FixedTensor, fake_quantize
from tritag.quant.integer.blocks import rsqrt
from tritag.quant.integer.program import Tracer
from tritag.quant.ops.op import BoundProgram, IntegerOp

_MANTISSA_BITS = 12


class LayerNorm(IntegerOp):
    """``(x - mean) / sqrt(variance + eps)`` over the lanes, on a fixed output type.

    A normalised vector of C channels cannot exceed ``sqrt(C - 1)``, so the output type needs no observer.
    """

    def __init__(self, n_tokens: int, channels: int, bits: int = 8, eps: float = 1e-5) -> None:
        super().__init__()
        self.n_tokens, self.channels, self.eps = n_tokens, channels, eps
        # Integer bits: sqrt(C - 1) and the sign, but at most +-4: larger values are rare and saturate.
        integer = min(math.ceil(math.log2(math.sqrt(max(channels - 1, 1)))), 2) + 1
        self.output = FixedType(True, bits, integer)
        self.meter = Meter()

    def forward(self, *inputs: FixedTensor) -> FixedTensor:
        """Run the op."""
        self.meter.read(self, *inputs)
        return super().forward(*inputs)

    def bit_operations(self, x: FixedTensor) -> Tensor | float:
        """Bit operations of one jet, differentiable in a learned width: squares, and products with 1/deviation."""
        deviation = x.width() + (1 + math.ceil(math.log2(self.channels)))
        return self.n_tokens * self.channels * deviation * (deviation + _MANTISSA_BITS)

    def bind(self, x: Grid) -> BoundProgram:
        """Program: exact deviations C*x - sum, their exact square sum, one rsqrt, one product per channel."""
        c, fraction = self.channels, self.output.fraction
        t = Tracer("layer_norm", self.n_tokens)
        value = t.input("x", x.low, x.high, lanes=c)
        deviation = value * c - value.sum_lanes()
        squares = (deviation * deviation).sum_lanes()
        # In units of squares; it may round to 0, because rsqrt takes 0 as 1 and the deviations are 0 then.
        if eps := round(self.eps * 4.0**x.fraction * c**3):
            squares = squares + eps
        inverse, shift = rsqrt(t, squares, _MANTISSA_BITS, index_bits=8)
        # y = deviation * sqrt(C) / sqrt(sum of squares); sqrt(C) is a constant factor.
        root = round(math.sqrt(c) * 2**6)
        scaled = deviation * inverse * root
        y = scaled.round_shift_by(shift + (_MANTISSA_BITS + 6 - fraction))
        t.output("y", y.clip(self.output.int_min, self.output.int_max))
        return BoundProgram(t.program, (x.fraction,), (fraction,))

    def surrogate(self, x: FixedTensor) -> Tensor:  # type: ignore[override]
        """Float LayerNorm, fake-quantized to the output type."""
        return fake_quantize(F.layer_norm(x.value, (self.channels,), eps=self.eps), Grid.of(self.output))

    def output_grid_in_training(self, *inputs: FixedTensor) -> Grid:
        """The output type's grid."""
        return Grid.of(self.output)
