"""Runs an integer program on float64 where that is exact: the values of torch_executor.py in less time.

A training computes frames with the integers of the exact tagger in every step. Integers of up to 53 bits are exact in
float64, and so is their product with a power of two; a processor multiplies, shifts, rounds and compares them faster
than int64. Which values are float64 is decided once for a program, by their proven intervals; wider ones stay int64.
The sum of products of two values, lane by lane, is one product of matrices, exact in whatever order, because its
interval bounds its parts, too.

A plan is a list of functions, one for each instruction, which read the values of earlier ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from tritag.quant.integer.plan_values import Values
from tritag.quant.integer.planner import Planner, Step
from tritag.quant.integer.program import Program


@dataclass(frozen=True)
class Plan:
    """A program made ready for tensors on one device.

    Attributes
    ----------
    program : Program
        What is computed.
    steps : list
        A function for each instruction; None where nothing reads it.
    freed : list
        The values that end with each instruction.
    """

    program: Program
    steps: list[Step | None]
    freed: list[list[int]]

    @classmethod
    def of(cls, program: Program, device: torch.device) -> Plan:
        """Make ``program`` ready."""
        planner = Planner(program, device)
        steps = [step for _, step in planner.walk()]
        return cls(program, *_needed(program, steps, planner.reads))

    def run(self, inputs: Sequence[Tensor]) -> list[Tensor]:
        """Execute the program.

        Parameters
        ----------
        inputs
            Integers as float64 or int64, one tensor per input: ``(batch, rows, lanes)`` for a per-row input,
            ``(batch, 1, lanes)`` for a jet input.

        Returns
        -------
        list of Tensor
            One tensor per output, same layout, float64 or, where that does not hold every integer, int64.
        """
        rows = max((int(t.shape[1]) for t in inputs), default=1)
        values = Values(len(self.steps), inputs, rows)
        for index, step in enumerate(self.steps):
            if step is not None:
                values.at[index] = step(values)
                values.free(self.freed[index])
        results = []
        for port in self.program.outputs:
            node = self.program.nodes[port.node]
            # Without the sign of a zero.
            result = values.get(port.node) + 0
            results.append(result.expand(inputs[0].shape[0], rows if node.per_row else 1, node.lanes))
        return results


def _needed(
    program: Program, steps: list[Step], reads: list[tuple[int, ...]]
) -> tuple[list[Step | None], list[list[int]]]:
    """The steps that an output follows from, and what ends with each."""
    last = {port.node: len(steps) for port in program.outputs}
    for index in range(len(steps) - 1, -1, -1):
        if index in last:
            for a in reads[index]:
                last.setdefault(a, index)
    freed: list[list[int]] = [[] for _ in steps]
    for value, index in last.items():
        if index < len(steps):
            freed[index].append(value)
    return [step if index in last else None for index, step in enumerate(steps)], freed
