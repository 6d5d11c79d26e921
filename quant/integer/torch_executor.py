"""Runs an integer program on PyTorch int64 tensors: the reference that every other executor must equal."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from tritag.quant.integer.emitter import Emitter, Place
from tritag.quant.integer.program import Program


def run(program: Program, inputs: Sequence[Tensor]) -> list[Tensor]:
    """Execute ``program``.

    Parameters
    ----------
    inputs
        One int64 tensor per input: ``(batch, rows, lanes)`` for a per-row input, ``(batch, 1, lanes)`` for a jet input.

    Returns
    -------
    list of Tensor
        One int64 tensor per output, same layout.
    """
    runner = Runner(program, inputs)
    last_use = _last_use(program)
    for index, value in runner.walk():
        runner.values.append(value)
        for a in program.nodes[index].args:
            if last_use[a] == index:
                runner.values[a] = None
    results = []
    for port in program.outputs:
        node = program.nodes[port.node]
        rows = max((t.shape[1] for t in inputs), default=1) if node.per_row else 1
        results.append(runner.value(port.node).expand(inputs[0].shape[0], rows, node.lanes))
    return results


class Runner(Emitter[Tensor, Tensor]):
    """Gives the value of each instruction; ``values`` are those of the instructions before it, None once freed."""

    def __init__(self, program: Program, inputs: Sequence[Tensor]) -> None:
        super().__init__(program)
        self.inputs = {port.node: tensor for port, tensor in zip(program.inputs, inputs, strict=True)}
        self.device = inputs[0].device if inputs else torch.device("cpu")
        self.tables = [self._integers(program.tables[name]) for name in program.table_names]
        self.values: list[Tensor | None] = []

    def _integers(self, values: Sequence[int] | int) -> Tensor:
        return torch.tensor(values, dtype=torch.int64, device=self.device)

    def value(self, index: int) -> Tensor:
        """Value of an instruction that has run."""
        value = self.values[index]
        assert value is not None
        return value

    def operand(self, index: int, at: Place) -> Tensor:
        """Give the operand's tensor, which broadcasts with those of the other operands."""
        return self.value(index)

    def input(self, at: Place) -> Tensor:
        return self.inputs[at.index]

    def const(self, at: Place, *values: int) -> Tensor:
        return self._integers(values).reshape(1, 1, -1)

    def row(self, at: Place, rows: int) -> Tensor:
        return torch.arange(rows, dtype=torch.int64, device=self.device).reshape(1, -1, 1)

    def add(self, at: Place, a: Tensor, b: Tensor) -> Tensor:
        return a + b

    def sub(self, at: Place, a: Tensor, b: Tensor) -> Tensor:
        return a - b

    def mul(self, at: Place, a: Tensor, b: Tensor) -> Tensor:
        return a * b

    def shl(self, at: Place, x: Tensor, bits: int) -> Tensor:
        return x << bits

    def shr(self, at: Place, x: Tensor, bits: int) -> Tensor:
        return x >> bits

    def rsh(self, at: Place, x: Tensor, bits: int) -> Tensor:
        return _round_shift(x, self._integers(bits))

    def rshv(self, at: Place, x: Tensor, bits: Tensor) -> Tensor:
        return _round_shift(x, bits)

    def shlv(self, at: Place, x: Tensor, bits: Tensor) -> Tensor:
        return x << bits

    def clip(self, at: Place, x: Tensor, low: int, high: int) -> Tensor:
        return x.clamp(low, high)

    def max(self, at: Place, a: Tensor, b: Tensor) -> Tensor:
        return torch.maximum(a, b)

    def min(self, at: Place, a: Tensor, b: Tensor) -> Tensor:
        return torch.minimum(a, b)

    def abs(self, at: Place, x: Tensor) -> Tensor:
        return x.abs()

    def lt(self, at: Place, a: Tensor, b: Tensor) -> Tensor:
        return (a < b).long()

    def eq(self, at: Place, a: Tensor, b: Tensor) -> Tensor:
        return (a == b).long()

    def select(self, at: Place, condition: Tensor, then: Tensor, otherwise: Tensor) -> Tensor:
        return torch.where(condition == 1, then, otherwise)

    def lead(self, at: Place, x: Tensor) -> Tensor:
        # frexp of a float64 may round a large integer up to the next power of two; correct that exactly.
        exponent = torch.frexp(x.double()).exponent.long() - 1
        exponent = torch.where((x >> exponent.clamp(min=0)) == 0, exponent - 1, exponent)
        return exponent.clamp(min=0)

    def norm(self, at: Place, x: Tensor, bits: int) -> Tensor:
        surplus = self.lead(at, x) - (bits - 1)
        return torch.where(surplus >= 0, x >> surplus.clamp(min=0), x << (-surplus).clamp(min=0))

    def align(self, at: Place, x: Tensor, exponent: Tensor, bits: int) -> Tensor:
        limit = torch.ones_like(exponent) << (exponent + 1)
        x = torch.maximum(torch.minimum(x, limit), -limit)
        surplus = exponent - (bits - 1)
        return _round_shift(x, surplus.clamp(min=0)) << (-surplus).clamp(min=0)

    def lookup(self, at: Place, x: Tensor, table: int) -> Tensor:
        return self.tables[table][x]

    def suml(self, at: Place, x: Tensor) -> Tensor:
        return x.sum(-1, keepdim=True)

    def maxl(self, at: Place, x: Tensor) -> Tensor:
        return x.amax(-1, keepdim=True)

    def sumr(self, at: Place, x: Tensor, rows: int) -> Tensor:
        return x.sum(1, keepdim=True)

    def maxr(self, at: Place, x: Tensor) -> Tensor:
        return x.amax(1, keepdim=True)

    def lane(self, at: Place, x: Tensor, index: int) -> Tensor:
        return x[..., index : index + 1]

    def stack(self, at: Place, *parts: Tensor) -> Tensor:
        return torch.cat(torch.broadcast_tensors(*parts), dim=-1)


def _last_use(program: Program) -> dict[int, int]:
    last = {a: i for i, node in enumerate(program.nodes) for a in node.args}
    for port in program.outputs:
        last[port.node] = len(program.nodes)
    return last


def _round_shift(x: Tensor, bits: Tensor) -> Tensor:
    quotient = x >> bits
    rest = x - (quotient << bits)
    half = torch.ones_like(bits) << (bits - 1).clamp(min=0)
    up = (rest > half) | ((rest == half) & ((quotient & 1) == 1))
    return torch.where(bits == 0, x, quotient + up.long())
