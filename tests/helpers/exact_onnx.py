"""QONNX files in rational numbers: what a file means when nothing is rounded that it does not round itself.

Constants are quantized in float32 by qonnx's own function, as every runtime does it; everything that depends on an
input is exact. Shares no code with the importer.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper
from qonnx.custom_op.general.intquant import int_quant, max_int, min_int

exact = np.vectorize(lambda x: x if isinstance(x, Fraction) else Fraction(x), otypes=[object])


def round_exact(value: Fraction, mode: str) -> int:
    """A number rounded as QONNX names it."""
    size, sign = abs(value), -1 if value < 0 else 1
    whole, rest = divmod(size, 1)
    half = Fraction(1, 2)
    return {
        "ROUND": lambda: round(value),
        "HALF_EVEN": lambda: round(value),
        "CEIL": lambda: math.ceil(value),
        "FLOOR": lambda: math.floor(value),
        "UP": lambda: sign * (int(whole) + (rest > 0)),
        "DOWN": lambda: sign * int(whole),
        "HALF_UP": lambda: sign * (int(whole) + (rest >= half)),
        "HALF_DOWN": lambda: sign * (int(whole) + (rest > half)),
    }[mode]()


def evaluate(model: onnx.ModelProto, feeds: dict[str, np.ndarray], output: str | None = None) -> np.ndarray:
    """Value of the output (or another tensor), an array of Fractions, for inputs of Fractions (n, ...)."""
    values: dict[str, Any] = {i.name: numpy_helper.to_array(i) for i in model.graph.initializer}
    constant = set(values)
    values |= feeds
    for node in model.graph.node:
        given = [values[name] for name in node.input if name]
        if all(name in constant for name in node.input):
            constant.add(node.output[0])
            values[node.output[0]] = _constant(node, given)
        else:
            values[node.output[0]] = _node(node, given)
    return values[output or model.graph.output[0].name]


def _attributes(node: onnx.NodeProto) -> dict[str, Any]:
    return {a.name: helper.get_attribute_value(a) for a in node.attribute}


def _constant(node: onnx.NodeProto, given: list[np.ndarray]) -> np.ndarray:
    if node.op_type == "Quant":
        a = _attributes(node)
        # The integers in float32, their values exactly.
        one = np.float32(1)
        x, scale, zero, bits = (np.asarray(v, np.float32) for v in given)
        codes = int_quant(x / scale, one, zero, bits, a["signed"], a["narrow"], a["rounding_mode"].decode())
        return exact(np.rint(codes).astype(np.int64).tolist()) * exact(scale)
    if node.op_type == "Transpose":
        return given[0].transpose(_attributes(node)["perm"])
    raise AssertionError(f"no constant node {node.op_type} here")


def _node(node: onnx.NodeProto, given: list[np.ndarray]) -> np.ndarray:
    x, *rest = (exact(v) for v in given)
    a = _attributes(node)
    if node.op_type == "Quant":
        scale, zero, _ = rest
        mode = a["rounding_mode"].decode()
        low = exact(np.vectorize(lambda b: min_int(a["signed"], a["narrow"], int(b)))(given[3]))
        high = exact(np.vectorize(lambda b: max_int(a["signed"], a["narrow"], int(b)))(given[3]))
        inside = np.minimum(np.maximum(x / scale + zero, low), high)
        rounded = np.vectorize(lambda v: Fraction(round_exact(v, mode)), otypes=[object])(inside)
        return (rounded - zero) * scale
    if node.op_type == "MatMul":
        return x.dot(rest[0])
    if node.op_type == "Gemm":
        return x.dot(rest[0].T if a.get("transB") else rest[0]) + (rest[1] if len(rest) > 1 else Fraction(0))
    if node.op_type in ("Add", "Sub", "Mul", "Div"):
        operation = {"Add": np.add, "Sub": np.subtract, "Mul": np.multiply, "Div": np.divide}[node.op_type]
        return operation(x, rest[0])
    if node.op_type == "Relu":
        return np.maximum(x, Fraction(0))
    if node.op_type == "Clip":
        return np.minimum(np.maximum(x, rest[0]), rest[1])
    if node.op_type == "BatchNormalization":
        scale, bias, mean, variance = (np.asarray(v, np.float64) for v in given[1:])
        factor = exact(scale / np.sqrt(variance + a["epsilon"]))
        return (x - exact(mean)) * factor + exact(bias)
    if node.op_type == "ReduceSum":
        return x.sum(axis=1)
    if node.op_type == "ReduceMax":
        return np.maximum.reduce(x, axis=1)
    raise AssertionError(f"no node {node.op_type} here")
