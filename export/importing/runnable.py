"""The original file made to run on many jets at once, and to give a tensor on the way."""

from __future__ import annotations

import numpy as np
from onnx import ModelProto, TensorProto, helper, numpy_helper

from tritag.export.importing.source import QUANT_DOMAINS, QUANT_KINDS
from tritag.export.qonnx_file import IR_VERSION
from tritag.export.quant_node import QUANT_DOMAIN


def exposing(model: ModelProto, final: str, batch: int | None) -> ModelProto:
    """The original with ``final`` as its output, for jets in batches of that size (None: of any)."""
    copy = ModelProto()
    copy.CopyFrom(model)
    constants = {i.name for i in copy.graph.initializer}
    kept = [v for v in copy.graph.input if v.name not in constants]
    del copy.graph.input[:]
    copy.graph.input.extend(kept)
    for node in copy.graph.node:
        if node.op_type in QUANT_KINDS and node.domain in QUANT_DOMAINS:
            node.domain = QUANT_DOMAIN
    for value in copy.graph.input:
        dim = value.type.tensor_type.shape.dim[0]
        if batch is None:
            dim.Clear()
            dim.dim_param = "batch"
        else:
            dim.dim_value = batch
    del copy.graph.output[:]
    del copy.graph.value_info[:]
    copy.graph.output.append(helper.make_tensor_value_info(final, TensorProto.FLOAT, None))
    _free_batch(copy)
    keep = _needed(copy, final)
    nodes = [n for i, n in enumerate(copy.graph.node) if i in keep]
    del copy.graph.node[:]
    copy.graph.node.extend(nodes)
    if not any(o.domain == QUANT_DOMAIN for o in copy.opset_import):
        copy.opset_import.append(helper.make_opsetid(QUANT_DOMAIN, 1))
    copy.ir_version = min(copy.ir_version, IR_VERSION)
    return copy


def _free_batch(model: ModelProto) -> None:
    """Reshapes to a batch of one take any: 0 stands for the axis as it is."""
    arrays = {i.name: numpy_helper.to_array(i) for i in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "Constant":
            for a in node.attribute:
                if a.name == "value":
                    arrays[node.output[0]] = numpy_helper.to_array(a.t)
    for number, node in enumerate(model.graph.node):
        shape = arrays.get(node.input[1]) if node.op_type == "Reshape" and len(node.input) > 1 else None
        if shape is not None and shape.ndim == 1 and len(shape) > 1 and shape[0] == 1:
            name = f"{node.input[1]}_any_batch_{number}"
            free = np.concatenate([[0], shape[1:]]).astype(np.int64)
            model.graph.initializer.append(numpy_helper.from_array(free, name))
            node.input[1] = name
            kept = [a for a in node.attribute if a.name != "allowzero"]
            del node.attribute[:]
            node.attribute.extend(kept)


def _needed(model: ModelProto, final: str) -> set[int]:
    makers = {name: i for i, node in enumerate(model.graph.node) for name in node.output}
    waiting, found = [final], set()
    while waiting:
        index = makers.get(waiting.pop())
        if index is not None and index not in found:
            found.add(index)
            waiting.extend(model.graph.node[index].input)
    return found
