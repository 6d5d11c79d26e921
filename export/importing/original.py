"""The original file as it is, in qonnx and in ONNX Runtime: what an imported program is compared with."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from onnx import ModelProto, TensorProto, helper, numpy_helper

from tritag.errors import ExportError
from tritag.export.executors import OnnxRuntimeExecutor
from tritag.export.functions import OPSET
from tritag.export.graph import read_graph
from tritag.export.importing.importer import Imported
from tritag.export.importing.runnable import exposing
from tritag.export.qonnx_file import session
from tritag.export.quant_node import QUANT_DOMAIN, quant_function

# Jets of one call: bounds memory. Jets in which the first node that differs is searched.
_CHUNK, _SHOWN = 1000, 64
# Largest share of inputs that ties are taken to differ on; the tests hold a transformer with softmax and norms to it.
_TIES = 0.05


@dataclass(frozen=True)
class Compared:
    """How an imported program compares with the original in float32.

    Attributes
    ----------
    runtime : str
        Who ran the original: ``qonnx`` or ``onnxruntime``.
    jets, differ : int
        Jets compared, and those of which an output, rounded to the program's output grid, is another integer.
    largest_lsb : float
        Largest difference in units of the output grid.
    why_not : str
        Why the original does not run there; empty where it does.
    first_node : str
        The first quantizer of the file at which one of the inputs that differ is rounded to another code.
    first_codes : int
        By how many codes, at most; a tie of a rounding moves one.
    """

    runtime: str
    jets: int
    differ: int
    largest_lsb: float
    why_not: str = ""
    first_node: str = ""
    first_codes: int = 0

    @property
    def beyond_ties(self) -> bool:
        """Whether more differs than ties of roundings explain: more than a twentieth of the inputs, or codes by two."""
        return self.differ > max(1, _TIES * self.jets) or self.first_codes > 1

    @property
    def warning(self) -> str:
        """What to say of a difference beyond ties."""
        at = f"; look at {self.first_node}, where codes differ by up to {self.first_codes}" if self.first_node else ""
        return (
            f"{self.runtime}: the original differs on {self.differ:,} of {self.jets:,} inputs, more than ties of "
            f"roundings explain: the firmware may compute something else than the file{at}"
        )

    def __str__(self) -> str:
        if self.why_not:
            return f"{self.runtime}: the original does not run there ({self.why_not})"
        if not self.differ:
            return f"{self.runtime}: the original gives equal outputs on {self.jets:,} inputs"
        return (
            f"{self.runtime}: the original differs on {self.differ:,} of {self.jets:,} inputs, by at most "
            f"{self.largest_lsb:.3g} LSB" + (f", first at {self.first_node}" if self.first_node else "")
        )


Runner = Callable[[dict[str, np.ndarray]], np.ndarray]


def real_inputs(imported: Imported, inputs: dict[str, np.ndarray], shapes: dict[str, tuple[int, ...]]) -> dict:
    """What the original gets for integers of the program's inputs: float32 in the original's shape and order.

    Parameters
    ----------
    inputs : dict
        Integers (n, ...) by the program's input.
    shapes : dict
        Shapes of the original's inputs without the batch axis.
    """
    found = {}
    for name, codes in inputs.items():
        original, order = imported.inputs[name]
        shape = shapes[original]
        ordered = codes.reshape(len(codes), *(shape[i] for i in order))
        back = np.argsort(order)
        logical = ordered.transpose(0, *(int(i) + 1 for i in back))
        found[original] = (logical * imported.scales[name]).astype(np.float32)
    return found


def in_program_order(imported: Imported, values: np.ndarray) -> np.ndarray:
    """Outputs of the original (n, ...) as the program gives them, (n, outputs)."""
    shaped = values.reshape(len(values), *imported.output_shape)
    return shaped.transpose(0, *(i + 1 for i in imported.output_order)).reshape(
        len(values), math.prod(shaped.shape[1:])
    )


def compared(
    imported: Imported,
    runtime: str,
    run: Runner,
    feeds: dict[str, np.ndarray],
    outputs: np.ndarray,
    lsb: float,
    where: Callable[[np.ndarray], tuple[str, int]] | None = None,
) -> Compared:
    """Compare the program's output integers with the original's numbers; ``where`` finds the first node."""
    parts = []
    n = len(outputs)
    try:
        for start in range(0, n, _CHUNK):
            some = run({name: x[start : start + _CHUNK] for name, x in feeds.items()})
            parts.append(in_program_order(imported, np.asarray(some, np.float64)))
    except Exception as error:
        return Compared(runtime, 0, 0, 0.0, f"{type(error).__name__}: {str(error)[:200]}".replace("\n", " "))
    size = math.prod(imported.output_shape)
    scaled = np.concatenate(parts) / lsb if parts else np.zeros((0, size))
    codes = outputs.reshape(n, size)
    differ = (np.rint(scaled) != codes).any(axis=1)
    # A tie of an output without quantizer may be rounded to either side: half an LSB is no difference of integers.
    differ &= (np.abs(scaled - codes) > 0.5 + 1e-3).any(axis=1)
    some = np.flatnonzero(differ)[:_SHOWN]
    first = where(some) if where is not None and len(some) else ("", 0)
    return Compared(runtime, n, int(differ.sum()), float(np.abs(scaled - codes).max(initial=0.0)), "", *first)


def onnxruntime_runner(model: ModelProto, final: str) -> Runner:
    """The original in ONNX Runtime; its Quant nodes get a body of standard operators.

    Raises
    ------
    ExportError
        A quantizer rounds in another way than that body, or is bipolar.
    """
    own = exposing(model, final, None)
    quants = [n for n in own.graph.node if n.domain == QUANT_DOMAIN]
    for node in quants:
        mode = next((a.s for a in node.attribute if a.name == "rounding_mode"), b"ROUND").upper()
        if node.op_type == "BipolarQuant" or mode not in (b"ROUND", b"HALF_EVEN"):
            raise ExportError(f"ONNX Runtime has no body for {node.op_type} with rounding_mode {mode.decode()}")
        node.op_type = "Quant"
        _float_settings(own, node)
    if quants:
        own.functions.append(quant_function())
    for entry in own.opset_import:
        if entry.domain == "" and quants:
            entry.version = max(entry.version, OPSET if entry.version < 13 and _same_since(own) else entry.version)
    running = session(own, as_written=True)
    return lambda feeds: running.run(None, feeds)[0]


def _float_settings(model: ModelProto, node: object) -> None:
    """Zero points and bits as float32: the body computes with them, and old files have them as integers."""
    arrays = {i.name: i for i in model.graph.initializer}
    for name in list(node.input)[1:]:  # type: ignore[attr-defined]
        if name in arrays and arrays[name].data_type != TensorProto.FLOAT:
            values = numpy_helper.to_array(arrays[name]).astype(np.float32)
            arrays[name].CopyFrom(numpy_helper.from_array(values, name))
    for attribute, value in (("signed", 1), ("narrow", 0)):
        if not any(a.name == attribute for a in node.attribute):  # type: ignore[attr-defined]
            node.attribute.append(helper.make_attribute(attribute, value))  # type: ignore[attr-defined]
    if not any(a.name == "rounding_mode" for a in node.attribute):  # type: ignore[attr-defined]
        node.attribute.append(helper.make_attribute("rounding_mode", "ROUND"))  # type: ignore[attr-defined]


def _same_since(model: ModelProto) -> bool:
    """Whether all standard nodes mean the same in an old opset and in a new one."""
    kinds = {n.op_type for n in model.graph.node if n.domain == ""}
    return kinds <= {"MatMul", "Gemm", "Add", "Sub", "Mul", "Div", "Relu", "Transpose", "Reshape", "Flatten", "Conv"}


def qonnx_runner(model: ModelProto, final: str) -> Runner:
    """The original in qonnx, node by node, with its own Quant."""
    from qonnx.core.modelwrapper import ModelWrapper
    from qonnx.core.onnx_exec import execute_onnx
    from qonnx.transformation.infer_shapes import InferShapes

    known: dict[int, object] = {}

    def run(feeds: dict[str, np.ndarray]) -> np.ndarray:
        batch = len(next(iter(feeds.values())))
        if batch not in known:
            known[batch] = ModelWrapper(exposing(model, final, batch)).transform(InferShapes())
        return execute_onnx(known[batch], feeds)[final]

    return run


def compare_with_original(
    model: ModelProto, imported: Imported, inputs: dict[str, np.ndarray], outputs: np.ndarray, lsb: float
) -> list[Compared]:
    """Compare in qonnx and in ONNX Runtime, where the original runs there.

    Parameters
    ----------
    inputs : dict
        Integers (n, ...) by the program's input.
    outputs : (n,) or (n, outputs) int64
        The program's answers.
    lsb : float
        What one unit of them stands for.
    """
    constants = {i.name for i in model.graph.initializer}
    shapes = {
        v.name: tuple(d.dim_value for d in v.type.tensor_type.shape.dim[1:])
        for v in model.graph.input
        if v.name not in constants
    }
    feeds = real_inputs(imported, inputs, shapes)
    found = []
    for name, make in (("qonnx", qonnx_runner), ("onnxruntime", onnxruntime_runner)):
        try:
            run = make(model, imported.final)
        except Exception as error:
            why = f"{type(error).__name__}: {str(error)[:200]}".replace("\n", " ")
            found.append(Compared(name, 0, 0, 0.0, why))
            continue
        where = (lambda some: _first_node(model, imported, inputs, feeds, some)) if name == "qonnx" else None
        found.append(compared(imported, name, run, feeds, outputs, lsb, where))
    return found


def _first_node(
    model: ModelProto,
    imported: Imported,
    inputs: dict[str, np.ndarray],
    feeds: dict[str, np.ndarray],
    some: np.ndarray,
) -> tuple[str, int]:
    """The first quantizer at which qonnx rounds one of the inputs ``some`` to another code, and by how many codes."""
    from qonnx.core.modelwrapper import ModelWrapper
    from qonnx.core.onnx_exec import execute_onnx
    from qonnx.transformation.infer_shapes import InferShapes

    graph = read_graph(imported.model)
    own = OnnxRuntimeExecutor(graph, imported.model).layers(*(inputs[name][some] for name in graph.inputs))
    wrapped = ModelWrapper(exposing(model, imported.final, len(some))).transform(InferShapes())
    context = execute_onnx(wrapped, {name: x[some] for name, x in feeds.items()}, return_full_exec_context=True)
    names = {node.output[0]: node.name or node.output[0] for node in model.graph.node if node.output}
    for name, value in imported.quantized.items():
        if name not in context or value.tensor not in own:
            continue
        ordered = own[value.tensor].reshape(len(some), *(value.shape[i] for i in value.order))
        codes = ordered.transpose(0, *(int(i) + 1 for i in np.argsort(value.order)))
        scaled = context[name].reshape(codes.shape) / value.scale.astype(np.float64)
        if (off := float(np.abs(scaled - codes).max())) > 0.4:
            return names[name], max(1, round(off))
    return "", 0
