"""The executors of an exported tagger that need no compiler: PyTorch, ONNX Runtime, QONNX.

All take integer codes and give integer codes. ``layers`` gives every tensor on the way, by its name in the exported
file, so that two executors can be compared layer by layer.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from onnx import ModelProto, NodeProto

from tritag.errors import DataError, ExportError
from tritag.export.feature_vectors import check_features
from tritag.export.graph import FirmwareGraph
from tritag.export.metadata import METADATA_MODULES
from tritag.export.qonnx_file import BATCH, run_all, session
from tritag.quant.formats.tensor import FixedTensor
from tritag.quant.layers.tagger import QuantTagger
from tritag.quant.ops.op import ONNX_DOMAIN
from tritag.structured import parse_json

Progress = Callable[[int], None]


class Executor(ABC):
    """Runs one exported tagger on integer codes.

    Parameters
    ----------
    graph
        The exported file's layers and grids: which integers a tensor's real values stand for.
    """

    name: str
    # Jets a call: bounds the memory of intermediate tensors.
    chunk = 1000

    def __init__(self, graph: FirmwareGraph) -> None:
        self.graph = graph

    def run(self, *inputs: np.ndarray, progress: Progress | None = None) -> np.ndarray:
        """Output codes, int64, (n,) or, of several, (n, outputs), of the integers of the graph's inputs, in its order.

        A tagger takes candidates' codes (n, K, 3) and counts (n,); an imported program its features, (n, features) or
        (n, rows, features).
        """
        (output,) = self.graph.outputs
        shape = (-1,) if self.graph.n_outputs == 1 else (-1, self.graph.n_outputs)
        parts = []
        for part in self._chunks(inputs):
            parts.append(self._integers(output, self._outputs(*part)).reshape(shape))
            if progress is not None:
                progress(len(part[0]))
        return np.concatenate(parts) if parts else np.zeros((0, *shape[1:]), np.int64)

    def layers(self, *inputs: np.ndarray) -> dict[str, np.ndarray]:
        """Codes of every tensor, int64, flattened to (n, -1), by name."""
        found: dict[str, list[np.ndarray]] = {}
        for part in self._chunks(inputs):
            for name, values in self._tensors(*part).items():
                found.setdefault(name, []).append(self._integers(name, values).reshape(len(part[0]), -1))
        return {name: np.concatenate(parts) for name, parts in found.items()}

    @abstractmethod
    def _outputs(self, *inputs: np.ndarray) -> np.ndarray:
        """Real values of the outputs."""

    def _tensors(self, *inputs: np.ndarray) -> dict[str, np.ndarray]:
        """Real values of all tensors of the graph that this executor shows."""
        return {}

    def _chunks(self, inputs: Sequence[np.ndarray]) -> Iterator[tuple[np.ndarray, ...]]:
        """Parts of all inputs, in the shapes that the graph gives them."""
        if self.graph.inputs == ["codes", "count"] and len(inputs) == 2:
            self._check(*inputs)
        else:
            check_features(self.graph, inputs)
        for start in range(0, len(inputs[0]), self.chunk):
            some = slice(start, start + self.chunk)
            yield tuple(
                x[some].reshape(-1, *self.graph.shapes[name]) for name, x in zip(self.graph.inputs, inputs, strict=True)
            )

    def _feeds(self, inputs: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
        """Real values of the inputs, float32, by name, as ONNX takes them."""
        return {
            name: (x * 2.0 ** -self.graph.grids[name].fraction).astype(np.float32)
            for name, x in zip(self.graph.inputs, inputs, strict=True)
        }

    def _check(self, codes: np.ndarray, count: np.ndarray) -> None:
        shape, grid = self.graph.shapes["codes"], self.graph.grids["codes"]
        if codes.shape[1:] != shape or count.shape[:1] != codes.shape[:1]:
            raise DataError(
                f"codes must have shape (n, {shape[0]}, {shape[1]}) with one count each, got {codes.shape} and "
                f"{count.shape}; choose the tagger's K"
            )
        if not (np.issubdtype(codes.dtype, np.integer) and np.issubdtype(count.dtype, np.integer)):
            raise DataError(f"codes and counts must be integers, got {codes.dtype} and {count.dtype}")
        if len(codes) and (codes.min() < grid.low or codes.max() > grid.high):
            raise DataError(f"codes must lie in [{grid.low}, {grid.high}], got [{codes.min()}, {codes.max()}]")
        if len(count) and (count.min() < 0 or count.max() > shape[0]):
            raise DataError(f"counts must lie in [0, {shape[0]}], got [{count.min()}, {count.max()}]")

    def _integers(self, name: str, values: np.ndarray) -> np.ndarray:
        scaled = np.asarray(values, dtype=np.float64) * 2.0 ** self.graph.grids[name].fraction
        codes = np.rint(scaled).astype(np.int64)
        if not np.array_equal(codes, scaled):
            raise DataError(f"{self.name}: values of {name} must lie on their grid; the executor left it")
        return codes


class TorchExecutor(Executor):
    """The quantized PyTorch tagger in evaluation mode."""

    name = "pytorch"

    def __init__(self, graph: FirmwareGraph, tagger: QuantTagger, model: ModelProto) -> None:
        super().__init__(graph)
        self.tagger = tagger.eval()
        metadata = {p.key: p.value for p in model.metadata_props}
        self.modules: dict[str, str] = parse_json(
            metadata.get(METADATA_MODULES, ""), f"metadata {METADATA_MODULES}", ExportError, "export the run again"
        )

    def _outputs(self, *inputs: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return self.tagger(*map(torch.from_numpy, inputs)).numpy()

    def _tensors(self, *inputs: np.ndarray) -> dict[str, np.ndarray]:
        found: dict[str, np.ndarray] = {}
        handles = []
        # A module that runs twice stands behind two tensors of the file, of which its path names one.
        inside: list[Any] = []
        twice: set[str] = set()

        def note(name: str) -> Callable[..., None]:
            def hook(module: Any, arguments: Any, output: Any) -> None:
                if isinstance(output, FixedTensor):
                    inside.append(module)
                    if inside.count(module) > 1:
                        twice.add(name)
                    found[name] = output.value.numpy()

            return hook

        for path, module in self.tagger.tagger.named_modules():
            if path in self.modules and self.modules[path] in self.graph.grids:
                handles.append(module.register_forward_hook(note(self.modules[path])))
        try:
            found[self.graph.outputs[0]] = self._outputs(*inputs)
        finally:
            for handle in handles:
                handle.remove()
        return {name: values for name, values in found.items() if name not in twice}


class OnnxRuntimeExecutor(Executor):
    """Plain ONNX Runtime, which knows nothing of tritag: the ops' bodies are inside the file."""

    name = "onnxruntime"

    def __init__(self, graph: FirmwareGraph, model: ModelProto) -> None:
        super().__init__(graph)
        self.model, self.session = model, session(model)

    def _outputs(self, *inputs: np.ndarray) -> np.ndarray:
        return self.session.run(None, self._feeds(inputs))[0]

    def _tensors(self, *inputs: np.ndarray) -> dict[str, np.ndarray]:
        names = [layer.name for layer in self.graph.layers]
        return dict(zip(names, run_all(self.model, self._feeds(inputs), names), strict=True))


