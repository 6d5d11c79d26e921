"""Integer programs as ONNX model-local functions of standard operators.

With these inside the file, plain ONNX Runtime executes it, and every tool can read the arithmetic.
"""

from __future__ import annotations

from functools import reduce
from typing import Any

import numpy as np
from onnx import FunctionProto, NodeProto, TensorProto, helper, numpy_helper

from tritag.quant.formats.fixed import int_bits
from tritag.quant.integer.emitter import Emitter, Place
from tritag.quant.ops.op import ONNX_DOMAIN, BoundProgram

OPSET = 18
# ONNX rounds floating-point numbers: up to this many bits float64 is exact, wider values are rounded on integers.
ROUND_BITS = 52
# ONNX Runtime's Max, Min, Clip and ReduceMax may order int64 wrongly unless all values fit 32 bits (an error of Eigen's
# SSE2 code, onnxruntime pull request 25280), and ReduceSum adds int64 in float64. Less, Where and MatMul are exact.
ORDERED_BITS = 32
SUMMED_BITS = 53


def op_function(bound: BoundProgram) -> FunctionProto:
    """Function of an op: inputs (float32, layout (batch, rows, lanes)), then its tables (int64)."""
    return _FunctionWriter(bound).write()


class _FunctionWriter(Emitter[str, str]):
    """Gives the name of the ONNX value in which an instruction's integers are."""

    def __init__(self, bound: BoundProgram) -> None:
        super().__init__(bound.program)
        self.bound = bound
        self.nodes: list[NodeProto] = []
        self.names: list[str] = []
        self.constants: dict[tuple, str] = {}
        self.leading: dict[int, str] = {}
        # Whether a value has a batch axis: constants and row indices have none.
        self.batched: list[bool] = []

    def write(self) -> FunctionProto:
        program = self.program
        for node in program.nodes:
            self.batched.append(node.op == "input" or any(self.batched[a] for a in node.args))
        for _, name in self.walk():
            self.names.append(name)
        outputs = []
        for port, fraction in zip(program.outputs, self.bound.out_fractions, strict=True):
            real = self._node("Cast", [self.names[port.node]], to=TensorProto.FLOAT)
            scale = self._float(2.0**-fraction)
            self.nodes.append(helper.make_node("Mul", [real, scale], [port.name]))
            outputs.append(port.name)
        return helper.make_function(
            ONNX_DOMAIN,
            self.bound.op_type,
            [p.name for p in program.inputs] + program.table_names,
            outputs,
            self.nodes,
            [helper.make_opsetid("", OPSET)],
        )

    def _node(self, op: str, inputs: list[str], **attributes: Any) -> str:
        name = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, inputs, [name], **attributes))
        return name

    def _constant(self, value: np.ndarray) -> str:
        key = (value.dtype.str, value.shape, value.tobytes())
        if key not in self.constants:
            self.constants[key] = self._node("Constant", [], value=numpy_helper.from_array(value))
        return self.constants[key]

    def _int(self, value: int) -> str:
        return self._constant(np.array(value, dtype=np.int64))

    def _float(self, value: float) -> str:
        return self._constant(np.array(value, dtype=np.float32))

    def _integers(self, name: str, fraction: int) -> str:
        scaled = self._node("Mul", [name, self._float(2.0**fraction)])
        return self._node("Cast", [self._node("Round", [scaled])], to=TensorProto.INT64)

    def operand(self, index: int, at: Place) -> str:
        """Give the name of the ONNX value that holds the operand, int64."""
        return self.names[index]

    def input(self, at: Place) -> str:
        position = next(i for i, port in enumerate(self.program.inputs) if port.node == at.index)
        return self._integers(self.program.inputs[position].name, self.bound.in_fractions[position])

    def add(self, at: Place, a: str, b: str) -> str:
        return self._node("Add", [a, b])

    def sub(self, at: Place, a: str, b: str) -> str:
        return self._node("Sub", [a, b])

    def mul(self, at: Place, a: str, b: str) -> str:
        return self._node("Mul", [a, b])

    def abs(self, at: Place, x: str) -> str:
        return self._node("Abs", [x])

    def const(self, at: Place, *values: int) -> str:
        return self._constant(np.array(values, dtype=np.int64).reshape(1, 1, -1))

    def row(self, at: Place, rows: int) -> str:
        return self._constant(np.arange(rows, dtype=np.int64).reshape(1, -1, 1))

    def shl(self, at: Place, x: str, bits: int) -> str:
        return self._node("Mul", [x, self._int(1 << bits)])

    def shr(self, at: Place, x: str, bits: int) -> str:
        step = self._int(1 << bits)
        # Mod of ONNX takes the sign of the divisor, so this is the division rounded down.
        return self._node("Div", [self._node("Sub", [x, self._node("Mod", [x, step])]), step])

    def rsh(self, at: Place, x: str, bits: int) -> str:
        return self._round(at, x, self._constant(np.array(2.0**bits)))

    def rshv(self, at: Place, x: str, bits: str) -> str:
        power = self._power_of_two(bits, at.args[1].high)
        return self._round(at, x, self._node("Cast", [power], to=TensorProto.DOUBLE))

    def _round(self, at: Place, x: str, divisor: str) -> str:
        if int_bits(at.args[0].low, at.args[0].high) > ROUND_BITS:
            return self._round_integers(x, self._node("Cast", [divisor], to=TensorProto.INT64))
        real = self._node("Cast", [x], to=TensorProto.DOUBLE)
        return self._node("Cast", [self._node("Round", [self._node("Div", [real, divisor])])], to=TensorProto.INT64)

    def shlv(self, at: Place, x: str, bits: str) -> str:
        return self._node("Mul", [x, self._power_of_two(bits, at.args[1].high)])

    def clip(self, at: Place, x: str, low: int, high: int) -> str:
        ends = self._int(low), self._int(high)
        if self._ordered(at) and max(abs(low), abs(high)) < 1 << (ORDERED_BITS - 1):
            return self._node("Clip", [x, *ends])
        return self._smaller(self._larger(x, ends[0]), ends[1])

    def max(self, at: Place, a: str, b: str) -> str:
        return self._node("Max", [a, b]) if self._ordered(at) else self._larger(a, b)

    def min(self, at: Place, a: str, b: str) -> str:
        return self._node("Min", [a, b]) if self._ordered(at) else self._smaller(a, b)

    def _ordered(self, at: Place) -> bool:
        """Whether the arguments are so narrow that ONNX Runtime orders them rightly."""
        return all(int_bits(min(a.low, -1), a.high) <= ORDERED_BITS for a in at.args)

    def _larger(self, a: str, b: str) -> str:
        return self._node("Where", [self._node("Less", [a, b]), b, a])

    def _smaller(self, a: str, b: str) -> str:
        return self._node("Where", [self._node("Less", [a, b]), a, b])

    def lt(self, at: Place, a: str, b: str) -> str:
        return self._node("Cast", [self._node("Less", [a, b])], to=TensorProto.INT64)

    def eq(self, at: Place, a: str, b: str) -> str:
        return self._node("Cast", [self._node("Equal", [a, b])], to=TensorProto.INT64)

    def select(self, at: Place, condition: str, then: str, otherwise: str) -> str:
        return self._node("Where", [self._node("Cast", [condition], to=TensorProto.BOOL), then, otherwise])

    def lead(self, at: Place, x: str) -> str:
        return self._leading(at.node.args[0])

    def norm(self, at: Place, x: str, bits: int) -> str:
        high = at.args[0].high.bit_length()
        surplus = self._node("Sub", [self._leading(at.node.args[0]), self._int(bits - 1)])
        zero = self._int(0)
        up = self._power_of_two(self._node("Max", [self._node("Neg", [surplus]), zero]), bits - 1)
        down = self._power_of_two(self._node("Max", [surplus, zero]), max(high - bits, 0))
        return self._node("Div", [self._node("Mul", [x, up]), down])

    def align(self, at: Place, x: str, exponent: str, bits: int) -> str:
        one, zero = self._int(1), self._int(0)
        highest = at.args[1].high
        limit = self._power_of_two(self._node("Add", [exponent, one]), highest + 1)
        x = self._larger(self._smaller(x, limit), self._node("Neg", [limit]))
        surplus = self._node("Sub", [exponent, self._int(bits - 1)])
        divisor = self._power_of_two(self._node("Max", [surplus, zero]), max(highest - (bits - 1), 0))
        lift = self._power_of_two(self._node("Max", [self._node("Neg", [surplus]), zero]), bits - 1)
        return self._node("Mul", [self._round_integers(x, divisor), lift])

    def _round_integers(self, x: str, divisor: str) -> str:
        """x / divisor rounded half to even without leaving the integers; the divisor is a power of two."""
        rest = self._node("Mod", [x, divisor])
        quotient = self._node("Div", [self._node("Sub", [x, rest]), divisor])
        twice = self._node("Mul", [rest, self._int(2)])
        odd = self._node("Equal", [self._node("Mod", [quotient, self._int(2)]), self._int(1)])
        tie = self._node("And", [self._node("Equal", [twice, divisor]), odd])
        up = self._node("Or", [self._node("Greater", [twice, divisor]), tie])
        return self._node("Add", [quotient, self._node("Cast", [up], to=TensorProto.INT64)])

    def lookup(self, at: Place, x: str, table: int) -> str:
        return self._node("Gather", [self.program.table_names[table], x])

    def suml(self, at: Place, x: str) -> str:
        if self._summed(at):
            return self._node("ReduceSum", [x, self._constant(np.array([-1], dtype=np.int64))], keepdims=1)
        return self._node("MatMul", [x, self._constant(np.ones((at.args[0].lanes, 1), dtype=np.int64))])

    def maxl(self, at: Place, x: str) -> str:
        return self._largest(at, x, -1)

    def sumr(self, at: Place, x: str, rows: int) -> str:
        if self._summed(at):
            return self._node("ReduceSum", [x, self._constant(np.array([1], dtype=np.int64))], keepdims=1)
        return self._node("MatMul", [self._constant(np.ones((1, rows), dtype=np.int64)), x])

    def _summed(self, at: Place) -> bool:
        """Whether a sum is so narrow that ONNX Runtime adds it exactly."""
        return int_bits(min(at.node.low, -1), at.node.high) <= SUMMED_BITS

    def maxr(self, at: Place, x: str) -> str:
        return self._largest(at, x, 1)

    def _largest(self, at: Place, x: str, axis: int) -> str:
        """Maximum along an axis; of wide values first by their upper bits, then by the lower bits among those."""
        axes = self._constant(np.array([axis], dtype=np.int64))
        if self._ordered(at):
            return self._node("ReduceMax", [x, axes], keepdims=1)
        step = self._int(1 << (ORDERED_BITS - 1))
        lower = self._node("Mod", [x, step])
        upper = self._node("Div", [self._node("Sub", [x, lower]), step])
        top = self._node("ReduceMax", [upper, axes], keepdims=1)
        candidates = self._node("Where", [self._node("Equal", [upper, top]), lower, self._int(-1)])
        rest = self._node("ReduceMax", [candidates, axes], keepdims=1)
        return self._node("Add", [self._node("Mul", [top, step]), rest])

    def lane(self, at: Place, x: str, index: int) -> str:
        return self._node("Gather", [x, self._constant(np.array([index], dtype=np.int64))], axis=-1)

    def stack(self, at: Place, *parts: str) -> str:
        kinds = {(arg.per_row, self.batched[a]) for arg, a in zip(at.args, at.node.args, strict=True)}
        values = list(parts)
        if len(kinds) > 1:
            # Concat does not broadcast: add a zero of the common shape.
            zeros = [self._node("Mul", [value, self._int(0)]) for value in parts]
            zero = reduce(lambda a, b: self._node("Add", [a, b]), zeros)
            values = [self._node("Add", [value, zero]) for value in parts]
        return self._node("Concat", values, axis=-1)

    def _power_of_two(self, exponent: str, largest: int) -> str:
        powers = self._constant(np.array([1 << i for i in range(largest + 1)], dtype=np.int64))
        return self._node("Gather", [powers, exponent])

    def _leading(self, argument: int) -> str:
        """floor(log2 x) by bisection: halve the remaining exponent range at each step."""
        if argument not in self.leading:
            x = self.names[argument]
            exponent = self._node("Mul", [x, self._int(0)])
            step = 1 << max(self.program.nodes[argument].high.bit_length() - 1, 0).bit_length()
            while step := step >> 1:
                power = self._int(1 << step)
                large = self._node("GreaterOrEqual", [x, power])
                exponent = self._node("Add", [exponent, self._node("Where", [large, self._int(step), self._int(0)])])
                x = self._node("Where", [large, self._node("Div", [x, power]), x])
            self.leading[argument] = exponent
        return self.leading[argument]
