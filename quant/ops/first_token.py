"""The first token alone. Specification: docs/ops/first_token.md."""

from __future__ import annotations

from torch import Tensor

from tritag.quant.formats.fixed import Grid
from tritag.quant.formats.tensor import FixedTensor
from tritag.quant.integer.program import Tracer
from tritag.quant.ops.op import BoundProgram, IntegerOp


class FirstToken(IntegerOp):
    """Rows (B, M, C) to the first of them (B, 1, C)."""

    def __init__(self, n_tokens: int) -> None:
        super().__init__()
        self.n_tokens, self.channels = n_tokens, 1

    def bind(self, x: Grid) -> BoundProgram:
        """Program: a sum over the rows of which all but the first are zero."""
        t = Tracer("first_token", self.n_tokens)
        value = t.input("x", x.low, x.high, lanes=self.channels)
        first = t.row_index().equal(0).where(value, 0).sum_rows()
        t.output("y", first.clip(x.low, x.high))
        return BoundProgram(t.program, (x.fraction,), (x.fraction,))

    def exact(self, *inputs: FixedTensor) -> FixedTensor:
        """Run the program."""
        self.channels = int(inputs[0].value.shape[-1])
        return super().exact(*inputs)

    def surrogate(self, x: FixedTensor) -> Tensor:  # type: ignore[override]
        """The same."""
        return x.value[:, :1]

    def output_grid_in_training(self, x: FixedTensor) -> Grid | None:  # type: ignore[override]
        """The input's grid."""
        return x.grid

    def _settings(self) -> object:
        return self.channels
