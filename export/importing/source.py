"""Reads somebody's ONNX file: bounds first, domains under one name, constants folded, what does nothing dropped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from tritag.errors import DataError, ExportError, short
from tritag.export.importing.quantizers import Quantizer, linear_node, quant_node
from tritag.quant.requantize.exact import filled

MAX_BYTES = 256 << 20
# Domains under which the same nodes are found.
QUANT_DOMAINS = ("qonnx.custom_op.general", "finn.custom_op.general", "onnx.brevitas")
QUANT_KINDS = ("Quant", "IntQuant", "BipolarQuant")
# Nodes that change no number in a network that is not trained.
_NOTHING = ("Identity", "Dropout")
# Types that a Cast may go to, as the original runs in float32; and of integers, where the numbers are whole before it.
_REALS = (TensorProto.FLOAT, TensorProto.DOUBLE)
_WIDE_INTEGERS = (TensorProto.INT32, TensorProto.INT64)
# Nodes whose outputs are whole numbers, and those that leave whole numbers whole.
_WHOLE = ("Shape", "ArgMax", "QuantizeLinear")
_WHOLE_OF_WHOLE = ("Cast", "Gather", "Unsqueeze", "Squeeze", "Concat", "Slice", "Add", "Sub", "Mul", "Clip", "Reshape")
# Nodes that move quantized weights and leave them as they are.
_MOVING = ("Transpose", "Reshape", "Unsqueeze", "Squeeze", "Identity")


@dataclass(frozen=True)
class Constant:
    """A constant; quantized weights also as integers times a scale (array of Fraction that broadcasts)."""

    array: np.ndarray
    codes: np.ndarray | None = None
    scale: np.ndarray | None = None


@dataclass
class Source:
    """The file's nodes that depend on inputs, in order, its constants, and its inputs with their shapes."""

    model: ModelProto
    nodes: list[NodeProto] = field(default_factory=list)
    constants: dict[str, Constant] = field(default_factory=dict)
    inputs: dict[str, tuple[int, ...]] = field(default_factory=dict)
    outputs: list[str] = field(default_factory=list)

    @property
    def opset(self) -> int:
        """Version of ONNX's own operators; 0 where the file names none."""
        return max((o.version for o in self.model.opset_import if o.domain in ("", "ai.onnx")), default=0)

    def users(self, tensor: str) -> list[NodeProto]:
        """Nodes that read a tensor."""
        return [node for node in self.nodes if tensor in node.input]


def label(node: NodeProto) -> str:
    """A node as messages name it."""
    return f"{node.op_type} {(node.name or (node.output[0] if node.output else ''))[:80]!r}"


