"""Sums and maxima over the rows of a jet: a tree over the rows of one cycle, then an accumulator over the beats."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from tritag.export.rtl.circuits.arithmetic import total
from tritag.export.rtl.circuits.multiplexers import largest
from tritag.export.rtl.design.kernel import Top
from tritag.export.rtl.design.layout import Layout
from tritag.export.rtl.design.placed import Placed
from tritag.export.rtl.text.module import Module
from tritag.export.rtl.text.signals import Hold, Signal, constant, literal
from tritag.quant.integer.passes import OVER_ROWS


class Reduction(ABC):
    """An instruction over the rows of a jet, as a tree and an accumulator."""

    @abstractmethod
    def neutral(self, low: int) -> int:
        """What stands for a row that is not there; ``low`` is the least that the result can be."""

    @abstractmethod
    def of_constants(self, values: Sequence[int], beats: int) -> int:
        """The result where every row is one of these constants, each in ``beats`` cycles."""

    @abstractmethod
    def tree(self, m: Module, rows: list[Signal]) -> Signal:
        """Reduce the rows of one cycle."""

    @abstractmethod
    def delay_ns(self, m: Module, width: int) -> float:
        """Time that the accumulator takes in a cycle."""

    @abstractmethod
    def accumulator(self, width: int, first: str, new: str, sign: str) -> list[str]:
        """Lines that update the register ``sum`` by ``new``; the wire ``first`` tells that a jet begins."""


class _Sum(Reduction):
    def neutral(self, low: int) -> int:
        return 0

    def of_constants(self, values: Sequence[int], beats: int) -> int:
        return sum(values) * beats

    def tree(self, m: Module, rows: list[Signal]) -> Signal:
        return total(m, [(r, 0, False) for r in rows])

    def delay_ns(self, m: Module, width: int) -> float:
        return m.timing.delays.adder(width)

    def accumulator(self, width: int, first: str, new: str, sign: str) -> list[str]:
        return [f"always @(posedge clk) if (ce) sum <= ({first} ? {width}'d0 : sum) + {new};"]


class _Largest(Reduction):
    def neutral(self, low: int) -> int:
        return low

    def of_constants(self, values: Sequence[int], beats: int) -> int:
        return max(values)

    def tree(self, m: Module, rows: list[Signal]) -> Signal:
        return largest(m, rows)

    def delay_ns(self, m: Module, width: int) -> float:
        return m.timing.delays.adder(width) + m.timing.delays.lut_ns

    def accumulator(self, width: int, first: str, new: str, sign: str) -> list[str]:
        return [
            f"wire [{width - 1}:0] next = {new};",
            f"always @(posedge clk) if (ce) if ({first} | ({sign}(next) > {sign}(sum))) sum <= next;",
        ]


REDUCTIONS: dict[str, Reduction] = {"sumr": _Sum(), "maxr": _Largest()}
if missing := set(OVER_ROWS) - set(REDUCTIONS):
    raise TypeError(f"REDUCTIONS must have every instruction over the rows, but lacks {', '.join(sorted(missing))}")


def reduced(
    top: Top, name: str, layer: str, op: str, layout: Layout, sub: int, x: Sequence[Signal], low: int, high: int
) -> Signal:
    """Result of the instruction ``op`` over all rows, known to lie in ``[low, high]``; ``x``: one per instance."""
    reduction = REDUCTIONS[op]
    if all(s.const is not None for s in x):
        values = [s.const or 0 for s in x]
        return constant(reduction.of_constants(values, layout.beats))
    m = Module(name, top.timing, jet=False, beats=layout.beats)
    stage = max(s.stage for s in x if s.const is None)
    offset = max(s.offset for s in x if s.const is None and s.stage == stage)
    rows: list[Signal] = []
    wires: dict[str, str] = {}
    for i, signal in enumerate(x):
        present = [r is not None for r in layout.in_slot(i // sub)]
        neutral = reduction.neutral(low)
        bounds = (signal.low, signal.high) if all(present) else (min(signal.low, neutral), max(signal.high, neutral))
        row = m.import_row(f"x{i}", *bounds, stage, offset)
        text = top.module.operand(signal, stage, row.width)
        if not all(present):
            text = f"{top.by_beat([int(p) for p in present], 1, stage)} ? {text} : {literal(neutral, row.width)}"
        wires[f"x{i}"] = text
        rows.append(row)
    value = reduction.tree(m, rows)
    result = Signal(f"{name}_y", low, high, value.stage, value.offset, jet=True)
    width = result.width
    if layout.beats == 1:
        result.holds = [Hold(result.name, value.stage, value.stage)]
        m.outputs["y"] = width
        m.lines.append(f"assign y = {m.operand(value, value.stage, width)};")
    else:
        stage, _ = m.place([value], reduction.delay_ns(m, width))
        new = m.operand(value, stage, width)
        first = m.go(stage)
        m.lines.append(f"reg [{width - 1}:0] sum;")
        m.lines += reduction.accumulator(width, first, new, "$signed" if result.signed else "$unsigned")
        m.outputs["y"] = width
        m.lines.append("assign y = sum;")
        result.stage, result.offset = stage + layout.beats, 0.0
        # The accumulator goes on with whatever passes between two jets: it is right for one cycle.
        result.holds = [Hold(result.name, result.stage, result.stage)]
        m.last_stage = result.stage
    t = top.module
    t.lines.append(f"wire [{width - 1}:0] {result.name};")
    wires |= {"clk": "clk", "ce": "ce", "y": result.name} | {f"go_{s}": t.go(s) for s in m.go_stages}
    t.lines.append(f"{name} {name}_i ({', '.join(f'.{p}({w})' for p, w in wires.items())});")
    top.placed.append(Placed(name, layer, 1, m.text(), m.files, stage, m.last_stage))
    return result


def first_of_rows(top: Top, name: str, layout: Layout, sub: int, x: Sequence[Signal], low: int, high: int) -> Signal:
    """The first row as a value of the jet: a wire to where it passes; ``x``: one signal per instance."""
    beat, slot = layout.places[0]
    row = x[slot * sub]
    if row.const is not None:
        return constant(row.const)
    result = Signal(f"{name}_y", max(low, row.low), min(high, row.high), row.stage + beat, row.offset, jet=True)
    result.holds = [Hold(result.name, result.stage, result.stage)]
    t = top.module
    t.lines.append(f"wire [{result.width - 1}:0] {result.name} = {t.operand(row, row.stage, result.width)};")
    return result
