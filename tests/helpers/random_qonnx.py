"""Random small QONNX graphs, as hypothesis draws and shrinks them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

ROUNDINGS = ("ROUND", "HALF_EVEN", "CEIL", "FLOOR", "UP", "DOWN", "HALF_UP", "HALF_DOWN")
DOMAINS = ("qonnx.custom_op.general", "finn.custom_op.general", "onnx.brevitas")


@dataclass
class Graph:
    """A file while it is drawn."""

    domain: str
    rng: np.random.Generator
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: list[onnx.TensorProto] = field(default_factory=list)

    def constant(self, values: Any, dtype: Any = np.float32) -> str:
        """Name of a new constant."""
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(values, dtype), name))
        return name

    def node(self, kind: str, inputs: list[str], domain: str = "", **attributes: Any) -> str:
        """Output of a new node."""
        name = f"{kind.lower()}{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], name=name, domain=domain, **attributes))
        return name

    def scale(self, size: float, shape: tuple[int, ...], powers: bool) -> np.ndarray:
        """Scales near ``size``: powers of two, or any floats."""
        values = size * self.rng.uniform(0.5, 1.5, shape)
        return 2.0 ** np.rint(np.log2(values)) if powers else values

    def quant(self, x: str, scale: Any, zero: Any, bits: Any, signed: bool, narrow: bool, rounding: str) -> str:
        """A quantizer."""
        inputs = [x, self.constant(scale), self.constant(zero), self.constant(bits)]
        settings = {"signed": int(signed), "narrow": int(narrow), "rounding_mode": rounding}
        return self.node("Quant", inputs, self.domain, **settings)


@st.composite
def graphs(draw: st.DrawFn) -> onnx.ModelProto:
    """A file of one input (n, features) or (n, rows, features): layers of linear maps and quantizers."""
    g = Graph(draw(st.sampled_from(DOMAINS)), np.random.default_rng(draw(st.integers(0, 2**16))))
    n, rows = draw(st.integers(1, 4)), draw(st.sampled_from([0, 0, 2, 3]))
    powers = draw(st.booleans())
    signed = draw(st.booleans())
    bits = draw(st.integers(2, 8))
    size = float(g.scale(2.0 ** draw(st.integers(-6, 3)), (), powers))
    zero = 0 if signed else draw(st.sampled_from([0, 0, 3]))
    x = g.quant("x", size, zero, bits, signed, draw(st.booleans()), "ROUND")
    shape = [1, rows, n] if rows else [1, n]
    reach = size * 2**bits
    for _ in range(draw(st.integers(1, 3))):
        m = draw(st.integers(1, 4))
        x, reach = _linear(draw, g, x, n, m, reach, powers, rows)
        n = m
        x, reach = _between(draw, g, x, n, reach, rows)
        x, reach = _quant(draw, g, x, n, reach, powers, rows)
        if rows and draw(st.booleans()):
            kind = draw(st.sampled_from(["ReduceSum", "ReduceMax"]))
            x = (
                g.node("ReduceSum", [x, g.constant([1], np.int64)], keepdims=0)
                if kind == "ReduceSum"
                else g.node("ReduceMax", [x], axes=[1], keepdims=0)
            )
            reach, rows = reach * max(rows, 1), 0
    if draw(st.booleans()):
        x, reach = _linear(draw, g, x, n, 2, reach, powers, rows)
    info = helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)
    out = helper.make_tensor_value_info(x, TensorProto.FLOAT, None)
    graph = helper.make_graph(g.nodes, "random", [info], [out], g.constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13), helper.make_opsetid(g.domain, 1)])


def _linear(
    draw: st.DrawFn, g: Graph, x: str, n: int, m: int, reach: float, powers: bool, rows: int
) -> tuple[str, float]:
    bits, per_channel = draw(st.integers(2, 6)), draw(st.booleans())
    scale = g.scale(2.0**-bits, (1, m) if per_channel else (), powers)
    zero = draw(st.sampled_from([0, 0, 1, -3]))
    if zero and per_channel and draw(st.booleans()):
        zero = g.rng.integers(-3, 4, (1, m))
    weights = g.quant(g.constant(g.rng.normal(0, 0.5, (n, m))), scale, zero, bits, True, draw(st.booleans()), "ROUND")
    reach = reach * n
    bias = draw(st.sampled_from(["none", "float", "quantized"]))
    values = g.rng.normal(0, reach / 8, m)
    if not rows and draw(st.booleans()):
        turned = g.node("Transpose", [weights], perm=[1, 0])
        return g.node("Gemm", [x, turned] + ([g.constant(values)] if bias != "none" else []), transB=1), reach
    x = g.node("MatMul", [x, weights])
    if bias == "float":
        x = g.node("Add", [x, g.constant(values)])
    elif bias == "quantized":
        x = g.node(
            "Add", [x, g.quant(g.constant(values), float(g.scale(reach / 64, (), powers)), 0, 8, True, False, "ROUND")]
        )
    return x, reach


def _between(draw: st.DrawFn, g: Graph, x: str, n: int, reach: float, rows: int) -> tuple[str, float]:
    kinds = ["nothing", "relu", "clip", "factor", "offset"] + ([] if rows else ["norm"])
    for kind in draw(st.lists(st.sampled_from(kinds), max_size=2)):
        if kind == "relu":
            x = g.node("Relu", [x])
        elif kind == "clip":
            x = g.node("Clip", [x, g.constant(-reach * 0.3), g.constant(reach * 0.2)])
        elif kind == "factor":
            x = g.node(draw(st.sampled_from(["Mul", "Div"])), [x, g.constant(g.rng.uniform(-1.5, 1.5, n) + 0.1)])
        elif kind == "offset":
            x = g.node(draw(st.sampled_from(["Add", "Sub"])), [x, g.constant(g.rng.normal(0, reach / 8, n))])
        elif kind == "norm":
            vectors = [g.rng.uniform(-1.5, 1.5, n), g.rng.normal(size=n), g.rng.normal(0, reach / 8, n)]
            inputs = [x, *map(g.constant, vectors), g.constant(g.rng.uniform(0.1, 2, n))]
            x = g.node("BatchNormalization", inputs, epsilon=1e-5)
    return x, reach


def _quant(draw: st.DrawFn, g: Graph, x: str, n: int, reach: float, powers: bool, rows: int) -> tuple[str, float]:
    signed, narrow = draw(st.booleans()), draw(st.booleans())
    bits = draw(st.integers(2, 6))
    widths = g.rng.integers(2, bits + 1, n) if draw(st.booleans()) else bits
    zero = draw(st.sampled_from([0, 0, 1, 2, -5]))
    if zero and draw(st.booleans()):
        zero = g.rng.integers(-3, 4, n)
    scale = float(g.scale(reach * 2.0 ** draw(st.integers(-3, 0)) / 2**bits, (), powers))
    x = g.quant(x, scale, zero, widths, signed, narrow, draw(st.sampled_from(ROUNDINGS)))
    return x, scale * 2**bits