@contextmanager
def readable(what: str) -> Iterator[None]:
    """Inside, whatever a malformed file makes go wrong is one ExportError that names ``what``.

    Raises
    ------
    ExportError
        The arrays and attributes of a node do not fit each other.
    """
    try:
        yield
    except ExportError as error:
        text = str(error)
        raise error if text.startswith(what) else ExportError(f"{what}: {text}") from error
    except (ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise ExportError(f"{what}: its inputs and attributes must be those that ONNX asks for ({error})") from error


def load_file(path: Path) -> ModelProto:
    """The file's model; data outside of it must lie in its folder.

    Raises
    ------
    DataError
        It is missing, too large, or no ONNX file.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise DataError(f"{path} must have at most {MAX_BYTES >> 20} MiB, got {path.stat().st_size >> 20}")
        model = onnx.load(path, load_external_data=False)
        for tensor in model.graph.initializer:
            if tensor.data_location == TensorProto.EXTERNAL:
                _check_external(path, tensor)
        onnx.load_external_data_for_model(model, str(path.parent))
    except DataError:
        raise
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}; name an ONNX file") from error
    except Exception as error:
        raise DataError(f"{path} must be an ONNX file, but cannot be read: {str(error)[:200]}") from error
    if not model.graph.node:
        raise DataError(f"{path} must be an ONNX file with nodes, but has none")
    return model


def _check_external(path: Path, tensor: TensorProto) -> None:
    for entry in tensor.external_data:
        if entry.key == "location":
            where = path.parent / entry.value
            if where.is_symlink() or not where.resolve().is_relative_to(path.parent.resolve()):
                raise DataError(
                    f"{path}: data of {short(tensor.name)} must lie in the file's folder, got {short(entry.value)}"
                )


def read_source(model: ModelProto) -> Source:
    """Split a model into constants and what depends on its inputs.

    Raises
    ------
    ExportError
        A shape that is not known, or nodes in no order.
    """
    source = Source(_normalised(model))
    graph = source.model.graph
    source.constants = {i.name: Constant(numpy_helper.to_array(i)) for i in graph.initializer}
    for value in graph.input:
        if value.name not in source.constants:
            source.inputs[value.name] = _shape(value)
    source.outputs = [value.name for value in graph.output]
    alias: dict[str, str] = {}
    known = {*source.constants, *source.inputs, ""}
    whole: set[str] = set()
    for node in graph.node:
        for i, name in enumerate(node.input):
            node.input[i] = alias.get(name, name)
        if unknown := [name for name in node.input if name not in known]:
            raise ExportError(f"{label(node)}: its input {unknown[0][:80]!r} must come before it")
        if twice := [name for name in node.output if name and name in known]:
            raise ExportError(f"{label(node)}: its output {twice[0][:80]!r} must be nothing else's")
        known.update(node.output)
        _check_form(source, node)
        if _is_whole(source, node, whole):
            whole.update(node.output)
        if _does_nothing(node, whole) and node.input[0] not in source.constants:
            alias[node.output[0]] = node.input[0]
        elif all(name in source.constants or not name for name in node.input):
            with readable(label(node)):
                fold(source, node)
        else:
            source.nodes.append(node)
    source.outputs = [alias.get(name, name) for name in source.outputs]
    return source


def _is_whole(source: Source, node: NodeProto, whole: set[str]) -> bool:
    """Whether a node's outputs are whole numbers by its kind, or as all its inputs in ``whole`` or constant are."""
    if node.domain or node.op_type in _WHOLE:
        return not node.domain
    if node.op_type not in _WHOLE_OF_WHOLE:
        return False
    constants = (source.constants[name].array for name in node.input if name in source.constants)
    computed = [name for name in node.input if name and name not in source.constants]
    return all(name in whole for name in computed) and all(np.array_equal(x, np.trunc(x)) for x in constants)


def _does_nothing(node: NodeProto, whole: set[str]) -> bool:
    """Whether a node of what is computed changes no number.

    Raises
    ------
    ExportError
        It is a Cast that cuts off or rounds.
    """
    if node.domain or node.op_type != "Cast":
        return not node.domain and node.op_type in _NOTHING
    to = next((a.i for a in node.attribute if a.name == "to"), 0)
    if to in _REALS or (to in _WIDE_INTEGERS and node.input[0] in whole):
        return True
    raise ExportError(
        f"{label(node)} must go to float32 or float64, or to int32 or int64 from whole numbers, got "
        f"{TensorProto.DataType.Name(to) if to in TensorProto.DataType.values() else to}: it would cut off or round; "
        "put a Quant there"
    )


def _check_form(source: Source, node: NodeProto) -> None:
    """Refuse a node with more inputs than its kind has: somebody else would read it in another way, or not at all."""
    version = source.opset
    most = 4 if node.op_type == "Quant" else 2
    if node.domain == "":
        try:
            most = onnx.defs.get_schema(node.op_type, max(version, 1)).max_input
        except onnx.defs.SchemaError as error:
            raise ExportError(f"{label(node)} is no node of opset {version}") from error
    elif node.domain != QUANT_DOMAINS[0] or node.op_type not in QUANT_KINDS:
        return
    if len(node.input) > most or not node.output:
        raise ExportError(f"{label(node)} must have at most {most} inputs, and an output, got {len(node.input)}")


def _normalised(model: ModelProto) -> ModelProto:
    copy = ModelProto()
    copy.CopyFrom(model)
    for node in copy.graph.node:
        if node.op_type in QUANT_KINDS and node.domain in QUANT_DOMAINS:
            node.domain = QUANT_DOMAINS[0]
            if node.op_type == "IntQuant":
                node.op_type = "Quant"
        elif node.domain == "ai.onnx":
            node.domain = ""
    return copy


def _shape(value: onnx.ValueInfoProto) -> tuple[int, ...]:
    dims = value.type.tensor_type.shape.dim
    sizes = [d.dim_value for d in dims]
    if len(sizes) < 2 or any(n <= 0 for n in sizes[1:]):
        raise ExportError(
            f"input {value.name[:80]!r} must have a batch axis and then axes of known size, got "
            f"{[d.dim_value or d.dim_param or '?' for d in dims]}"
        )
    return tuple(sizes[1:])


def fold(source: Source, node: NodeProto) -> None:
    """Compute a node of constants; quantized ones keep their integers."""
    given = [source.constants.get(name) for name in node.input]
    first = given[0] if given else None
    if node.domain == QUANT_DOMAINS[0] and first is not None:
        quantizer = quant_node(node, [c.array if c else None for c in given[1:]])
        source.constants[node.output[0]] = quantized_constant(first.array, quantizer)
    elif node.op_type == "DequantizeLinear" and node.domain == "" and first is not None:
        zero = given[2].array if len(given) > 2 and given[2] else np.zeros((), first.array.dtype)
        quantizer = linear_node(node, given[1].array if given[1] else None, zero, first.array.shape)
        codes = first.array.astype(np.int64) - quantizer.zero
        source.constants[node.output[0]] = _with_codes(codes, quantizer.scale)
    elif (
        node.op_type in ("Transpose", "Reshape", "Unsqueeze", "Squeeze", "Identity")
        and first
        and first.codes is not None
    ):
        assert first.scale is not None
        shape = first.array.shape
        scale = np.broadcast_to(first.scale, shape)
        numbers = filled(range(first.array.size), shape)
        moved = _run(source, node, [numbers.astype(np.int64), *(c.array if c else None for c in given[1:])])[0]
        flat = moved.ravel()
        codes, scales = (x.ravel()[flat].reshape(moved.shape) for x in (first.codes, scale))
        source.constants[node.output[0]] = _with_codes(codes, scales)
    else:
        results = _run(source, node, [c.array if c else None for c in given])
        for name, array in zip(node.output, results, strict=False):
            source.constants[name] = Constant(np.asarray(array))


def quantized_constant(values: np.ndarray, quantizer: Quantizer) -> Constant:
    """A constant behind a quantizer."""
    return _with_codes(quantizer.codes(values), quantizer.scale)


def _with_codes(codes: np.ndarray, scale: np.ndarray) -> Constant:
    real = codes.astype(np.float64) * scale.astype(np.float64)
    return Constant(real.astype(np.float32), codes, scale)


def _run(source: Source, node: NodeProto, arrays: Sequence[Any]) -> list[np.ndarray]:
    """Outputs of one node of constants, by ONNX's reference evaluator."""
    from onnx.reference import ReferenceEvaluator

    named = {name: array for name, array in zip(node.input, arrays, strict=True) if name}
    infos = [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(np.asarray(a).dtype), None)
        for name, a in named.items()
    ]
    outputs = [helper.make_tensor_value_info(name, TensorProto.UNDEFINED, None) for name in node.output if name]
    graph = helper.make_graph([node], "constant", infos, outputs)
    opsets = [o for o in source.model.opset_import if o.domain in ("", "ai.onnx")] or [helper.make_opsetid("", 18)]
    try:
        part = helper.make_model(graph, opset_imports=opsets)
        return list(ReferenceEvaluator(part).run(None, named))
    except Exception as error:
        raise ExportError(
            f"{label(node)}: it must be computable from constants, but failed: {str(error)[:200]}"
        ) from error
