"""What stock hls4ml 1.3.0 would make of somebody's QONNX file: nodes that it misreads without a word, or refuses.

Found by converting files and comparing integers (docs/import.md); nothing is converted here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from onnx import ModelProto, NodeProto

from tritag.errors import ExportError
from tritag.export.importing.runnable import exposing
from tritag.export.importing.source import QUANT_DOMAINS, Source, label, read_source, readable
from tritag.quant.requantize.exact import power_of_two, rationals

VERSION = "1.3.0"
Kind = Literal["silently wrong", "fails", "an LSB off"]
_FAILING = (
    *("Einsum", "LayerNormalization", "Slice", "Split", "Gather", "Squeeze", "Unsqueeze", "Pow", "Sqrt", "Reciprocal"),
    *("Exp", "Clip", "Where", "Gelu", "Erf"),
)
_KNOWN = (
    *("Quant", "IntQuant", "BipolarQuant", "MatMul", "Gemm", "Conv", "Add", "Sub", "Mul", "Div", "Relu", "Transpose"),
    *("Reshape", "Flatten", "Concat", "BatchNormalization", "Softmax", "Sigmoid", "Tanh", "LeakyRelu", "Elu"),
    *("GlobalAveragePool", "GlobalMaxPool", "MaxPool", "AveragePool", "HardSigmoid"),
)


@dataclass(frozen=True)
class Finding:
    """A node and what hls4ml makes of it."""

    node: str
    kind: Kind
    reason: str

    def as_dict(self) -> dict[str, str]:
        """Plain dictionary for JSON."""
        return {"node": self.node, "kind": self.kind, "reason": self.reason}


def findings(model: ModelProto) -> list[Finding]:
    """All nodes that stock hls4ml would misread or refuse, in the file's order.

    Raises
    ------
    ExportError
        The file's shapes cannot be found out.
    """
    source = read_source(model)
    shapes = _shapes(model, source)
    found = []
    for node in source.nodes:
        for rule in (_by_kind, _products, _rows, _broadcast, _fan_out):
            with readable(label(node)):
                result = rule(source, shapes, node)
            if result is not None:
                found.append(Finding(label(node), *result))
                break
    return found


Result = tuple[Kind, str] | None
Shapes = dict[str, tuple[int, ...]]
Rule = Callable[[Source, Shapes, NodeProto], Result]


def _shapes(model: ModelProto, source: Source) -> Shapes:
    """Shapes of all tensors with a batch of one, by qonnx."""
    from qonnx.core.modelwrapper import ModelWrapper
    from qonnx.transformation.infer_shapes import InferShapes

    try:
        wrapped = ModelWrapper(exposing(model, model.graph.output[0].name, 1)).transform(InferShapes())
    except Exception as error:
        raise ExportError(f"the file's shapes must be known, but qonnx finds none: {str(error)[:200]}") from error
    names = {name for node in source.nodes for name in (*node.input, *node.output)}
    known = {name: wrapped.get_tensor_shape(name) for name in names if name}
    return {name: tuple(shape) for name, shape in known.items() if shape is not None}


def _activations(source: Source, node: NodeProto) -> list[str]:
    return [name for name in node.input if name and name not in source.constants]


def _by_kind(source: Source, shapes: Shapes, node: NodeProto) -> Result:
    """Kinds that it does not know at all, and tables that are not exact."""
    if node.op_type in _FAILING or node.op_type.startswith("Reduce"):
        return "fails", f"it has no handler for {node.op_type}"
    if node.op_type in ("Sigmoid", "Tanh"):
        return "an LSB off", "its table of the function is not rounded as the file says"
    if node.op_type not in _KNOWN:
        return "fails", f"it has no handler for {node.op_type}"
    return None


def _products(source: Source, shapes: Shapes, node: NodeProto) -> Result:
    """Products of two activations, which have no template and vanish from the C++."""
    if len(_activations(source, node)) < 2:
        return None
    if node.op_type in ("MatMul", "Gemm"):
        return "silently wrong", "a product of two activations has no template: the call is dropped"
    if node.op_type == "Div":
        return "fails", "a quotient of two activations"
    return None


def _rows(source: Source, shapes: Shapes, node: NodeProto) -> Result:
    """What should be done row by row: softmax, and linear layers for every candidate."""
    rank = len(shapes.get(node.input[0], ()))
    if node.op_type == "Softmax" and rank > 2:
        return "silently wrong", f"softmax over the rows of {shapes[node.input[0]][1:]}: the rows are taken as one"
    if node.op_type in ("MatMul", "Gemm") and rank > 2:
        return "fails", f"a linear layer on {shapes[node.input[0]][1:]}: its assertion on shapes"
    return None


def _broadcast(source: Source, shapes: Shapes, node: NodeProto) -> Result:
    """Element-wise products whose second factor has fewer numbers."""
    names = _activations(source, node)
    if node.op_type == "Mul" and len(names) == 2:
        a, b = (shapes.get(name) for name in names)
        if a is not None and b is not None and a != b:
            return "silently wrong", f"a product of {a[1:]} and {b[1:]}: it does not repeat the smaller one"
    return None


def _fan_out(source: Source, shapes: Shapes, node: NodeProto) -> Result:
    """Quantizers with a free scale that several nodes read."""
    if node.domain != QUANT_DOMAINS[0] or len(source.users(node.output[0])) < 2:
        return None
    scale = source.constants.get(node.input[1])
    if scale is None:
        return None
    exponents = [power_of_two(x) for x in rationals(np.ravel(scale.array)).tolist()]
    if any(e is None for e in exponents):
        return "silently wrong", "its scale is no power of two, and several nodes read it: some lose the scale"
    return None


__all__ = ["VERSION", "Finding", "findings"]
