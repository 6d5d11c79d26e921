"""Integer programs and the Quant node as ONNX model-local functions of standard operators.

With these inside the file, plain ONNX Runtime executes it, and every tool can read the arithmetic.
"""

from __future__ import annotations

from functools import reduce
from typing import Any

import numpy as np
import onnx
from onnx import FunctionProto, NodeProto, TensorProto, helper, numpy_helper

from tritag.quant.formats.fixed import int_bits
from tritag.quant.integer.program import Node
from tritag.quant.ops.op import ONNX_DOMAIN, BoundProgram

OPSET = 18
QUANT_DOMAIN = "qonnx.custom_op.general"
# ONNX rounds floating-point numbers: up to this many bits float64 is exact, wider values are rounded on integers.
ROUND_BITS = 52
# ONNX Runtime's Max, Min, Clip and ReduceMax may order int64 wrongly unless all values fit 32 bits (an error of Eigen's
# SSE2 code, onnxruntime pull request 25280), and ReduceSum adds int64 in float64. Less, Where and MatMul are exact.
ORDERED_BITS = 32
SUMMED_BITS = 53


def op_function(bound: BoundProgram) -> FunctionProto:
    """Function of an op: inputs (float32, layout (batch, rows, lanes)), then its tables (int64)."""
    return _FunctionWriter(bound).write()


