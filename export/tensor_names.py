"""Names of the nodes and tensors of an exported file: paths of the PyTorch modules that they come from."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, numpy_helper

from tritag.quant.ops.op import ONNX_DOMAIN, BoundProgram


def rename(model: ModelProto, programs: dict[str, BoundProgram]) -> tuple[dict[str, str], dict[str, str]]:
    """Give readable, unique, C-compatible names: ``blocks_0_query_cut`` for the cut behind that layer.

    Parameters
    ----------
    programs : dict
        Integer programs by the ``op_type`` of the nodes that stand for them.

    Returns
    -------
    The tensor in which the output of each PyTorch module ends, by the module's path; and the path of the module that
    each node and each of its outputs comes from, by their new names.
    """
    modules: dict[str, str] = {}
    paths: list[tuple[NodeProto, str]] = []
    names = _Names({x.name for x in (*model.graph.input, *model.graph.output)})
    tables: dict[str, str] = {}
    for node in model.graph.node:
        path = node.name.split("/")[1:-1]
        paths.append((node, ".".join(path)))
        for depth in range(1, len(path) + 1):
            modules[".".join(path[:depth])] = node.output[0]
        if node.domain == ONNX_DOMAIN:
            for table, wish in _table_wishes(node, path, programs[node.op_type]):
                tables.setdefault(table, wish)
        wish = _wish(node, path, programs)
        for output in node.output:
            if output not in names.taken:
                names.give(output, wish)
        node.name = names.new.get(node.output[0], wish)
    for initializer in model.graph.initializer:
        names.give(initializer.name, tables.get(initializer.name, "") or _constant_wish(initializer))
        initializer.name = names.new[initializer.name]
    for node in model.graph.node:
        for field in (node.input, node.output):
            for i, name in enumerate(field):
                field[i] = names.new.get(name, name)
    del model.graph.value_info[:]
    origins = {name: path for node, path in paths for name in (node.name, *node.output)}
    return {path: names.new.get(tensor, tensor) for path, tensor in modules.items()}, origins


class _Names:
    """New names by old ones; a name that is taken gets a number."""

    def __init__(self, taken: set[str]) -> None:
        self.taken = taken
        self.new: dict[str, str] = {}

    def give(self, old: str, wish: str) -> None:
        wish = re.sub(r"\W+", "_", wish).strip("_")
        new, number = wish, 1
        while new in self.taken:
            number += 1
            new = f"{wish}_{number}"
        self.taken.add(new)
        self.new[old] = new


def _wish(node: NodeProto, path: list[str], programs: dict[str, BoundProgram]) -> str:
    """Name that the outputs of a node should have: path of its module and what it does."""
    kind = node.op_type
    if node.domain == ONNX_DOMAIN:
        kind = programs[kind].program.name
        path = path[:-1] if path and path[-1] == kind else path
    elif kind == "Quant":
        role = next((p for p in ("weight_quant", "bias_quant") if p in path), "cut")
        path = path[: path.index("cut" if role == "cut" else role)] if role in path or "cut" in path else path
        kind = role
    return "_".join((*path, kind.lower()))


def _table_wishes(node: NodeProto, path: list[str], bound: BoundProgram) -> Iterator[tuple[str, str]]:
    """Tables of an op, each with the name that it should have."""
    kind = bound.program.name
    path = path[:-1] if path and path[-1] == kind else path
    for table, name in zip(node.input[len(bound.in_fractions) :], bound.program.table_names, strict=True):
        yield table, "_".join((*path, kind, name))


def _constant_wish(initializer: TensorProto) -> str:
    """Name that a constant should have: that of its parameter, or its values."""
    wish = initializer.name.removeprefix("tagger.")
    if "/" not in wish:
        return wish
    array = numpy_helper.to_array(initializer)
    return ("shape" if array.dtype == np.int64 else "constant") + f"_{'_'.join(map(_label, array.ravel()))}"


def _label(value: float) -> str:
    return f"{value:g}".replace("-", "m").replace(".", "p")
