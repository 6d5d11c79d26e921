"""What all ops share: writing the program for the inputs at hand, running it, and leaving a node in the graph.

An :class:`Op` is a value: a frozen dataclass that holds every setting its program depends on. ``bind`` writes the
integer program for given inputs; the program is the definition of the op. Calling the op runs the program on PyTorch
tensors, and leaves one node ``tritag.ops::<name>`` while a network is exported to ONNX. Nothing is learned while an op
runs: equal ops on equal inputs are one and the same program. How a network trains through an op is in
:mod:`tritag.quant.ops.modules`.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, cast

import torch
from torch import Tensor

from tritag.quant.formats.fixed import Grid
from tritag.quant.formats.tensor import FixedTensor, check_float32
from tritag.quant.integer.plan import Plan
from tritag.quant.integer.program import Program
from tritag.quant.integer.tracer import Int, Tracer

ONNX_DOMAIN = "tritag.ops"
# Programs kept in memory. The deepest tagger has fewer ops; while ranges are observed, each evaluation brings new ones.
_PROGRAMS_KEPT = 512


@dataclass(frozen=True)
class TensorSpec:
    """What an op may know of an input while its program is written.

    Attributes
    ----------
    grid : Grid
        Smallest and largest integer, and fractional bits.
    rows, lanes : int
        Axes 1 and 2 of the tensor (batch, rows, lanes); a value of the whole jet has one row.
    """

    grid: Grid
    rows: int
    lanes: int

    @classmethod
    def of(cls, x: FixedTensor) -> TensorSpec:
        """Describe a tensor (batch, rows, lanes), or a count (batch, 1), which is one row of one lane.

        Raises
        ------
        ExportError
            The tensor comes out of a network in training mode and has no grid.
        """
        rows, lanes = (int(n) for n in x.value.shape[1:]) if x.value.ndim == 3 else (1, 1)
        return cls(x.known_grid(), rows, lanes)

    def declare(self, t: Tracer, name: str, per_row: bool = True) -> Int:
        """Declare it as an input of the program that ``t`` writes; not ``per_row``: a value of the whole jet."""
        return t.input(name, self.grid.low, self.grid.high, lanes=self.lanes, per_row=per_row)


def fractions(*inputs: TensorSpec) -> tuple[int, ...]:
    """Fractional bits of the inputs, as :class:`BoundProgram` takes them."""
    return tuple(x.grid.fraction for x in inputs)


@dataclass(frozen=True)
class BoundProgram:
    """A program and the LSBs of its inputs and outputs: everything an executor needs to know of an op's instance."""

    program: Program
    in_fractions: tuple[int, ...]
    out_fractions: tuple[int, ...]

    @property
    def op_type(self) -> str:
        """Name of the ONNX node: the op's name and a digest of its structure, so that equal names mean equal bodies."""
        binding = "_".join(f"{f}" for f in (*self.in_fractions, -99, *self.out_fractions))
        return f"{self.program.name}_{self.program.digest()}_{_short(binding)}"

    @cached_property
    def _plans(self) -> dict[torch.device, Plan]:
        return {}

    def plan(self, device: torch.device) -> Plan:
        """The program made ready for tensors on ``device``; made once."""
        if device not in self._plans:
            self._plans[device] = Plan.of(self.program, device)
        return self._plans[device]

    def output_grid(self, index: int = 0) -> Grid:
        """Grid of an output, from its proven interval."""
        node = self.program.nodes[self.program.outputs[index].node]
        return Grid(node.low, node.high, self.out_fractions[index])


@dataclass(frozen=True)
class Op(ABC):
    """Base class of ops with one output. A subclass is a frozen dataclass whose fields are its settings."""

    @abstractmethod
    def bind(self, *inputs: Any, **named: Any) -> BoundProgram:
        """Write the integer program; a subclass names its inputs, a :class:`TensorSpec` each."""

    def __call__(self, *inputs: FixedTensor) -> FixedTensor:
        """Run the program on tensors (batch, rows, lanes); a count (batch, 1) is taken as a value of the whole jet.

        Raises
        ------
        ExportError
            An input has no grid because its network is in training mode, the output does not fit float32, or a value
            inside the program has no proof that it fits 62 bits.
        """
        bound = bind(self, *(TensorSpec.of(x) for x in inputs))
        grid = check_float32(bound.output_grid(), f"output of {bound.program.name}")
        values = [x.value if x.value.ndim == 3 else x.value.reshape(-1, 1, 1) for x in inputs]
        if torch.onnx.is_in_onnx_export():
            tables = [torch.tensor(t, dtype=torch.int64) for t in bound.program.tables.values()]
            return FixedTensor(_ExportedOp.apply(_remember(bound), *values, *tables), grid)
        return FixedTensor(_execute(bound, values), grid)


@lru_cache(maxsize=_PROGRAMS_KEPT)
def bind(op: Op, *inputs: TensorSpec) -> BoundProgram:
    """The op's program for these inputs, written once: the only memory of programs. Do not change what it returns."""
    return op.bind(*inputs)


def _execute(bound: BoundProgram, values: Sequence[Tensor]) -> Tensor:
    integers = [_integers(v.detach(), f) for v, f in zip(values, bound.in_fractions, strict=True)]
    (result,) = bound.plan(integers[0].device).run(integers)
    return (result.double() * 2.0 ** -bound.out_fractions[0]).float()


def _integers(value: Tensor, fraction: int) -> Tensor:
    """Integer codes, in float64; their product with a power of two and the rounding are exact in float32, too."""
    value = value if value.dtype == torch.float32 else value.double()
    return (value * 2.0**fraction).round_().double()


class _ExportedOp(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, handle: str, *tensors: Tensor) -> Tensor:
        # The trace needs the node and its shape; thousands of recorded steps inside would take minutes to check.
        bound, tracer = _EXPORTED[handle], cast(Any, torch._C)
        state = tracer._get_tracing_state()
        tracer._set_tracing_state(None)
        try:
            return _execute(bound, tensors[: len(bound.in_fractions)])
        finally:
            tracer._set_tracing_state(state)

    @staticmethod
    def symbolic(g: Any, handle: str, *tensors: Any) -> Any:
        output = g.op(f"{ONNX_DOMAIN}::{handle}", *tensors)
        output.setType(tensors[0].type().with_sizes(None))
        return output


_EXPORTED: dict[str, BoundProgram] = {}


def _remember(bound: BoundProgram) -> str:
    _EXPORTED[bound.op_type] = bound
    return bound.op_type


@contextmanager
def collect_programs() -> Iterator[dict[str, BoundProgram]]:
    """Collect the programs of all op nodes that an ONNX export inside the block leaves, by node type."""
    _EXPORTED.clear()
    found: dict[str, BoundProgram] = {}
    yield found
    found.update(_EXPORTED)


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:4]
