"""The smallest tagger that goes from training to Verilog: a few bits of each momentum, one layer, the first candidate.

``python -m benchmarks.kills`` trains, compiles and simulates it hundreds of times.
"""

from dataclasses import dataclass

import torch
from torch import nn

from tritag.models.layers.linear import Linear
from tritag.models.layers.minkowski import FirstToken
from tritag.models.layers.tagger import Tagger
from tritag.quant.integer.tracer import Tracer
from tritag.quant.layers.factory import quantizes
from tritag.quant.ops.modules import FixedOp
from tritag.quant.ops.op import BoundProgram, Op, TensorSpec, fractions

_SHIFT = 4


class Momenta(nn.Module):
    """The trigger's codes (batch, K, 3) over 2**4; zeros where there is no candidate."""

    def __init__(self, n_constituents: int) -> None:
        super().__init__()
        self.n_constituents = n_constituents

    def forward(self, codes, count):
        """Codes (batch, K, 3) and count (batch, 1) to (batch, K, 3)."""
        return (codes * (torch.arange(self.n_constituents) < count)[..., None]).float() / 2**_SHIFT


@dataclass(frozen=True)
class MomentaOp(Op):
    """What :class:`Momenta` gives, clipped to eight bits."""

    def bind(self, codes: TensorSpec, count: TensorSpec) -> BoundProgram:
        """Program: a comparison, a shift, a clip."""
        t = Tracer("momenta", codes.rows)
        code, number = codes.declare(t, "codes"), count.declare(t, "count", per_row=False)
        t.output("y", t.row_index().less(number).where(code, 0).round_shift(_SHIFT).clip(-128, 127))
        return BoundProgram(t.program, fractions(codes, count), (0,))


@quantizes(Momenta)
def quantized_momenta(layers, n_constituents: int) -> nn.Module:
    """The op, exact in training, too."""
    return FixedOp(MomentaOp())


class Smallest(Tagger):
    """One linear layer on the first candidate."""

    def __init__(self, layers, n_constituents: int) -> None:
        super().__init__()
        self.momenta, self.first = layers(Momenta, n_constituents), layers(FirstToken)
        self.head = layers(Linear, 3, layers.n_outputs, role="output")

    def inputs(self, codes, count):
        return self.momenta(codes, count)

    def score(self, inputs, count):
        return self.first(self.head(inputs))
