"""Gated unit: GELU of a gate times a value. Specification: docs/ops/gated_unit.md."""

from __future__ import annotations

import math

from torch import Tensor
from torch.nn import functional as F

from tritag.quant.formats.fixed import Grid
from tritag.quant.formats.tensor import FixedTensor
from tritag.quant.integer.program import Tracer
from tritag.quant.ops.op import BoundProgram, IntegerOp
from tritag.quant.weights.cut import Cut

# Bits of the largest GELU in the table, without its sign.
_GATE_BITS = 12


class GatedUnit(IntegerOp):
    """Gate (B, M, C) and value (B, M, n C), lanes (component, channel), to GELU(gate) value, cut to the observed type.

    The components of a vector share a gate.
    """

    def __init__(self, n_tokens: int, cut: Cut) -> None:
        super().__init__()
        self.n_tokens, self.cut = n_tokens, cut
        self.channels, self.lanes = 1, 1

    def bind(self, gate: Grid, value: Grid) -> BoundProgram:
        """Program: one lookup per gate, one product and one rounding per value."""
        y = self.cut.grid
        t = Tracer("gated_unit", self.n_tokens)
        gates = t.input("gate", gate.low, gate.high, lanes=self.channels)
        values = t.input("value", value.low, value.high, lanes=self.lanes)
        reach = max(gate.high, 1) * 2.0**-gate.fraction
        fraction = _GATE_BITS - math.ceil(math.log2(reach))

        def entry(index: int) -> float:
            real = (index + gate.low) * 2.0**-gate.fraction
            return 0.5 * real * (1 + math.erf(real / math.sqrt(2))) * 2.0**fraction

        table = t.table("gelu", entry, gate.high - gate.low + 1)
        opened = (gates - gate.low).lookup(table)
        if self.lanes > self.channels:
            opened = t.stack([opened.lane(lane % self.channels) for lane in range(self.lanes)])
        product = values * opened
        t.output("y", product.round_shift(value.fraction + fraction - y.fraction).clip(y.low, y.high))
        return BoundProgram(t.program, (gate.fraction, value.fraction), (y.fraction,))

    def exact(self, *inputs: FixedTensor) -> FixedTensor:
        """Run the program."""
        self.channels, self.lanes = (int(x.value.shape[-1]) for x in inputs)
        return super().exact(*inputs)

    def surrogate(self, gate: FixedTensor, value: FixedTensor) -> Tensor:  # type: ignore[override]
        """Float product, fake-quantized by the observer."""
        repeats = value.value.shape[-1] // gate.value.shape[-1]
        product = F.gelu(gate.value).repeat(1, 1, repeats) * value.value
        return self.cut(FixedTensor(product, None)).value

    def output_grid_in_training(self, *inputs: FixedTensor) -> Grid:
        """The observer's grid."""
        return self.cut.grid

    def _settings(self) -> object:
        return self.cut.grid, self.channels, self.lanes
