"""What all ops share: building the program for the grids at hand, running it, and leaving a node in the graph.

An op module is a :class:`IntegerOp`. In evaluation mode it runs its integer program: that is the definition of the
op. In training mode it runs a fast float surrogate on fake-quantized values. During ONNX export it leaves one node
``tritag.ops::<name>`` whose body is written from the same program.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn

from tritag.quant.formats.fixed import Grid
from tritag.quant.formats.tensor import FixedTensor, check_float32
from tritag.quant.integer.program import Program
from tritag.quant.integer.torch_executor import run

ONNX_DOMAIN = "tritag.ops"


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

    def output_grid(self, index: int = 0) -> Grid:
        """Grid of an output, from its proven interval."""
        node = self.program.nodes[self.program.outputs[index].node]
        return Grid(node.low, node.high, self.out_fractions[index])


class IntegerOp(nn.Module):
    """Base class of ops with one output; inputs and output have the layout (batch, rows, lanes)."""

    def bind(self, *grids: Grid) -> BoundProgram:
        """Write the integer program for inputs on ``grids``."""
        raise NotImplementedError

    def surrogate(self, *inputs: FixedTensor) -> Tensor:
        """Differentiable float version of the op."""
        raise NotImplementedError

    def output_grid_in_training(self, *inputs: FixedTensor) -> Grid | None:
        """Grid of the surrogate's values, when they lie on one."""
        return None

    def learned_width(self) -> Tensor | None:
        """Bits of the surrogate's values as a number with a gradient, when they are learned."""
        return None

    def forward(self, *inputs: FixedTensor) -> FixedTensor:
        """Run the op: surrogate in training mode, exact integers otherwise."""
        if self.training:
            value = self.surrogate(*inputs)
            return FixedTensor(value, self.output_grid_in_training(*inputs), self.learned_width())
        return self.exact(*inputs)

    def exact(self, *inputs: FixedTensor) -> FixedTensor:
        """Run the integer program; a count (batch, 1) is taken as a value of the whole jet (batch, 1, 1)."""
        grids = tuple(x.known_grid() for x in inputs)
        bound = self._bound(grids)
        grid = check_float32(bound.output_grid(), f"output of {bound.program.name}")
        values = [x.value if x.value.ndim == 3 else x.value.reshape(-1, 1, 1) for x in inputs]
        if torch.onnx.is_in_onnx_export():
            tables = [torch.tensor(t, dtype=torch.int64) for t in bound.program.tables.values()]
            return FixedTensor(_ExportedOp.apply(_remember(bound), *values, *tables), grid)
        return FixedTensor(_execute(bound, values), grid)

    def _bound(self, grids: tuple[Grid, ...]) -> BoundProgram:
        # The module's own settings may follow observed ranges, so the memory is keyed by them too.
        key = (grids, self._settings())
        if getattr(self, "_bound_key", None) != key:
            self._bound_key, self._bound_program = key, self.bind(*grids)
        return self._bound_program

    def _settings(self) -> Any:
        """Whatever besides the input grids the program depends on and may change after construction."""
        return None


class FixedOp(IntegerOp):
    """An op on the jet alone, before any trained parameter: exact in training mode too, and needs no surrogate."""

    def forward(self, *inputs: FixedTensor) -> FixedTensor:
        """Run the integer program."""
        return self.exact(*inputs)


def _execute(bound: BoundProgram, values: Sequence[Tensor]) -> Tensor:
    integers = [
        torch.round(v.detach().double() * 2.0**f).long() for v, f in zip(values, bound.in_fractions, strict=True)
    ]
    (result,) = run(bound.program, integers)
    return (result.double() * 2.0 ** -bound.out_fractions[0]).float()


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
    import hashlib

    return hashlib.sha256(text.encode()).hexdigest()[:4]
