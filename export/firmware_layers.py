"""The kinds of layers that firmware is made of, and the graph that holds them in order of execution.

The set is closed: every back end (C++, Verilog, cost) handles these kinds, and nothing else reaches one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tritag.data.jets.candidate_grid import PLAIN, CandidateInputs
from tritag.quant.formats.fixed import FixedType, Grid
from tritag.quant.ops.op import BoundProgram


@dataclass(frozen=True)
class Layer:
    """A layer; ``name`` is also the name of its output tensor, ``sources`` are the tensors it reads."""

    name: str
    sources: tuple[str, ...]


@dataclass(frozen=True)
class Linear(Layer):
    """Integer weights (n_in, n_out) and bias (n_out,), int64, with their fractional bits; exact accumulator."""

    weight: np.ndarray
    weight_fraction: int
    bias: np.ndarray
    bias_fraction: int


@dataclass(frozen=True)
class CutTo(Layer):
    """Rounding (half to even) and saturation to a type."""

    type: FixedType


@dataclass(frozen=True)
class Sum(Layer):
    """Exact sum of two tensors of equal shape."""


@dataclass(frozen=True)
class Product(Layer):
    """Exact einsum of two activations; the equation names no batch axis."""

    equation: str
    terms: int


@dataclass(frozen=True)
class Op(Layer):
    """An integer program with its tables."""

    bound: BoundProgram


@dataclass(frozen=True)
class Reshape(Layer):
    """Same values in another shape."""


@dataclass(frozen=True)
class Transpose(Layer):
    """Rows become lanes and lanes become rows: (N, C) to (C, N)."""


@dataclass(frozen=True)
class Concat(Layer):
    """The rows of the first tensor before those of the second."""


@dataclass
class FirmwareGraph:
    """Layers in order of execution; shapes without the batch axis.

    ``output_names`` says what each number of the output tensor stands for: ``logit``, a class, ``pt`` or ``mass``;
    ``output_scale`` is what their grid is multiplied by where an imported network ends in a free scale. ``candidates``
    says which fields the lanes of ``codes`` are, and where they lie in a candidate's word.
    """

    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    layers: list[Layer] = field(default_factory=list)
    grids: dict[str, Grid] = field(default_factory=dict)
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    output_names: tuple[str, ...] = ("logit",)
    output_scale: float = 1.0
    candidates: CandidateInputs = PLAIN

    @property
    def output_lsb(self) -> float:
        """What one unit of the outputs stands for."""
        return float(self.grids[self.outputs[0]].type.lsb) * self.output_scale

    @property
    def n_outputs(self) -> int:
        """Numbers in the output tensor."""
        return int(np.prod(self.shapes[self.outputs[0]]))

    def rows(self, layer: Op) -> int:
        """Rows that an op's program runs over; 1 when all its inputs are values of the whole jet."""
        program = layer.bound.program
        for source, port in zip(layer.sources, program.inputs, strict=True):
            if program.nodes[port.node].per_row:
                return self.shapes[source][0]
        return 1

    def summary(self) -> dict[str, Any]:
        """JSON description: one entry per layer with kind, sources, shape, grid and type."""
        entries = []
        for layer in self.layers:
            grid = self.grids[layer.name]
            entry: dict[str, Any] = {
                "name": layer.name,
                "kind": type(layer).__name__,
                "sources": list(layer.sources),
                "shape": list(self.shapes[layer.name]),
                "integers": [grid.low, grid.high],
                "type": str(grid.type),
            }
            if isinstance(layer, Op):
                entry["op"] = layer.bound.program.name
            entries.append(entry)
        ports = {
            name: {"shape": list(self.shapes[name]), "type": str(self.grids[name].type)}
            for name in (*self.inputs, *self.outputs)
        }
        return {
            "inputs": self.inputs,
            "outputs": self.outputs,
            "output_names": list(self.output_names),
            "ports": ports,
            "layers": entries,
        }