class _FunctionWriter:
    def __init__(self, bound: BoundProgram) -> None:
        self.bound = bound
        self.nodes: list[NodeProto] = []
        self.names: list[str] = []
        self.constants: dict[tuple, str] = {}
        self.leading: dict[int, str] = {}
        # Whether a value has a batch axis: constants and row indices have none.
        self.batched: list[bool] = []

    def write(self) -> FunctionProto:
        program = self.bound.program
        inputs = {port.node: i for i, port in enumerate(program.inputs)}
        for index, node in enumerate(program.nodes):
            self.batched.append(node.op == "input" or any(self.batched[a] for a in node.args))
            if node.op == "input":
                position = inputs[index]
                self.names.append(self._integers(program.inputs[position].name, self.bound.in_fractions[position]))
            else:
                self.names.append(self._instruction(node))
        outputs = []
        for port, fraction in zip(program.outputs, self.bound.out_fractions, strict=True):
            real = self._emit("Cast", [self.names[port.node]], to=TensorProto.FLOAT)
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

    def _emit(self, op: str, inputs: list[str], **attributes: Any) -> str:
        name = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, inputs, [name], **attributes))
        return name

    def _constant(self, value: np.ndarray) -> str:
        key = (value.dtype.str, value.shape, value.tobytes())
        if key not in self.constants:
            self.constants[key] = self._emit("Constant", [], value=numpy_helper.from_array(value))
        return self.constants[key]

    def _int(self, value: int) -> str:
        return self._constant(np.array(value, dtype=np.int64))

    def _float(self, value: float) -> str:
        return self._constant(np.array(value, dtype=np.float32))

    def _integers(self, name: str, fraction: int) -> str:
        scaled = self._emit("Mul", [name, self._float(2.0**fraction)])
        return self._emit("Cast", [self._emit("Round", [scaled])], to=TensorProto.INT64)

    def _instruction(self, node: Node) -> str:
        args = [self.names[a] for a in node.args]
        simple = {"add": "Add", "sub": "Sub", "mul": "Mul", "abs": "Abs"}
        if node.op in simple:
            return self._emit(simple[node.op], args)
        return getattr(self, f"_op_{node.op}")(node, *args)

    def _op_const(self, node: Node) -> str:
        return self._constant(np.array(node.params, dtype=np.int64).reshape(1, 1, -1))

    def _op_row(self, node: Node) -> str:
        return self._constant(np.arange(node.params[0], dtype=np.int64).reshape(1, -1, 1))

    def _op_shl(self, node: Node, x: str) -> str:
        return self._emit("Mul", [x, self._int(1 << node.params[0])])

    def _op_shr(self, node: Node, x: str) -> str:
        step = self._int(1 << node.params[0])
        # Mod of ONNX takes the sign of the divisor, so this is the division rounded down.
        return self._emit("Div", [self._emit("Sub", [x, self._emit("Mod", [x, step])]), step])

    def _op_rsh(self, node: Node, x: str) -> str:
        return self._round(node, x, self._constant(np.array(2.0 ** node.params[0])))

    def _op_rshv(self, node: Node, x: str, bits: str) -> str:
        power = self._power_of_two(bits, self._high(node, 1))
        return self._round(node, x, self._emit("Cast", [power], to=TensorProto.DOUBLE))

    def _round(self, node: Node, x: str, divisor: str) -> str:
        argument = self.bound.program.nodes[node.args[0]]
        if int_bits(argument.low, argument.high) > ROUND_BITS:
            return self._round_integers(x, self._emit("Cast", [divisor], to=TensorProto.INT64))
        real = self._emit("Cast", [x], to=TensorProto.DOUBLE)
        return self._emit("Cast", [self._emit("Round", [self._emit("Div", [real, divisor])])], to=TensorProto.INT64)

    def _op_shlv(self, node: Node, x: str, bits: str) -> str:
        return self._emit("Mul", [x, self._power_of_two(bits, self._high(node, 1))])

    def _op_clip(self, node: Node, x: str) -> str:
        low, high = (self._int(p) for p in node.params)
        if self._ordered(node) and max(abs(p) for p in node.params) < 1 << (ORDERED_BITS - 1):
            return self._emit("Clip", [x, low, high])
        return self._smaller(self._larger(x, low), high)

    def _op_max(self, node: Node, a: str, b: str) -> str:
        return self._emit("Max", [a, b]) if self._ordered(node) else self._larger(a, b)

    def _op_min(self, node: Node, a: str, b: str) -> str:
        return self._emit("Min", [a, b]) if self._ordered(node) else self._smaller(a, b)

    def _ordered(self, node: Node) -> bool:
        """Whether the arguments are so narrow that ONNX Runtime orders them rightly."""
        args = [self.bound.program.nodes[a] for a in node.args]
        return all(int_bits(min(a.low, -1), a.high) <= ORDERED_BITS for a in args)

    def _larger(self, a: str, b: str) -> str:
        return self._emit("Where", [self._emit("Less", [a, b]), b, a])

    def _smaller(self, a: str, b: str) -> str:
        return self._emit("Where", [self._emit("Less", [a, b]), a, b])

    def _op_lt(self, node: Node, a: str, b: str) -> str:
        return self._emit("Cast", [self._emit("Less", [a, b])], to=TensorProto.INT64)

    def _op_eq(self, node: Node, a: str, b: str) -> str:
        return self._emit("Cast", [self._emit("Equal", [a, b])], to=TensorProto.INT64)

    def _op_select(self, node: Node, condition: str, a: str, b: str) -> str:
        return self._emit("Where", [self._emit("Cast", [condition], to=TensorProto.BOOL), a, b])

    def _op_lead(self, node: Node, x: str) -> str:
        return self._leading(node.args[0])

    def _op_norm(self, node: Node, x: str) -> str:
        bits = node.params[0]
        high = self._high(node, 0).bit_length()
        surplus = self._emit("Sub", [self._leading(node.args[0]), self._int(bits - 1)])
        zero = self._int(0)
        up = self._power_of_two(self._emit("Max", [self._emit("Neg", [surplus]), zero]), bits - 1)
        down = self._power_of_two(self._emit("Max", [surplus, zero]), max(high - bits, 0))
        return self._emit("Div", [self._emit("Mul", [x, up]), down])

    def _op_align(self, node: Node, x: str, exponent: str) -> str:
        bits, one, zero = node.params[0], self._int(1), self._int(0)
        highest = self._high(node, 1)
        limit = self._power_of_two(self._emit("Add", [exponent, one]), highest + 1)
        x = self._larger(self._smaller(x, limit), self._emit("Neg", [limit]))
        surplus = self._emit("Sub", [exponent, self._int(bits - 1)])
        divisor = self._power_of_two(self._emit("Max", [surplus, zero]), max(highest - (bits - 1), 0))
        lift = self._power_of_two(self._emit("Max", [self._emit("Neg", [surplus]), zero]), bits - 1)
        return self._emit("Mul", [self._round_integers(x, divisor), lift])

    def _round_integers(self, x: str, divisor: str) -> str:
        """x / divisor rounded half to even without leaving the integers; the divisor is a power of two."""
        rest = self._emit("Mod", [x, divisor])
        quotient = self._emit("Div", [self._emit("Sub", [x, rest]), divisor])
        twice = self._emit("Mul", [rest, self._int(2)])
        odd = self._emit("Equal", [self._emit("Mod", [quotient, self._int(2)]), self._int(1)])
        tie = self._emit("And", [self._emit("Equal", [twice, divisor]), odd])
        up = self._emit("Or", [self._emit("Greater", [twice, divisor]), tie])
        return self._emit("Add", [quotient, self._emit("Cast", [up], to=TensorProto.INT64)])

    def _op_lookup(self, node: Node, index: str) -> str:
        return self._emit("Gather", [self.bound.program.table_names[node.params[0]], index])

    def _op_suml(self, node: Node, x: str) -> str:
        if self._summed(node):
            return self._emit("ReduceSum", [x, self._constant(np.array([-1], dtype=np.int64))], keepdims=1)
        lanes = self.bound.program.nodes[node.args[0]].lanes
        return self._emit("MatMul", [x, self._constant(np.ones((lanes, 1), dtype=np.int64))])

    def _op_maxl(self, node: Node, x: str) -> str:
        return self._largest(node, x, -1)

    def _op_sumr(self, node: Node, x: str) -> str:
        if self._summed(node):
            return self._emit("ReduceSum", [x, self._constant(np.array([1], dtype=np.int64))], keepdims=1)
        return self._emit("MatMul", [self._constant(np.ones((1, node.params[0]), dtype=np.int64)), x])

    def _summed(self, node: Node) -> bool:
        """Whether a sum is so narrow that ONNX Runtime adds it exactly."""
        return int_bits(min(node.low, -1), node.high) <= SUMMED_BITS

    def _op_maxr(self, node: Node, x: str) -> str:
        return self._largest(node, x, 1)

    def _largest(self, node: Node, x: str, axis: int) -> str:
        """Maximum along an axis; of wide values first by their upper bits, then by the lower bits among those."""
        axes = self._constant(np.array([axis], dtype=np.int64))
        if self._ordered(node):
            return self._emit("ReduceMax", [x, axes], keepdims=1)
        step = self._int(1 << (ORDERED_BITS - 1))
        lower = self._emit("Mod", [x, step])
        upper = self._emit("Div", [self._emit("Sub", [x, lower]), step])
        top = self._emit("ReduceMax", [upper, axes], keepdims=1)
        candidates = self._emit("Where", [self._emit("Equal", [upper, top]), lower, self._int(-1)])
        rest = self._emit("ReduceMax", [candidates, axes], keepdims=1)
        return self._emit("Add", [self._emit("Mul", [top, step]), rest])

    def _op_lane(self, node: Node, x: str) -> str:
        return self._lane(x, node.params[0])

    def _lane(self, x: str, index: int) -> str:
        return self._emit("Gather", [x, self._constant(np.array([index], dtype=np.int64))], axis=-1)

    def _op_stack(self, node: Node, *values: str) -> str:
        kinds = {(self.bound.program.nodes[a].per_row, self.batched[a]) for a in node.args}
        parts = list(values)
        if len(kinds) > 1:
            # Concat does not broadcast: add a zero of the common shape.
            zeros = [self._emit("Mul", [value, self._int(0)]) for value in values]
            zero = reduce(lambda a, b: self._emit("Add", [a, b]), zeros)
            parts = [self._emit("Add", [value, zero]) for value in values]
        return self._emit("Concat", parts, axis=-1)

    def _high(self, node: Node, argument: int) -> int:
        return self.bound.program.nodes[node.args[argument]].high

    def _power_of_two(self, exponent: str, largest: int) -> str:
        powers = self._constant(np.array([1 << i for i in range(largest + 1)], dtype=np.int64))
        return self._emit("Gather", [powers, exponent])

    def _leading(self, argument: int) -> str:
        """floor(log2 x) by bisection: halve the remaining exponent range at each step."""
        if argument not in self.leading:
            x = self.names[argument]
            exponent = self._emit("Mul", [x, self._int(0)])
            step = 1 << max(self.bound.program.nodes[argument].high.bit_length() - 1, 0).bit_length()
            while step := step >> 1:
                power = self._int(1 << step)
                large = self._emit("GreaterOrEqual", [x, power])
                exponent = self._emit("Add", [exponent, self._emit("Where", [large, self._int(step), self._int(0)])])
                x = self._emit("Where", [large, self._emit("Div", [x, power]), x])
            self.leading[argument] = exponent
        return self.leading[argument]


