"""QONNX's Quant node as an ONNX model-local function of standard operators, so that plain ONNX Runtime executes it."""

from __future__ import annotations

import onnx
from onnx import FunctionProto, NodeProto, TensorProto, helper

from tritag.export.functions import OPSET

QUANT_DOMAIN = "qonnx.custom_op.general"


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
