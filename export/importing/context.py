"""What the families of nodes share while a graph is imported: the new program, the tensors so far, notes for people."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NoReturn

import numpy as np
from onnx import NodeProto, helper

from tritag.errors import ExportError
from tritag.export.importing.quantizers import Quantizer
from tritag.export.importing.requantize import lanes_of, on_rows, requantized
from tritag.export.importing.source import Constant, Source, label
from tritag.export.importing.values import Value, constant
from tritag.export.importing.writer import Writer
from tritag.quant.integer.tracer import Int, Tracer
from tritag.quant.ops.op import BoundProgram
from tritag.quant.requantize.exact import rationals, uniform
from tritag.quant.requantize.forms import clipped, vector
from tritag.quant.requantize.steps import Affine, Clip


@dataclass
class Import:
    """A graph while it is imported.

    Attributes
    ----------
    values : dict
        What each tensor of the file has become.
    pending : dict
        Outputs of QuantizeLinear, whose range a Clip may still narrow: the value before it and the quantizer.
    forms : dict
        How each quantizer was written, by its node.
    notes : list of str
        What a user must know: a softmax that was left out, a rounding that the file does not have.
    quantized : list of str
        Outputs of quantizers in the file.
    done : set of str
        Outputs of nodes that an earlier one has taken with it.
    took : str
        Output of the addition of a bias that the node at hand takes with it.
    """

    source: Source
    writer: Writer
    values: dict[str, Value] = field(default_factory=dict)
    pending: dict[str, tuple[Value, Quantizer]] = field(default_factory=dict)
    forms: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    quantized: list[str] = field(default_factory=list)
    done: set[str] = field(default_factory=set)
    took: str = ""

    def constant(self, name: str) -> Constant | None:
        """The constant of that name; None of a tensor that depends on an input, or of no name."""
        return self.source.constants.get(name)

    def array(self, node: NodeProto, index: int) -> np.ndarray | None:
        """Constant input of a node; None where it has none at that place."""
        if index >= len(node.input) or not node.input[index]:
            return None
        found = self.constant(node.input[index])
        if found is None:
            refuse(node, f"a constant as input {index + 1}")
        return found.array

    def data(self, node: NodeProto) -> list[Value]:
        """Inputs of a node that are not constant."""
        names = [name for name in node.input if name and name not in self.source.constants]
        if raw := [name for name in names if name in self.pending]:
            refuse(node, f"behind DequantizeLinear: {raw[0]!r} are integers of QuantizeLinear")
        return [self.values[name] for name in names]

    def one(self, node: NodeProto) -> Value:
        """The only input of a node that is not constant."""
        found = self.data(node)
        if len(found) != 1:
            refuse(node, f"one input that depends on the data, got {len(found)}")
        return found[0]

    def quantize(self, node: NodeProto, value: Value, quantizer: Quantizer) -> None:
        """Put a value behind a quantizer."""
        wish = node.name or node.output[0]
        self.values[node.output[0]], form = requantized(self.writer, value, quantizer, wish)
        self.forms[wish] = str(form)
        self.quantized.append(node.output[0])

    def settled(self, node: NodeProto, value: Value) -> Value:
        """The value as plain integers times a scale: ReLU and clips at whole codes are done on the integers.

        Raises
        ------
        ExportError
            Something stands before the node that is not quantized.
        """
        if not value.steps:
            return value
        tensor, rows, lanes = on_rows(self.writer, value)
        scale, offset = lanes_of(value.scale, value), lanes_of(value.offset, value)
        grid = self.writer.grids[tensor]
        if not all(isinstance(s, Clip) for s in value.steps) or any(x <= 0 for x in scale):
            refuse(node, "integers as its input: what stands before it is a float activation; put a Quant there")
        width = max(len(scale), len(offset))
        pairs = list(zip(scale * (width // len(scale)), offset * (width // len(offset)), strict=True))
        floor, ceiling = np.full(width, grid.low, np.int64), np.full(width, grid.high, np.int64)
        for step in value.steps:
            assert isinstance(step, Clip)
            for bound, ends, pick in ((step.low, floor, np.maximum), (step.high, ceiling, np.minimum)):
                if bound is None:
                    continue
                codes = [(bound - o) / s for s, o in pairs]
                if any(c.denominator != 1 for c in codes):
                    refuse(node, f"a bound of its input's clip, {float(bound):g}, on a whole code; put a Quant there")
                ends[:] = pick(ends, np.array([min(max(int(c), grid.low), grid.high) for c in codes]))
        floor = np.minimum(floor, ceiling)

        def write(t: Tracer, x: Int) -> Int:
            return clipped(t, x, floor, ceiling)

        result = self.program("clip", [tensor], (rows, lanes), write, node.output[0])
        return Value(result, value.shape, value.order, value.scale, value.offset)

    def program(
        self,
        kind: str,
        tensors: list[str],
        shape: tuple[int, int],
        write: Callable[..., Int],
        wish: str,
        fraction: int | None = None,
    ) -> str:
        """Tensor (rows, lanes) of an integer program on tensors (rows, lanes), which ``write`` writes."""
        rows = max(self.writer.shapes[name][0] for name in tensors)
        t = Tracer(kind, rows)
        inputs = []
        for number, name in enumerate(tensors):
            grid, (n, lanes) = self.writer.grids[name], self.writer.shapes[name]
            per_row = n == rows
            inputs.append(t.input(f"x{number}", grid.low, grid.high, lanes=lanes, per_row=per_row))
        t.output("y", write(t, *inputs))
        fractions = tuple(self.writer.grids[name].fraction for name in tensors)
        bound = BoundProgram(t.program, fractions, (fractions[0] if fraction is None else fraction,))
        return self.writer.op(bound, tensors, shape, wish)

    def taken_bias(self, node: NodeProto) -> np.ndarray | None:
        """The constant (n_out,) that alone is added to a node's output: its bias, which the node takes with it."""
        users = self.source.users(node.output[0])
        if len(users) != 1 or users[0].op_type != "Add" or node.output[0] in self.source.outputs:
            return None
        found = [c for c in map(self.constant, users[0].input) if c is not None]
        if len(found) != 1 or found[0].array.ndim < 1 or found[0].array.size != found[0].array.shape[-1]:
            return None
        bias = found[0]
        exact = rationals(bias.array) if bias.codes is None else rationals(bias.codes) * bias.scale
        self.took = users[0].output[0]
        self.done.add(self.took)
        return exact.ravel()

    def affine(self, node: NodeProto, value: Value, factor: Any, offset: Any) -> None:
        """Put a value behind an affine map of constants, given as numbers or arrays with a batch axis."""
        arrays = []
        for given in (factor, offset):
            array = rationals(given)
            if array.ndim > len(value.shape) + 1 or (array.ndim == len(value.shape) + 1 and array.shape[0] != 1):
                refuse(node, f"constants that broadcast to {value.shape}, got {array.shape}")
            array = array[0] if array.ndim == len(value.shape) + 1 else array
            array = array.reshape([1] * (len(value.shape) - array.ndim) + list(array.shape))
            if np.broadcast_shapes(array.shape, value.shape) != value.shape:
                refuse(node, f"constants that broadcast to {value.shape}, got {array.shape}")
            arrays.append(array)
        self.values[node.output[0]] = value.followed(Affine(*arrays))

    def common_scale(self, node: NodeProto, value: Value) -> Value:
        """The settled value, when all its integers have one scale and no offset."""
        value = self.settled(node, value)
        if uniform(value.scale) is None or any(value.offset.ravel().tolist()):
            refuse(node, "one scale and no offset for all numbers of its input; put a Quant there")
        return self.positive(node, value)

    def positive(self, node: NodeProto, value: Value) -> Value:
        """The value with a positive scale: its integers are negated where a factor before has turned the sign."""
        if value.scale.ravel()[0] > 0:
            return value
        if value.scale.ravel()[0] == 0:
            refuse(node, "a factor other than 0 before it")
        tensor, rows, lanes = on_rows(self.writer, value)
        result = self.program("negated", [tensor], (rows, lanes), lambda t, x: -x, f"{node.output[0]}_negated")
        return Value(result, value.shape, value.order, -value.scale, value.offset)


def attribute(node: NodeProto, name: str, default: Any = None) -> Any:
    """Value of an attribute; the default where it has none."""
    return next((helper.get_attribute_value(a) for a in node.attribute if a.name == name), default)


def refuse(node: NodeProto, must: str) -> NoReturn:
    """Refuse a node.

    Raises
    ------
    ExportError
        With the node's name.
    """
    raise ExportError(f"{label(node)} must have {must}")


__all__ = ["Import", "attribute", "constant", "refuse", "vector"]
