"""Ops inside networks: modules that give an op its place, its name in the exported file, and its gradient.

An op (:mod:`tritag.quant.ops.op`) is a value without memory. What changes while a network trains, an observed range or
a trained factor, lives in modules; they make the op anew from it whenever exact integers are asked for. The module's
path in the network becomes the name of the op's result in the exported file.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from tritag.quant.formats.fixed import Grid
from tritag.quant.formats.tensor import FixedTensor
from tritag.quant.ops.op import Op
from tritag.quant.weights.cut import Cut


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


class TrainableExactly(TrainableOp):
    """A trainable op whose training computes with the integers of its program; its surrogate gives the gradient alone.

    For ops whose rules near degenerate inputs are not those of the float formula, or not at the same place: a training
    that sees the formula's values there learns another tagger than the exact one. Where the two disagree by more than
    a sixteenth of a row's largest value, a rule of the program has decided, and no gradient passes.
    """

    def exact(self, *inputs: Any, **named: Any) -> FixedTensor:
        """Run the integer program; a subclass of several ops runs them one after the other."""
        return self.frozen()(*inputs, **named)

    def forward(self, *inputs: FixedTensor) -> FixedTensor:
        """Run the integer program, in training with the gradient of the surrogate."""
        exact = self.exact(*(FixedTensor(x.value.detach(), x.grid) for x in inputs))
        if not self.training:
            return exact
        soft = self.surrogate(*inputs).value
        with torch.no_grad():
            distance, size = ((x.abs().amax(-1, keepdim=True)) for x in (soft - exact.value, exact.value))
            near = distance <= size / 16
        return FixedTensor(exact.value + torch.where(near, soft - soft.detach(), 0.0), exact.grid)


class TrainableOnGrid(TrainableOp):
    """An op whose result lies on the grid that its cut observes, and whose surrogate is a float layer.

    Parameters
    ----------
    cut : Cut
        Of the result.
    op : callable
        Makes the op for a grid.
    reference : module
        The float layer; it takes the same inputs.
    """

    def __init__(self, cut: Cut, op: Callable[[Grid], Op], reference: nn.Module) -> None:
        super().__init__()
        self.cut, self.op, self.reference = cut, op, reference

    def frozen(self) -> Op:
        """Make the op for the present range."""
        return self.op(self.cut.grid)

    def surrogate(self, *inputs: FixedTensor) -> FixedTensor:
        """Float layer, fake-quantized by the cut."""
        value: Tensor = self.reference(*(x.value for x in inputs))
        return self.cut(FixedTensor(value, None))
