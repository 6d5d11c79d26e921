"""Ops inside networks: modules that give an op its place, its name in the exported file, and its gradient.

An op (:mod:`tritag.quant.ops.op`) is a value without memory. What changes while a network trains, an observed range or
a trained factor, lives in modules; they make the op anew from it whenever exact integers are asked for. The module's
path in the network becomes the name of the op's result in the exported file.
"""

from __future__ import annotations

from typing import Any

from torch import nn

from tritag.quant.formats.tensor import FixedTensor
from tritag.quant.ops.op import Op


class FixedOp(nn.Module):
    """An op whose settings never change; it runs exact in training, too, and passes no gradient on."""

    def __init__(self, op: Op) -> None:
        super().__init__()
        self.op = op

    def forward(self, *inputs: FixedTensor) -> FixedTensor:
        """Run the integer program on tensors (batch, rows, lanes)."""
        return self.op(*inputs)


class NamedOp(nn.Module):
    """A place in the network for an op that the caller makes: of trained numbers, or of the grid of another tensor."""

    def forward(self, op: Op, *inputs: FixedTensor) -> FixedTensor:
        """Run the integer program of ``op`` on tensors (batch, rows, lanes)."""
        return op(*inputs)


class TrainableOp(nn.Module):
    """An op that has a differentiable float version, its surrogate, which runs in training in its place."""

    def frozen(self) -> Op:
        """Make the op from the module's settings and what it has observed so far."""
        raise NotImplementedError

    def surrogate(self, *inputs: Any, **named: Any) -> FixedTensor:
        """Compute the differentiable float version; a subclass names its inputs, a ``FixedTensor`` each."""
        raise NotImplementedError

    def forward(self, *inputs: FixedTensor) -> FixedTensor:
        """Run the surrogate in training mode, the integer program otherwise."""
        return self.surrogate(*inputs) if self.training else self.frozen()(*inputs)
