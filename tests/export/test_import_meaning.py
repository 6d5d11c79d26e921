"""What a node means follows from its opset, its attributes and its types: taken as they say, or refused by name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import NodeProto, TensorProto, helper, numpy_helper

from tests.export.test_import import check_exact
from tests.export.test_import_files import DOMAIN, WEIGHTS, model, node, quant
from tritag.errors import ExportError
from tritag.export.graph import read_graph
from tritag.export.importing.importer import import_model
from tritag.export.importing.input_grid import read_grids


def at_opset(version: int, nodes: Sequence[NodeProto], **shape: Any) -> onnx.ModelProto:
    """A file whose nodes have the meaning of an opset."""
    found = model(nodes, **shape)
    found.opset_import[0].version = version
    return found


def added(found: onnx.ModelProto, **constants: np.ndarray | np.generic) -> onnx.ModelProto:
    """The file with more constants."""
    found.graph.initializer.extend(numpy_helper.from_array(np.asarray(v), k) for k, v in constants.items())
    return found


def cast(x: str, y: str, to: int) -> NodeProto:
    """A Cast named after its output."""
    return helper.make_node("Cast", [x], [y], name=f"cast_{y}", to=to)


@pytest.mark.parametrize("to", ["INT32", "INT8", "BOOL", "FLOAT16"])
def test_a_cast_that_cuts_off_is_refused(to: str) -> None:
    nodes = [quant("x", "q"), cast("q", "c", TensorProto.DataType.Value(to)), cast("c", "f", TensorProto.FLOAT)]
    with pytest.raises(ExportError, match=f"^Cast 'cast_c' must go to float32 or float64, .* got {to}: it would cut"):
        import_model(model([*nodes, quant("f", "y", "s2")]))


def test_casts_that_change_no_number_are_dropped() -> None:
    """To float64 and back, and to integers of what is whole: a shape, and codes of QuantizeLinear."""
    nodes = [
        quant("w", "wq", "power"),
        node("QuantizeLinear", ["x", "power", "zp"], "i"),
        cast("i", "i32", TensorProto.INT32),
        node("DequantizeLinear", ["i32", "power", "zp32"], "d"),
        cast("d", "double", TensorProto.DOUBLE),
        cast("double", "q", TensorProto.FLOAT),
        helper.make_node("Shape", ["q"], ["shape"]),
        cast("shape", "whole", TensorProto.INT64),
        node("Reshape", ["q", "whole"], "r"),
        node("MatMul", ["r", "wq"], "m"),
        quant("m", "y", "s2"),
    ]
    given = added(model(nodes), zp=np.int8(0), zp32=np.int32(0))
    imported = import_model(given)
    without = [n for n in given.graph.node if n.op_type not in ("Cast", "Shape", "Reshape")]
    for n in without:
        n.input[0] = {"i32": "i", "q": "d", "r": "d"}.get(n.input[0], n.input[0])
    del given.graph.node[:]
    given.graph.node.extend(without)
    assert import_model(given).model.SerializeToString() == imported.model.SerializeToString()


def softmax(version: int, shape: Sequence[int], **axis: int) -> onnx.ModelProto:
    """A softmax between two quantizers."""
    nodes = [quant("x", "q", "power"), node("Softmax", ["q"], "p", **axis), quant("p", "y", "power", signed=0)]
    return at_opset(version, nodes, shape=shape)


def test_an_old_softmax_goes_over_all_axes_from_the_first() -> None:
    """Below opset 13 without an axis it takes (5, 3) as one row: refused; where it means the same it is the same."""
    with pytest.raises(ExportError, match="Softmax 'the_Softmax' must have its axis last: below opset 13 it takes all"):
        import_model(softmax(11, (1, 5, 3)))
    new = import_model(softmax(13, (1, 5, 3))).model.SerializeToString()
    assert import_model(softmax(11, (1, 5, 3), axis=2)).model.SerializeToString() == new
    flat = import_model(softmax(13, (1, 4))).model.SerializeToString()
    assert import_model(softmax(11, (1, 4))).model.SerializeToString() == flat


def quantize_linear(inputs: Sequence[str], **settings: int) -> onnx.ModelProto:
    """QuantizeLinear of opset 21 and what takes it back."""
    nodes = [
        node("QuantizeLinear", inputs, "i", **settings),
        node("DequantizeLinear", ["i", *inputs[1:]], "q"),
        WEIGHTS,
        node("MatMul", ["q", "wq"], "m"),
        quant("m", "y", "s2"),
    ]
    return added(at_opset(21, nodes), zp=np.uint8(3))


def test_the_type_of_quantize_linear_is_what_the_file_says() -> None:
    """``output_dtype`` without a zero point; uint8 where neither is there; what is not supported by name."""
    for settings, ends in (({"output_dtype": TensorProto.INT8}, (-128, 127)), ({}, (0, 255))):
        graph = read_graph(import_model(quantize_linear(["x", "power"], **settings)).model)
        assert (graph.grids["x"].low, graph.grids["x"].high) == ends
    for settings, message in (
        ({"output_dtype": TensorProto.FLOAT8E4M3FN}, "must be an integer's"),
        ({"output_dtype": TensorProto.INT4}, "must be an integer's"),
        ({"block_size": 2}, "'the_QuantizeLinear': one scale, or one a channel, must be given, got blocks of 2"),
        ({"output_dtype": 99}, "output_dtype must be a type of ONNX, got 99"),
    ):
        with pytest.raises(ExportError, match=message):
            import_model(quantize_linear(["x", "power"], **settings))
    with pytest.raises(ExportError, match="the zero point must have the type of output_dtype, int8, got uint8"):
        import_model(quantize_linear(["x", "power", "zp"], output_dtype=TensorProto.INT8))


def two_quantizers(**second: Any) -> onnx.ModelProto:
    """Quantizers of four and of eight bits behind one input, and the sum of what they feed."""
    wide = helper.make_node("Quant", ["x", "s", "z", "eight"], ["v"], name="wide", domain=DOMAIN,
                            **{"signed": 1, "narrow": 0, "rounding_mode": "ROUND"} | second)  # fmt: skip
    nodes = [quant("w", "wq", "power"), quant("x", "a"), wide]
    nodes += [helper.make_node("MatMul", [name, "wq"], [f"m{name}"]) for name in "av"]
    return added(model([*nodes, node("Add", ["ma", "mv"], "m"), quant("m", "y", "s2")]), eight=np.float32(8))


def test_two_quantizers_behind_one_input_keep_both_ranges() -> None:
    given = two_quantizers()
    imported = import_model(given)
    graph = read_graph(imported.model)
    assert (graph.grids["x"].low, graph.grids["x"].high) == (-128, 127)
    check_exact(given, imported)


def test_two_quantizers_that_round_in_two_ways_need_a_grid() -> None:
    given = two_quantizers(rounding_mode="FLOOR")
    with pytest.raises(ExportError, match=r"of one rounding behind it, .* 'cut_a' and Quant 'wide': tell"):
        import_model(given)
    check_exact(given, import_model(given, read_grids({"x": {"bits": 6, "signed": True, "lsb": "2**-4"}})))
