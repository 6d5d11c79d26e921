"""Writes the imported program as a file of the tool's own form, node by node, with the grid of every tensor."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, checker, helper, numpy_helper

from tritag.errors import ExportError
from tritag.export.functions import OPSET, op_function
from tritag.export.metadata import (
    METADATA_INPUTS,
    METADATA_MODULES,
    METADATA_OUTPUT_SCALE,
    METADATA_OUTPUTS,
    METADATA_PROGRAMS,
)
from tritag.export.qonnx_file import BATCH, IR_VERSION
from tritag.export.quant_node import QUANT_DOMAIN, quant_function
from tritag.quant.formats.fixed import FixedType, Grid, accumulator_grid, int_bits, product_grid
from tritag.quant.formats.tensor import check_float32
from tritag.quant.ops.op import ONNX_DOMAIN, BoundProgram


class Writer:
    """A file while it is written. Shapes are those of the tensors without the batch axis."""

    def __init__(self) -> None:
        self.nodes: list[NodeProto] = []
        self.shapes: dict[str, tuple[int, ...]] = {}
        self.grids: dict[str, Grid] = {}
        self.inputs: list[str] = []
        self.programs: dict[str, BoundProgram] = {}
        self.constants: dict[str, np.ndarray] = {}
        self.constant_shapes: dict[str, tuple[int, ...]] = {}
        self._equal: dict[tuple, str] = {}

    def name(self, wish: str) -> str:
        """A name that is free: letters, digits and ``_``."""
        clean = re.sub(r"[^A-Za-z0-9]+", "_", wish).strip("_")[:60] or "tensor"
        clean = clean if clean[0].isalpha() else f"t_{clean}"
        name, number = clean, 1
        while name in self.shapes or name in self.constants or name in self.constant_shapes:
            number += 1
            name = f"{clean}_{number}"
        return name

    def input(self, wish: str, shape: tuple[int, ...], grid: Grid) -> str:
        """Declare an input of the program."""
        name = self.name(wish)
        self.inputs.append(name)
        self.shapes[name], self.grids[name] = shape, grid
        return name

    def reshaped(self, tensor: str, shape: tuple[int, ...]) -> str:
        """The tensor in another shape; itself where it has it."""
        if self.shapes[tensor] == shape:
            return tensor
        target = self._constant("shape", np.array([-1, *shape], dtype=np.int64))
        return self._node("Reshape", [tensor, target], f"{tensor}_rows", shape, self.grids[tensor])

    def transposed(self, tensor: str) -> str:
        """A tensor (rows, lanes) as (lanes, rows)."""
        rows, lanes = self.shapes[tensor]
        return self._node("Transpose", [tensor], f"{tensor}_turned", (lanes, rows), self.grids[tensor], perm=[0, 2, 1])

    def linear(self, tensor: str, weight: np.ndarray, bias: np.ndarray, fractions: tuple[int, int], wish: str) -> str:
        """``tensor @ weight + bias`` of integers (n_in, n_out) and (n_out,), with their fractional bits."""
        shape = self.shapes[tensor]
        grid = accumulator_grid(weight, fractions[0], bias, fractions[1], self.grids[tensor])
        product = accumulator_grid(weight, fractions[0], 0 * bias, fractions[0], self.grids[tensor])
        weights, biases = (
            self._quantized(f"{wish}_{what}", x, f)
            for what, x, f in (("weight", weight, fractions[0]), ("bias", bias, fractions[1]))
        )
        shape = (*shape[:-1], weight.shape[1])
        inner = self._node("MatMul", [tensor, weights], f"{wish}_products", shape, product)
        return self._node("Add", [inner, biases], wish, shape, grid)

    def cut(self, tensor: str, fixed: FixedType, wish: str) -> str:
        """Rounded half to even and saturated to a type."""
        scale = self._constant("scale", np.array(2.0**-fixed.fraction, dtype=np.float32))
        parts = [tensor, scale, self._zero(), self._constant("bits", np.array(fixed.width, dtype=np.float32))]
        attributes: dict[str, Any] = {"signed": int(fixed.signed), "narrow": 0, "rounding_mode": "ROUND"}
        return self._node("Quant", parts, wish, self.shapes[tensor], Grid.of(fixed), QUANT_DOMAIN, **attributes)

    def op(self, bound: BoundProgram, tensors: Sequence[str], shape: tuple[int, int], wish: str) -> str:
        """An integer program on tensors (rows, lanes)."""
        known = self.programs.setdefault(bound.op_type, bound)
        tables = [
            self._constant(f"{wish}_{name}", np.array(entries, dtype=np.int64))
            for name, entries in bound.program.tables.items()
        ]
        assert known.program.to_json(with_tables=False) == bound.program.to_json(with_tables=False)
        return self._node(bound.op_type, [*tensors, *tables], wish, shape, bound.output_grid(), ONNX_DOMAIN)

    def sum(self, a: str, b: str, wish: str) -> str:
        """Exact sum of two tensors of one shape, in the finer of their LSBs."""
        return self._node("Add", [a, b], wish, self.shapes[a], self.grids[a].plus(self.grids[b]))

    def product(self, a: str, b: str, equation: str, wish: str) -> str:
        """Exact einsum of two tensors; the equation names no batch axis."""
        left, result = equation.split("->")
        first, second = left.split(",")
        sizes = dict(zip(first, self.shapes[a], strict=True)) | dict(zip(second, self.shapes[b], strict=True))
        terms = int(np.prod([sizes[x] for x in set(sizes) - set(result)]))
        grid = product_grid(self.grids[a], self.grids[b], terms)
        text = f"B{first},B{second}->B{result}"
        return self._node("Einsum", [a, b], wish, tuple(sizes[x] for x in result), grid, equation=text)

    def concat_rows(self, a: str, b: str, wish: str) -> str:
        """The rows of the first tensor before those of the second."""
        shape = (self.shapes[a][0] + self.shapes[b][0], *self.shapes[a][1:])
        return self._node("Concat", [a, b], wish, shape, self.grids[a].union(self.grids[b]), axis=1)

    def finish(self, tensor: str, output_names: Sequence[str], output_scale: float = 1.0) -> ModelProto:
        """The file; its output is ``tensor``, whose grid is in units of ``output_scale``."""

        def info(name: str) -> Any:
            return helper.make_tensor_value_info(name, TensorProto.FLOAT, [BATCH, *self.shapes[name]])

        inner = [name for name in self.shapes if name not in (*self.inputs, tensor)]
        fixed = [helper.make_tensor_value_info(n, TensorProto.FLOAT, list(s)) for n, s in self.constant_shapes.items()]
        graph = helper.make_graph(
            self.nodes,
            "imported",
            [info(name) for name in self.inputs],
            [info(tensor)],
            [numpy_helper.from_array(array, name) for name, array in self.constants.items()],
            value_info=[*map(info, inner), *fixed],
        )
        functions = [op_function(bound) for _, bound in sorted(self.programs.items())]
        domains = [("", OPSET), (ONNX_DOMAIN, 1), (QUANT_DOMAIN, 2)]
        model = helper.make_model(
            graph,
            functions=[*functions, quant_function()],
            opset_imports=[helper.make_opsetid(*d) for d in domains],
            ir_version=IR_VERSION,
            producer_name="tritag",
        )
        programs = {
            name: {
                "program": json.loads(bound.program.to_json(with_tables=False)),
                "in_fractions": list(bound.in_fractions),
                "out_fractions": list(bound.out_fractions),
            }
            for name, bound in sorted(self.programs.items())
        }
        grids = {name: [self.grids[name].low, self.grids[name].high, self.grids[name].fraction] for name in self.inputs}
        notes = {
            METADATA_PROGRAMS: programs,
            METADATA_MODULES: {},
            METADATA_OUTPUTS: list(output_names),
            METADATA_INPUTS: grids,
            METADATA_OUTPUT_SCALE: output_scale,
        }
        helper.set_model_props(model, {key: json.dumps(note, separators=(",", ":")) for key, note in notes.items()})
        checker.check_model(model)
        return model

    def _node(
        self,
        kind: str,
        inputs: Sequence[str],
        wish: str,
        shape: tuple[int, ...],
        grid: Grid,
        domain: str = "",
        **attributes: Any,
    ) -> str:
        name = self.name(wish)
        if not name.endswith("_products"):
            check_float32(grid, wish)
        self.nodes.append(helper.make_node(kind, list(inputs), [name], name=name, domain=domain, **attributes))
        self.shapes[name], self.grids[name] = shape, grid
        return name

    def _quantized(self, wish: str, integers: np.ndarray, fraction: int) -> str:
        low, high = int(integers.min()), int(integers.max())
        fixed = FixedType(True, max(int_bits(min(low, -1), high), 2), 0)
        if fixed.width > 24:
            raise ExportError(f"constants of {wish} must fit 24 bits, got {fixed.width}")
        values = self._constant(wish, (integers * 2.0**-fraction).astype(np.float32))
        scale = self._constant("scale", np.array(2.0**-fraction, dtype=np.float32))
        bits = self._constant("bits", np.array(fixed.width, dtype=np.float32))
        name = self.name(f"{wish}_quant")
        attributes: dict[str, Any] = {"signed": 1, "narrow": 0, "rounding_mode": "ROUND"}
        inputs = [values, scale, self._zero(), bits]
        self.nodes.append(helper.make_node("Quant", inputs, [name], name=name, domain=QUANT_DOMAIN, **attributes))
        self.constant_shapes[name] = integers.shape
        return name

    def _zero(self) -> str:
        return self._constant("zero", np.array(0.0, dtype=np.float32))

    def _constant(self, wish: str, array: np.ndarray) -> str:
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self._equal:
            self._equal[key] = self.name(wish)
            self.constants[self._equal[key]] = array
        return self._equal[key]
