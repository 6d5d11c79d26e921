"""Minkowski products of vectors, channel by channel. Specification: docs/ops/minkowski_product.md."""

from __future__ import annotations

from dataclasses import dataclass

from tritag.models.layers.minkowski import MinkowskiProduct as FloatMinkowskiProduct
from tritag.quant.formats.fixed import Grid
from tritag.quant.formats.tensor import FixedTensor
from tritag.quant.integer.tracer import Tracer
from tritag.quant.ops.modules import TrainableOp
from tritag.quant.ops.op import BoundProgram, Op, TensorSpec, fractions
from tritag.quant.weights.cut import Cut


@dataclass(frozen=True)
class MinkowskiProduct(Op):
    """Two sets of vectors (B, M, 4 V), lanes (component, channel), to products (B, M, V), cut to the grid ``y``."""

    y: Grid

    def bind(self, a: TensorSpec, b: TensorSpec) -> BoundProgram:
        """Program: four products and three sums, exact, then one rounding."""
        y, v = self.y, a.lanes // 4
        t = Tracer("minkowski_product", a.rows)
        products = a.declare(t, "a") * b.declare(t, "b")
        energy, *momentum = (t.stack([products.lane(i * v + c) for c in range(v)]) for i in range(4))
        total = energy - (momentum[0] + momentum[1] + momentum[2])
        t.output("y", total.round_shift(a.grid.fraction + b.grid.fraction - y.fraction).clip(y.low, y.high))
        return BoundProgram(t.program, fractions(a, b), (y.fraction,))


class TrainableMinkowskiProduct(TrainableOp):
    """The op on vectors of ``n_tokens`` rows, on the grid that its cut observes."""

    def __init__(self, n_tokens: int, cut: Cut) -> None:
        super().__init__()
        self.n_tokens, self.cut = n_tokens, cut
        self.reference = FloatMinkowskiProduct()

    def frozen(self) -> MinkowskiProduct:
        """Make the op for the present range."""
        return MinkowskiProduct(self.cut.grid)

    def surrogate(self, a: FixedTensor, b: FixedTensor) -> FixedTensor:
        """Float products, fake-quantized by the cut."""
        rows = (x.value.reshape(len(x), 4 * self.n_tokens, -1) for x in (a, b))
        return self.cut(FixedTensor(self.reference(*rows), None))
