"""Maps of single numbers: quantizers, additions and factors of constants, batch norms, ReLU, clips, functions."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction

import numpy as np
from onnx import NodeProto

from tritag.export.importing.context import Import, attribute, refuse
from tritag.export.importing.quantizers import linear_node, quant_node
from tritag.quant.requantize.exact import filled, rationals
from tritag.quant.requantize.steps import Clip, Function


def quant(graph: Import, node: NodeProto) -> None:
    """Quant, IntQuant and BipolarQuant of QONNX."""
    constants = [graph.constant(name) for name in node.input[1:]]
    quantizer = quant_node(node, [c.array if c else None for c in constants])
    graph.quantize(node, graph.one(node), quantizer)


def quantize_linear(graph: Import, node: NodeProto) -> None:
    """ONNX's QuantizeLinear: waits for a Clip that may follow, and for DequantizeLinear."""
    value, scale, zero = graph.one(node), graph.array(node, 1), graph.array(node, 2)
    graph.pending[node.output[0]] = value, linear_node(node, scale, zero, (1, *value.shape))


def dequantize_linear(graph: Import, node: NodeProto) -> None:
    """ONNX's DequantizeLinear, of the same scale and zero point as the QuantizeLinear before it."""
    if node.input[0] not in graph.pending:
        refuse(node, "a QuantizeLinear before it")
    value, quantizer = graph.pending[node.input[0]]
    own = linear_node(node, graph.array(node, 1), graph.array(node, 2), (1, *value.shape))
    if not (np.array_equal(own.scale, quantizer.scale) and np.array_equal(own.zero, quantizer.zero)):
        refuse(node, "the scale and the zero point of the QuantizeLinear before it")
    graph.quantize(node, value, quantizer)


def add(graph: Import, node: NodeProto) -> None:
    """Add or Sub of a constant."""
    first = graph.constant(node.input[0])
    number = _exact(graph, node)
    if node.op_type == "Add":
        graph.affine(node, graph.one(node), 1, number)
    elif first is None:
        graph.affine(node, graph.one(node), 1, -number)
    else:
        graph.affine(node, graph.one(node), -1, number)


def multiply(graph: Import, node: NodeProto) -> None:
    """Mul or Div by a constant."""
    number = _exact(graph, node)
    if node.op_type == "Div":
        if graph.constant(node.input[0]) is not None or any(x == 0 for x in number.ravel()):
            refuse(node, "a constant other than 0 below the line")
        number = filled([1 / x for x in number.ravel()], number.shape)
    graph.affine(node, graph.one(node), number, 0)


def _exact(graph: Import, node: NodeProto) -> np.ndarray:
    (given,) = [c for c in map(graph.constant, node.input) if c is not None]
    if not np.all(np.isfinite(given.array)):
        refuse(node, "finite constants")
    return rationals(given.array) if given.codes is None else rationals(given.codes) * given.scale


def batch_norm(graph: Import, node: NodeProto) -> None:
    """BatchNormalization of a network that is not trained: a factor and an offset per channel, in float64."""
    value = graph.one(node)
    arrays = [graph.array(node, i) for i in range(1, 5)]
    if any(a is None for a in arrays):
        refuse(node, "constant scale, bias, mean and variance")
    scale, bias, mean, variance = (np.asarray(a, np.float64) for a in arrays)
    factor = scale / np.sqrt(variance + attribute(node, "epsilon", 1e-5))
    if not np.all(np.isfinite(factor)):
        refuse(node, "finite factors")
    form = [1, len(factor)] + [1] * (len(value.shape) - 1)
    exact = rationals(factor)
    offset = rationals(bias) - rationals(mean) * exact
    graph.affine(node, value, exact.reshape(form), offset.reshape(form))


def clip(graph: Import, node: NodeProto) -> None:
    """Relu, Clip (HardTanh), and the range of a QuantizeLinear before it."""
    low = high = None
    if node.op_type == "Relu":
        low = Fraction(0)
    else:
        bounds = [graph.array(node, i) for i in (1, 2)]
        given = [attribute(node, name) if b is None else b for name, b in zip(("min", "max"), bounds, strict=True)]
        low, high = (None if b is None or not np.isfinite(float(b)) else Fraction(float(b)) for b in given)
    if node.input[0] in graph.pending:
        value, quantizer = graph.pending[node.input[0]]
        ends = (-(1 << 30) if low is None else math.ceil(low), 1 << 30 if high is None else math.floor(high))
        graph.pending[node.output[0]] = value, quantizer.narrowed(*ends)
        return
    if low is not None and high is not None and low > high:
        refuse(node, f"min <= max, got {float(low)} and {float(high)}")
    graph.values[node.output[0]] = graph.one(node).followed(Clip(low, high))


def hard_sigmoid(graph: Import, node: NodeProto) -> None:
    """``clip(alpha * x + beta, 0, 1)``."""
    graph.affine(node, graph.one(node), attribute(node, "alpha", 0.2), attribute(node, "beta", 0.5))
    graph.values[node.output[0]] = graph.values[node.output[0]].followed(Clip(Fraction(0), Fraction(1)))


def _sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))


def _gelu(x: float) -> float:
    return x * 0.5 * (1 + math.erf(x / math.sqrt(2)))


def _gelu_tanh(x: float) -> float:
    return 0.5 * x * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def _exp(x: float) -> float:
    return math.exp(min(x, 700.0))


FUNCTIONS: dict[str, tuple[Callable[[float], float], bool]] = {
    "Sigmoid": (_sigmoid, True),
    "Tanh": (math.tanh, True),
    "Erf": (math.erf, True),
    "Exp": (_exp, True),
    "Softplus": (lambda x: max(x, 0.0) + math.log1p(math.exp(-abs(x))), True),
    "Gelu": (_gelu, False),
    "Abs": (abs, False),
    "Softsign": (lambda x: x / (1 + abs(x)), True),
}


def function(graph: Import, node: NodeProto) -> None:
    """A function of one number: a table with an entry for every code before it, of float64 values."""
    name = node.op_type
    if name == "Gelu" and attribute(node, "approximate", b"none") == b"tanh":
        step = Function("gelu_tanh", _gelu_tanh, False)
    elif name in ("LeakyRelu", "Elu"):
        alpha = float(attribute(node, "alpha", 0.01 if name == "LeakyRelu" else 1.0))
        step = Function(f"{name}{alpha}", _leaky(alpha) if name == "LeakyRelu" else _elu(alpha), alpha >= 0)
    else:
        step = Function(name, *FUNCTIONS[name])
    graph.values[node.output[0]] = graph.one(node).followed(step)


def _leaky(alpha: float) -> Callable[[float], float]:
    return lambda x: x if x >= 0 else alpha * x


def _elu(alpha: float) -> Callable[[float], float]:
    return lambda x: x if x >= 0 else alpha * math.expm1(x)
