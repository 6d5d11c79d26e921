"""The exported file as the list of layers that firmware is made of, every tensor with its proven grid.

This is the one front end of all firmware back ends. It accepts a closed set of patterns and refuses everything else:
a graph that parses has an exact integer meaning (the *graph lint*).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from onnx import FunctionProto, ModelProto, NodeProto, ValueInfoProto, helper, numpy_helper

from tritag.closed import closed
from tritag.configs import build
from tritag.data.jets.candidate_grid import CandidateInputs
from tritag.errors import ExportError
from tritag.export.firmware_layers import (
    Concat,
    CutTo,
    FirmwareGraph,
    Layer,
    Linear,
    Op,
    Product,
    Reshape,
    Sum,
    Transpose,
)
from tritag.export.functions import op_function
from tritag.export.graph_proof import check_domain, check_labels, check_name, layer_shape, prove_op
from tritag.export.metadata import (
    METADATA_CANDIDATES,
    METADATA_INPUTS,
    METADATA_OUTPUT_SCALE,
    METADATA_OUTPUTS,
    METADATA_PROGRAMS,
    metadata_of,
)
from tritag.export.model_file import read_model
from tritag.export.qonnx_file import run_all
from tritag.export.quant_node import QUANT_DOMAIN, quant_function
from tritag.quant.formats.fixed import FixedType, Grid, accumulator_grid, product_grid
from tritag.quant.formats.tensor import check_float32
from tritag.quant.integer.program import Program
from tritag.quant.ops.op import ONNX_DOMAIN, BoundProgram

__all__ = [
    *("Concat", "CutTo", "FirmwareGraph", "Layer", "Linear", "Op", "Product", "Reshape", "Sum", "Transpose"),
    "read_graph",
]


def read_graph(source: ModelProto | Path | str) -> FirmwareGraph:
    """Parse an exported file.

    Raises
    ------
    ExportError
        A node or a number has no exact form in firmware; the message names the node and what is accepted.
    """
    model = source if isinstance(source, ModelProto) else read_model(source)
    where = "the exported model" if isinstance(source, ModelProto) else source
    with closed(where, ExportError, "as `tritag export` wrote it", "export the run again"):
        return _Reader(model).read()


def _shapes(values: Iterable[ValueInfoProto]) -> dict[str, tuple[int, ...]]:
    shaped = [x for x in values if x.type.tensor_type.HasField("shape")]
    return {x.name: tuple(d.dim_value for d in x.type.tensor_type.shape.dim[1:]) for x in shaped}


# Weights and biases in integers: what float32 holds, and what keeps every sum of products within 64 bits.
CODE_BITS = 24


class _Reader:
    def __init__(self, model: ModelProto) -> None:
        self.model = model
        metadata = {p.key: p.value for p in model.metadata_props}
        if METADATA_PROGRAMS not in metadata or METADATA_INPUTS not in metadata:
            raise ExportError("the file must have been written by `tritag export`: it carries no integer programs")
        self.programs = metadata_of(metadata, METADATA_PROGRAMS)
        self.bodies = {(f.domain, f.name): f for f in model.functions}
        self.checked: set[str] = set()
        self.constants = self._evaluate_constants()
        self.graph = FirmwareGraph()
        if METADATA_CANDIDATES in metadata:
            self.graph.candidates = build(CandidateInputs, metadata_of(metadata, METADATA_CANDIDATES), "the candidates")
        # Shapes that the file claims of what is computed; the graph's own follow from the inputs.
        self.claimed = _shapes((*model.graph.value_info, *model.graph.output))
        self.graph.shapes = _shapes(model.graph.input)
        for name, (low, high, fraction) in metadata_of(metadata, METADATA_INPUTS).items():
            check_name(name)
            self.graph.inputs.append(name)
            self.graph.grids[name] = Grid(low, high, fraction)
            check_domain(name, self.graph.grids[name], self.graph.shapes, self.graph.candidates)
        if set(self.graph.inputs) != set(self.graph.shapes):
            raise ExportError(
                f"graph lint: the inputs must be {', '.join(self.graph.shapes)}, got domains of "
                f"{', '.join(self.graph.inputs)}; export the run again"
            )
        self.graph.outputs = [x.name for x in model.graph.output]
        # Files written before there were several outputs have a logit.
        self.graph.output_names = check_labels(metadata_of(metadata, METADATA_OUTPUTS, '["logit"]'))
        self.graph.output_scale = float(metadata_of(metadata, METADATA_OUTPUT_SCALE, "1.0"))

    def _evaluate_constants(self) -> dict[str, np.ndarray]:
        constants = {i.name: numpy_helper.to_array(i) for i in self.model.graph.initializer}
        derived: list[str] = []
        self.scales: dict[str, float] = {}
        for node in self.model.graph.node:
            if all(name in constants or name in derived for name in node.input):
                derived.extend(node.output)
                if node.op_type == "Quant":
                    self._check_quant(node, constants[node.input[2]])
                    self.scales[node.output[0]] = float(constants[node.input[1]])
                elif node.input[0] in self.scales:
                    self.scales[node.output[0]] = self.scales[node.input[0]]
        if derived:
            # The constant part of the graph alone: the rest is yet to be checked, and need not run.
            part = ModelProto()
            part.CopyFrom(self.model)
            for field in (part.graph.node, part.graph.input, part.graph.output, part.graph.value_info):
                del field[:]
            part.graph.node.extend(n for n in self.model.graph.node if n.output[0] in derived)
            constants.update(zip(derived, run_all(part, {}, derived), strict=True))
        return constants

    def read(self) -> FirmwareGraph:
        nodes = [n for n in self.model.graph.node if any(name not in self.constants for name in n.output)]
        skip: set[str] = set()
        for node in nodes:
            if node.output[0] in skip:
                continue
            for layer, grid in self._layers(node, nodes, skip):
                self._append(layer, grid, node)
        self._check_outputs()
        return self.graph

    def _append(self, layer: Layer, grid: Grid, node: NodeProto) -> None:
        """Add a layer with the grid and the shape that follow from its sources."""
        check_name(layer.name)
        target = [int(n) for n in self.constants[node.input[1]]] if isinstance(layer, Reshape) else ()
        shape = layer_shape(layer, self.graph.shapes, target)
        claimed = self.claimed.get(layer.name, shape)
        if claimed != shape:
            self._refuse(node, f"tensor {layer.name} of shape {shape}, which follows from the inputs, got {claimed}")
        self.graph.layers.append(layer)
        self.graph.shapes[layer.name] = shape
        self.graph.grids[layer.name] = check_float32(grid, f"graph lint: {layer.name}")

    def _check_outputs(self) -> None:
        if len(self.graph.outputs) != 1 or self.graph.outputs[0] not in self.graph.grids:
            raise ExportError(f"graph lint: the file must have one output tensor, got {self.graph.outputs}")
        if self.graph.n_outputs != len(self.graph.output_names):
            raise ExportError(
                f"graph lint: the file must have one output tensor of {len(self.graph.output_names)} numbers "
                f"({', '.join(self.graph.output_names)}), got {self.graph.outputs} with {self.graph.n_outputs}"
            )

    def _layers(self, node: NodeProto, nodes: list[NodeProto], skip: set[str]) -> Iterator[tuple[Layer, Grid]]:
        data = tuple(name for name in node.input if name not in self.constants)
        out = node.output[0]
        if node.domain == ONNX_DOMAIN:
            yield self._op(node, out, data)
        elif node.domain == QUANT_DOMAIN and node.op_type == "Quant":
            yield self._cut(node, out)
        elif node.op_type == "MatMul" and data == (node.input[0],):
            yield self._linear(node, nodes, skip)
        elif node.op_type == "Einsum" and len(data) == 2:
            yield self._product(node, out, data)
        elif node.op_type == "Add" and len(data) == 2:
            a, b = data
            if self.graph.shapes[a] != self.graph.shapes[b]:
                self._refuse(node, f"both terms to have one shape, got {self.graph.shapes[a]}, {self.graph.shapes[b]}")
            yield Sum(out, data), self.graph.grids[a].plus(self.graph.grids[b])
        elif node.op_type == "Concat" and len(data) == 2:
            first, second = (self.graph.grids[name] for name in data)
            if node.attribute[0].i != 1 or first.fraction != second.fraction:
                self._refuse(node, "along axis 1, of two tensors with one LSB")
            yield Concat(out, data), first.union(second)
        elif node.op_type == "Transpose" and len(data) == 1:
            if list(node.attribute[0].ints) != [0, 2, 1]:
                self._refuse(node, f"of rows and lanes alone, perm [0, 2, 1], got {list(node.attribute[0].ints)}")
            yield Transpose(out, data), self.graph.grids[data[0]]
        elif node.op_type == "Reshape":
            yield Reshape(out, data), self.graph.grids[data[0]]
        else:
            self._refuse(
                node,
                "one of: MatMul by constant weights and Add of a constant bias, Quant, Add, Einsum, Concat, Reshape, "
                f"Transpose, or an op of domain {ONNX_DOMAIN}",
            )

    def _op(self, node: NodeProto, out: str, data: tuple[str, ...]) -> tuple[Op, Grid]:
        entry = self.programs.get(node.op_type)
        if entry is None:
            self._refuse(node, "its integer program in the file's metadata")
        names, ports = list(entry["program"]["tables"]), entry["program"]["inputs"]
        if data != tuple(node.input[: len(ports)]) or len(node.input) != len(ports) + len(names):
            self._refuse(node, f"{len(ports)} inputs that are not constant and {len(names)} tables")
        contents = [self.constants[name] for name in node.input[len(data) :]]
        tables: dict[str, Sequence[int]] = {
            name: [int(v) for v in table] for name, table in zip(names, contents, strict=True)
        }
        for name, size in entry["program"]["tables"].items():
            if len(tables[name]) != size:
                self._refuse(node, f"{size} entries in table {name}, got {len(tables[name])}")
        program = Program.from_json(json.dumps(entry["program"]), tables)
        bound = BoundProgram(program, tuple(entry["in_fractions"]), tuple(entry["out_fractions"]))
        layer = Op(out, data, bound)
        prove_op(layer, self.graph.shapes, self.graph.grids)
        self._check_body(node, op_function, bound)
        return layer, bound.output_grid()

    def _check_body(self, node: NodeProto, write: Callable[..., FunctionProto], *arguments: BoundProgram) -> None:
        """Firmware is made of the program, other runtimes execute the body: both must say the same."""
        if node.op_type not in self.checked:
            if self.bodies.get((node.domain, node.op_type)) != write(*arguments):
                self._refuse(node, "a function whose body is that of its integer program; export the run again")
            self.checked.add(node.op_type)

    def _cut(self, node: NodeProto, out: str) -> tuple[CutTo, Grid]:
        source, scale, zero_point, bits = node.input
        attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        fraction = self._fraction(node, self.constants[scale])
        width = int(self.constants[bits])
        self._check_quant(node, self.constants[zero_point])
        self._check_body(node, quant_function)
        if attributes["narrow"] or width != float(self.constants[bits]):
            self._refuse(node, "the full range of codes of a whole number of bits")
        fixed = FixedType(bool(attributes["signed"]), width, width - fraction)
        return CutTo(out, (source,), fixed), Grid.of(fixed)

    def _check_quant(self, node: NodeProto, zero_point: Any) -> None:
        attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        if np.any(zero_point):
            self._refuse(node, f"zero point 0, got {zero_point}")
        if attributes["rounding_mode"].upper() not in (b"ROUND", b"HALF_EVEN"):
            self._refuse(node, f"rounding half to even, got {attributes['rounding_mode'].decode()}")

    def _linear(self, node: NodeProto, nodes: list[NodeProto], skip: set[str]) -> tuple[Linear, Grid]:
        users = [n for n in nodes if node.output[0] in n.input]
        if len(users) != 1 or users[0].op_type != "Add":
            self._refuse(node, "to be followed by the addition of its bias alone")
        add = users[0]
        bias_name = next((n for n in add.input if n in self.constants), "")
        if not bias_name:
            self._refuse(add, "a constant bias")
        skip.add(add.output[0])
        source, weight_name = node.input
        weight_scale, bias_scale = self.scales.get(weight_name), self.scales.get(bias_name)
        if weight_scale is None or bias_scale is None:
            self._refuse(node, "quantized weights and bias")
        weight_fraction, bias_fraction = self._fraction(node, weight_scale), self._fraction(node, bias_scale)
        weight = self._codes(node, self.constants[weight_name], weight_fraction)
        bias = self._codes(add, self.constants[bias_name], bias_fraction)
        layer = Linear(add.output[0], (source,), weight, weight_fraction, bias, bias_fraction)
        grid = accumulator_grid(weight, weight_fraction, bias, bias_fraction, self.graph.grids[source])
        return layer, grid

    def _product(self, node: NodeProto, out: str, data: tuple[str, ...]) -> tuple[Product, Grid]:
        text = next(helper.get_attribute_value(a) for a in node.attribute if a.name == "equation").decode()
        left, result = text.replace(" ", "").split("->")
        first, second = left.split(",")
        sizes = {
            letter: size
            for letters, name in ((first, data[0]), (second, data[1]))
            for letter, size in zip(letters[1:], self.graph.shapes[name], strict=True)
        }
        summed = (set(first) | set(second)) - set(result)
        terms = int(np.prod([sizes[letter] for letter in summed]))
        grid = product_grid(self.graph.grids[data[0]], self.graph.grids[data[1]], terms)
        equation = f"{first[1:]},{second[1:]}->{result[1:]}"
        return Product(out, data, equation, terms), grid

    def _codes(self, node: NodeProto, values: np.ndarray, fraction: int) -> np.ndarray:
        scaled = values.astype(np.float64) * 2.0**fraction
        if not np.all(np.abs(scaled) < 2.0**CODE_BITS):
            self._refuse(node, f"constants of at most {CODE_BITS} bits at 2**-{fraction}")
        codes = np.rint(scaled).astype(np.int64)
        if not np.array_equal(codes, scaled):
            self._refuse(node, f"constants that are multiples of 2**-{fraction}, as they were quantized")
        return codes

    def _fraction(self, node: NodeProto, scale: Any) -> int:
        value = float(scale)
        mantissa, exponent = np.frexp(value)
        if mantissa != 0.5:
            self._refuse(node, f"a power-of-two scale, got {value}")
        return 1 - int(exponent)

    def _refuse(self, node: NodeProto, must: str) -> Any:
        raise ExportError(f"graph lint: {node.op_type} {node.name!r} must have or be {must}")
