"""Minkowski products of vectors, channel by channel. Specification: docs/ops/minkowski_product.md."""

from __future__ import annotations

from torch import Tensor

from tritag.models.layers.minkowski import MinkowskiProduct as FloatMinkowskiProduct
from tritag.quant.formats.fixed import Grid
from tritag.quant.formats.tensor import FixedTensor
from tritag.quant.integer.program import Tracer
from tritag.quant.ops.op import BoundProgram, IntegerOp
from tritag.quant.weights.cut import Cut


class MinkowskiProduct(IntegerOp):
    """Two sets of vectors (B, M, 4 V), lanes (component, channel), to products (B, M, V), cut to the observed type."""

    def __init__(self, n_tokens: int, cut: Cut) -> None:
        super().__init__()
        self.n_tokens, self.cut, self.channels = n_tokens, cut, 1
        self.reference = FloatMinkowskiProduct()

    def bind(self, a: Grid, b: Grid) -> BoundProgram:
        """Program: four products and three sums, exact, then one rounding."""
        y, v = self.cut.grid, self.channels
        t = Tracer("minkowski_product", self.n_tokens)
        first = t.input("a", a.low, a.high, lanes=4 * v)
        second = t.input("b", b.low, b.high, lanes=4 * v)
        products = first * second
        energy, *momentum = (t.stack([products.lane(i * v + c) for c in range(v)]) for i in range(4))
        total = energy - (momentum[0] + momentum[1] + momentum[2])
        t.output("y", total.round_shift(a.fraction + b.fraction - y.fraction).clip(y.low, y.high))
        return BoundProgram(t.program, (a.fraction, b.fraction), (y.fraction,))

    def exact(self, *inputs: FixedTensor) -> FixedTensor:
        """Run the program."""
        self.channels = int(inputs[0].value.shape[-1]) // 4
        return super().exact(*inputs)

    def surrogate(self, a: FixedTensor, b: FixedTensor) -> Tensor:  # type: ignore[override]
        """Float products, fake-quantized by the observer."""
        rows = (x.value.reshape(len(x), 4 * self.n_tokens, -1) for x in (a, b))
        return self.cut(FixedTensor(self.reference(*rows), None)).value

    def output_grid_in_training(self, *inputs: FixedTensor) -> Grid:
        """The observer's grid."""
        return self.cut.grid

    def _settings(self) -> object:
        return self.cut.grid, self.channels
