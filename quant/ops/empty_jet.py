"""The outputs of a tagger, with a defined answer to a jet without candidates. Specification: docs/ops/empty_jet.md."""

from __future__ import annotations

from dataclasses import dataclass

from tritag.errors import ConfigError
from tritag.models.nets.head import HeadConfig
from tritag.quant.formats.fixed import Grid
from tritag.quant.integer.tracer import Tracer
from tritag.quant.ops.op import BoundProgram, Op, TensorSpec, fractions


@dataclass(frozen=True)
class EmptyJet(Op):
    """Outputs (B, 1, n) as they are, and ``entries``, n integers on their grid, where the count (B, 1) is 0."""

    entries: tuple[int, ...]

    @classmethod
    def of(cls, head: HeadConfig, grid: Grid) -> EmptyJet:
        """The op for the outputs of a head on ``grid``: its scores of an empty jet, rounded and saturated to it."""
        lsb = 2.0**-grid.fraction
        scores = head.scores_of_empty_jet(grid.low * lsb, grid.high * lsb)
        return cls(tuple(min(max(round(score / lsb), grid.low), grid.high) for score in scores))

    def bind(self, y: TensorSpec, count: TensorSpec) -> BoundProgram:
        """Program: one choice per output.

        Raises
        ------
        ConfigError
            There is not one entry for every output.
        """
        if len(self.entries) != y.lanes:
            raise ConfigError(f"an empty jet must have a score for each of {y.lanes} outputs, got {len(self.entries)}")
        t = Tracer("empty_jet", 1)
        outputs = y.declare(t, "y", per_row=False)
        empty = count.declare(t, "count", per_row=False).equal(0)
        t.output("scores", empty.where(t.constant(self.entries), outputs))
        return BoundProgram(t.program, fractions(y, count), (y.grid.fraction,))