class QonnxExecutor(Executor):
    """QONNX, node by node: its own Quant, ONNX's reference evaluator for the ops' bodies, single-node sessions else."""

    name = "qonnx"

    def __init__(self, graph: FirmwareGraph, model: ModelProto) -> None:
        super().__init__(graph)
        self.model = model
        register_ops(model)
        self._wrapped: tuple[int, Any] | None = None

    def _wrapper(self, batch: int) -> Any:
        from qonnx.core.modelwrapper import ModelWrapper

        if self._wrapped is None or self._wrapped[0] != batch:
            fixed = ModelProto()
            fixed.CopyFrom(self.model)
            for value in (*fixed.graph.input, *fixed.graph.output, *fixed.graph.value_info):
                for dim in value.type.tensor_type.shape.dim:
                    if dim.dim_param == BATCH:
                        dim.dim_value = batch
            self._wrapped = (batch, ModelWrapper(fixed))
        return self._wrapped[1]

    def _context(self, inputs: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
        from qonnx.core.onnx_exec import execute_onnx

        return execute_onnx(self._wrapper(len(inputs[0])), self._feeds(inputs), return_full_exec_context=True)

    def _outputs(self, *inputs: np.ndarray) -> np.ndarray:
        return self._context(inputs)[self.graph.outputs[0]]

    def _tensors(self, *inputs: np.ndarray) -> dict[str, np.ndarray]:
        context = self._context(inputs)
        return {layer.name: context[layer.name] for layer in self.graph.layers}


def _run_body(body: Any) -> Callable[..., None]:
    def execute(self: Any, context: dict[str, Any], graph: Any) -> None:
        node: NodeProto = self.onnx_node
        values = [context[name] for name in node.input]
        outputs = body.run(None, dict(zip(body.input_names, values, strict=True)), attributes={})
        context.update(zip(node.output, outputs, strict=True))

    return execute


def register_ops(model: ModelProto) -> None:
    """Tell QONNX how to execute the op nodes of a file: by the function bodies that the file itself carries.

    QONNX refuses nodes that it does not know: call this before any of its transformations (``cleanup_model``, ...).
    """
    from onnx.reference import ReferenceEvaluator
    from qonnx.custom_op.base import CustomOp
    from qonnx.custom_op.registry import add_op_to_domain

    for function in model.functions:
        if function.domain != ONNX_DOMAIN:
            continue

        members = {
            "execute_node": _run_body(ReferenceEvaluator(function)),
            "get_nodeattr_types": lambda self: {},
            "make_shape_compatible_op": lambda self, model: self.onnx_node,
            "infer_node_datatype": lambda self, model: None,
            "verify_node": lambda self: [],
        }
        add_op_to_domain(ONNX_DOMAIN, type(function.name, (CustomOp,), members))
