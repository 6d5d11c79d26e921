"""Gated unit: GELU of a gate times a value. Specification: docs/ops/gated_unit.md."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch.nn import functional as F

from tritag.quant.formats.fixed import Grid
from tritag.quant.formats.tensor import FixedTensor
from tritag.quant.integer.tracer import Tracer
from tritag.quant.ops.modules import TrainableOp
from tritag.quant.ops.op import BoundProgram, Op, TensorSpec, fractions
from tritag.quant.weights.cut import Cut

# Bits of the largest GELU in the table, without its sign.
_GATE_BITS = 12


@dataclass(frozen=True)
class GatedUnit(Op):
    """Gate (B, M, C) and value (B, M, n C), lanes (component, channel), to GELU(gate) value, cut to the grid ``y``.

    The components of a vector share a gate.
    """

    y: Grid

    def bind(self, gate: TensorSpec, value: TensorSpec) -> BoundProgram:
        """Program: one lookup per gate, one product and one rounding per value."""
        y, given = self.y, gate.grid
        t = Tracer("gated_unit", gate.rows)
        gates, values = gate.declare(t, "gate"), value.declare(t, "value")
        reach = max(given.high, 1) * 2.0**-given.fraction
        fraction = _GATE_BITS - math.ceil(math.log2(reach))

        def entry(index: int) -> float:
            real = (index + given.low) * 2.0**-given.fraction
            return 0.5 * real * (1 + math.erf(real / math.sqrt(2))) * 2.0**fraction

        table = t.table("gelu", entry, given.high - given.low + 1)
        opened = (gates - given.low).lookup(table)
        if value.lanes > gate.lanes:
            opened = t.stack([opened.lane(lane % gate.lanes) for lane in range(value.lanes)])
        product = values * opened
        t.output("y", product.round_shift(value.grid.fraction + fraction - y.fraction).clip(y.low, y.high))
        return BoundProgram(t.program, fractions(gate, value), (y.fraction,))


class TrainableGatedUnit(TrainableOp):
    """The op on the grid that its cut observes."""

    def __init__(self, cut: Cut) -> None:
        super().__init__()
        self.cut = cut

    def frozen(self) -> GatedUnit:
        """Make the op for the present range."""
        return GatedUnit(self.cut.grid)

    def surrogate(self, gate: FixedTensor, value: FixedTensor) -> FixedTensor:
        """Float product, fake-quantized by the cut."""
        repeats = value.value.shape[-1] // gate.value.shape[-1]
        return self.cut(FixedTensor(F.gelu(gate.value).repeat(1, 1, repeats) * value.value, None))