def quant_function() -> FunctionProto:
    """QONNX's Quant node (integer, rounding half to even) as a function; same values as qonnx 1.0."""
    nodes = [
        _constant_of("signed_i", "signed"),
        _constant_of("narrow_i", "narrow"),
        helper.make_node("Cast", ["signed_i"], ["is_signed"], to=TensorProto.FLOAT),
        helper.make_node("Cast", ["narrow_i"], ["is_narrow"], to=TensorProto.FLOAT),
        helper.make_node("Constant", [], ["one"], value_float=1.0),
        helper.make_node("Constant", [], ["two"], value_float=2.0),
        helper.make_node("Sub", ["bit_width", "is_signed"], ["magnitude_bits"]),
        helper.make_node("Pow", ["two", "magnitude_bits"], ["top"]),
        helper.make_node("Sub", ["one", "is_signed"], ["is_unsigned"]),
        # signed: [-top + narrow, top - 1]; unsigned: [0, top - 1 - narrow]
        helper.make_node("Sub", ["is_narrow", "top"], ["signed_low"]),
        helper.make_node("Mul", ["signed_low", "is_signed"], ["low"]),
        helper.make_node("Sub", ["top", "one"], ["signed_high"]),
        helper.make_node("Mul", ["is_narrow", "is_unsigned"], ["lost"]),
        helper.make_node("Sub", ["signed_high", "lost"], ["high"]),
        helper.make_node("Div", ["x", "scale"], ["scaled"]),
        helper.make_node("Add", ["scaled", "zero_point"], ["shifted"]),
        helper.make_node("Round", ["shifted"], ["rounded"]),
        helper.make_node("Max", ["rounded", "low"], ["not_below"]),
        helper.make_node("Min", ["not_below", "high"], ["clipped"]),
        helper.make_node("Sub", ["clipped", "zero_point"], ["centred"]),
        helper.make_node("Mul", ["centred", "scale"], ["y"]),
    ]
    return helper.make_function(
        QUANT_DOMAIN,
        "Quant",
        ["x", "scale", "zero_point", "bit_width"],
        ["y"],
        nodes,
        [helper.make_opsetid("", OPSET)],
        attributes=["signed", "narrow", "rounding_mode"],
    )


def _constant_of(output: str, attribute: str) -> NodeProto:
    node = helper.make_node("Constant", [], [output])
    reference = onnx.AttributeProto(name="value_int", ref_attr_name=attribute, type=onnx.AttributeProto.INT)
    node.attribute.append(reference)
    return node
