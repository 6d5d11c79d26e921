"""Chooses, for each instruction of a program, the function on float64 or int64 that a plan (plan.py) runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from tritag.quant.integer.emitter import Emitter, Place
from tritag.quant.integer.float64 import EXACT_BITS, lead, normalized
from tritag.quant.integer.int64 import aligned_wide, lead_wide, round_shift, round_shift_by
from tritag.quant.integer.plan_values import Values
from tritag.quant.integer.program import Node, Program

Step = Callable[[Values], Tensor]


def is_real(*ends: int) -> bool:
    """Whether float64 holds all of the integers between these ends."""
    return all(abs(end) <= 1 << EXACT_BITS for end in ends)


class Planner(Emitter[int, Step]):
    """Chooses the function of each instruction; ``reads`` are the values that it takes."""

    def __init__(self, program: Program, device: torch.device) -> None:
        super().__init__(program)
        self.device = device
        self.ports = {port.node: place for place, port in enumerate(program.inputs)}
        self.reads: list[tuple[int, ...]] = [node.args for node in program.nodes]
        self.readers: list[list[Node]] = [[] for _ in program.nodes]
        for node in program.nodes:
            for a in set(node.args):
                self.readers[a].append(node)
        self.outputs = {port.node for port in program.outputs}

    def operand(self, index: int, at: Place) -> int:
        return index

    def _tensor(self, values: Sequence[int], real: bool) -> Tensor:
        return torch.tensor(values, dtype=torch.float64 if real else torch.int64, device=self.device)

    def _is_real(self, index: int) -> bool:
        node = self.program.nodes[index]
        return is_real(node.low, node.high)

    def _choose(self, at: Place, real: Callable[..., Tensor], wide: Callable[..., Tensor]) -> Step:
        """``real`` on float64 where operands and result fit, else ``wide`` on int64."""
        args, result_is_real = at.node.args, is_real(at.node.low, at.node.high)
        if result_is_real and all(self._is_real(a) for a in args):
            return _call(real, args)
        if result_is_real:
            return lambda v: wide(*(v.wide(a) for a in args)).double()
        return lambda v: wide(*(v.wide(a) for a in args))

    def _same(self, at: Place, function: Callable[..., Tensor]) -> Step:
        return self._choose(at, function, function)

    def input(self, at: Place) -> Step:
        place, dtype = self.ports[at.index], torch.float64 if self._is_real(at.index) else torch.int64
        return lambda v: v.inputs[place].to(dtype)

    def const(self, at: Place, *values: int) -> Step:
        constant = self._tensor(values, self._is_real(at.index)).reshape(1, 1, -1)
        return lambda v: constant

    def row(self, at: Place, rows: int) -> Step:
        index = torch.arange(rows, dtype=torch.float64, device=self.device).reshape(1, -1, 1)
        return lambda v: index

    def add(self, at: Place, a: int, b: int) -> Step:
        return self._same(at, torch.add)

    def sub(self, at: Place, a: int, b: int) -> Step:
        return self._same(at, torch.sub)

    def mul(self, at: Place, a: int, b: int) -> Step:
        return self._same(at, torch.mul)

    def shl(self, at: Place, x: int, bits: int) -> Step:
        return self._choose(at, lambda x: x * 2.0**bits, lambda x: x << bits)

    def shr(self, at: Place, x: int, bits: int) -> Step:
        return self._choose(at, lambda x: (x * 2.0**-bits).floor_(), lambda x: x >> bits)

    def rsh(self, at: Place, x: int, bits: int) -> Step:
        return self._choose(at, lambda x: (x * 2.0**-bits).round_(), lambda x: round_shift(x, bits))

    def rshv(self, at: Place, x: int, bits: int) -> Step:
        if self._is_real(x):
            return lambda v: (v.get(x) * v.power(bits, -1, 0)).round_()
        return self._choose(at, torch.add, round_shift_by)

    def shlv(self, at: Place, x: int, bits: int) -> Step:
        if self._is_real(at.index) and self._is_real(x):
            return lambda v: v.get(x) * v.power(bits, 1, 0)
        return self._choose(at, torch.add, torch.bitwise_left_shift)

    def clip(self, at: Place, x: int, low: int, high: int) -> Step:
        # Bounds beyond the argument's interval do nothing, and may be too wide for a float64.
        low, high = max(low, at.node.low), min(high, at.node.high)
        return self._same(at, lambda x: x.clamp(low, high))

    def max(self, at: Place, a: int, b: int) -> Step:
        return self._same(at, torch.maximum)

    def min(self, at: Place, a: int, b: int) -> Step:
        return self._same(at, torch.minimum)

    def abs(self, at: Place, x: int) -> Step:
        return self._same(at, torch.abs)

    def lt(self, at: Place, a: int, b: int) -> Step:
        return self._choose(at, lambda a, b: (a < b).double(), torch.lt)

    def eq(self, at: Place, a: int, b: int) -> Step:
        return self._choose(at, lambda a, b: (a == b).double(), torch.eq)

    def select(self, at: Place, condition: int, then: int, otherwise: int) -> Step:
        a, b = at.args[1:]
        if not is_real(a.high - b.low, a.low - b.high, a.low, a.high, b.low, b.high):
            return self._choose(at, torch.where, lambda c, a, b: torch.where(c == 1, a, b))
        if (b.low, b.high) == (0, 0):
            return lambda v: v.get(condition) * v.get(then)
        # A product and a sum are several times faster than torch.where.
        return lambda v: torch.addcmul(v.get(otherwise), v.get(condition), v.get(then) - v.get(otherwise))

    def lead(self, at: Place, x: int) -> Step:
        return self._choose(at, lead, lead_wide)

    def norm(self, at: Place, x: int, bits: int) -> Step:
        def wide(x: Tensor) -> Tensor:
            surplus = lead_wide(x) - (bits - 1)
            return torch.where(surplus >= 0, x >> surplus.clamp(min=0), x << (-surplus).clamp_(min=0))

        return self._choose(at, lambda x: normalized(x, bits), wide)

    def align(self, at: Place, x: int, exponent: int, bits: int) -> Step:
        if self._is_real(x) and is_real(1 << bits):
            end = 1 << bits
            return lambda v: (v.get(x) * v.power(exponent, -1, bits - 1)).round_().clamp_(-end, end)
        return self._choose(at, torch.add, lambda x, exponent: aligned_wide(x, exponent, bits))

    def lookup(self, at: Place, x: int, table: int) -> Step:
        values = self.program.tables[self.program.table_names[table]]
        # Entries outside of the argument's interval are never read.
        entries = self._tensor([min(max(e, at.node.low), at.node.high) for e in values], self._is_real(at.index))
        return lambda v: _entries(entries, v.get(x))

    def suml(self, at: Place, x: int) -> Step:
        node = self.program.nodes[x]
        if node.op == "mul" and self._is_real(at.index) and self.readers[x] == [at.node] and x not in self.outputs:
            row, jet = sorted(node.args, key=lambda a: not self.program.nodes[a].per_row)
            shapes = [self.program.nodes[a] for a in (row, jet)]
            reals = self._is_real(row) and self._is_real(jet)
            if reals and shapes[0].per_row and not shapes[1].per_row and shapes[0].lanes == shapes[1].lanes > 1:
                self.reads[at.index] = (row, jet)
                return lambda v: v.get(row) @ v.once(jet, "column", 0, lambda: _column(v.get(jet)))
        return self._same(at, lambda x: x.sum(-1, keepdim=True))

    def maxl(self, at: Place, x: int) -> Step:
        return self._same(at, lambda x: x.amax(-1, keepdim=True))

    def sumr(self, at: Place, x: int, rows: int) -> Step:
        return self._same(at, lambda x: x.sum(1, keepdim=True))

    def maxr(self, at: Place, x: int) -> Step:
        return self._same(at, lambda x: x.amax(1, keepdim=True))

    def lane(self, at: Place, x: int, index: int) -> Step:
        return self._same(at, lambda x: x[..., index : index + 1])

    def stack(self, at: Place, *parts: int) -> Step:
        if (lanes := self._evenly_spaced(at, parts)) is not None:
            source, chosen = lanes
            self.reads[at.index] = (source,)
            return lambda v: v.get(source)[..., chosen]
        return self._same(at, lambda *parts: torch.cat(torch.broadcast_tensors(*parts), dim=-1))

    def _evenly_spaced(self, at: Place, parts: Sequence[int]) -> tuple[int, slice] | None:
        """The one value whose lanes are stacked, and which of them, where that is a view of it."""
        nodes = [self.program.nodes[part] for part in parts]
        sources = {node.args[0] if node.op == "lane" else -1 for node in nodes}
        if len(parts) < 2 or len(sources) > 1 or -1 in sources:
            return None
        source, places = sources.pop(), [node.params[0] for node in nodes]
        step = places[1] - places[0]
        if (
            step < 1
            or places != list(range(places[0], places[-1] + 1, step))
            or self._is_real(source) != is_real(at.node.low, at.node.high)
        ):
            return None
        return source, slice(places[0], places[-1] + 1, step)


def _call(function: Callable[..., Tensor], args: tuple[int, ...]) -> Step:
    """``function`` of the values."""
    if len(args) == 1:
        (a,) = args
        return lambda v: function(v.get(a))
    if len(args) == 2:
        a, b = args
        return lambda v: function(v.get(a), v.get(b))
    return lambda v: function(*(v.get(a) for a in args))


def _column(jet: Tensor) -> Tensor:
    """Lanes (B, 1, N) as rows (B, N, 1), side by side in memory."""
    return jet.contiguous().transpose(-1, -2)


def _entries(table: Tensor, index: Tensor) -> Tensor:
    """Entries of a table, which has less than 2**31."""
    return table.index_select(0, index.int().flatten()).view(index.shape)
