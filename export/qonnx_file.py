"""Export of a quantized tagger to one self-contained QONNX file.

Brevitas writes the graph; here the names become readable, the ops and the Quant node get their bodies as model-local
functions, every tensor gets its shape, and the integer programs travel as metadata for the firmware back ends.
"""

from __future__ import annotations

import dataclasses
import json
import warnings

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import ModelProto, TensorProto, helper, numpy_helper

from tritag.data.jets.candidate_grid import PLAIN
from tritag.export.functions import OPSET, op_function
from tritag.export.metadata import (
    METADATA_CANDIDATES,
    METADATA_INPUTS,
    METADATA_MODULES,
    METADATA_OUTPUTS,
    METADATA_PROGRAMS,
    set_metadata,
)
from tritag.export.quant_node import QUANT_DOMAIN, quant_function
from tritag.export.tensor_names import rename
from tritag.helper_files import temporary_folder
from tritag.quant.layers.tagger import QuantTagger
from tritag.quant.ops.op import ONNX_DOMAIN, BoundProgram, collect_programs
from tritag.quant.weights.coded_linear import with_plain_layers

BATCH = "batch"
# onnxruntime reads files up to IR 13; 10 is enough for what is used.
IR_VERSION = 10


def export_model(tagger: QuantTagger) -> ModelProto:
    """Exported file of ``tagger``, as :func:`export_with_origins` gives it, alone."""
    return export_with_origins(tagger)[0]


def export_with_origins(tagger: QuantTagger) -> tuple[ModelProto, dict[str, str]]:
    """Exported file of ``tagger``, and the PyTorch module that each of its nodes and tensors comes from.

    The file has the inputs ``codes`` (batch, K, 3 + fields) and ``count`` (batch, 1). The output is ``logit``
    (batch, 1, 1), or ``outputs`` (batch, 1, outputs) of a head with several; metadata tell what each stands for. All
    tensors are float32 and hold values on power-of-two grids. A module is named by its path in the network, the network
    itself by an empty text.

    Raises
    ------
    ExportError
        The tagger has no exact form in firmware.
    """
    with warnings.catch_warnings():
        # Brevitas misses a package for something else.
        warnings.filterwarnings("ignore", message="fast_hadamard_transform")
        from brevitas.export import export_qonnx

    tagger = with_plain_layers(tagger.eval())
    k, candidates = tagger.config.n_constituents, tagger.config.candidates
    lanes = len(candidates.fields)
    example = (torch.zeros(1, k, lanes), torch.ones(1, 1))
    meaning = tagger.config.head.output_names
    output = "logit" if meaning == ("logit",) else "outputs"
    names = {"input_names": ["codes", "count"], "output_names": [output]}
    with temporary_folder() as folder, collect_programs() as programs, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = folder / "raw.onnx"
        with torch.no_grad():
            export_qonnx(
                tagger,
                args=example,
                export_path=str(path),
                dynamo=False,
                opset_version=OPSET,
                dynamic_axes={name: {0: BATCH} for name in ("codes", "count", output)},
                custom_opsets={ONNX_DOMAIN: 1},
                **names,
            )
        model = onnx.load(path)
    _drop_constant_inputs(model)
    _drop_casts(model)
    _merge_equal_nodes(model)
    modules, origins = rename(model, programs)
    _attach_functions(model, programs)
    _write_shapes(model, {"codes": np.zeros((1, k, lanes), np.float32), "count": np.ones((1, 1), np.float32)})
    set_metadata(model, METADATA_PROGRAMS, {name: program_entry(b) for name, b in sorted(programs.items())})
    set_metadata(model, METADATA_MODULES, modules)
    set_metadata(model, METADATA_OUTPUTS, list(meaning))
    if candidates != PLAIN:
        set_metadata(model, METADATA_CANDIDATES, dataclasses.asdict(candidates))
    grids = {name: x.known_grid() for name, x in zip(("codes", "count"), tagger.fixed_inputs(*example), strict=True)}
    set_metadata(model, METADATA_INPUTS, {n: [g.low, g.high, g.fraction] for n, g in grids.items()})
    onnx.checker.check_model(model)
    return model, origins


def program_entry(bound: BoundProgram) -> dict[str, object]:
    """What the metadata of a file say of an op's program; its tables are constants of the graph."""
    return {
        "program": json.loads(bound.program.to_json(with_tables=False)),
        "in_fractions": list(bound.in_fractions),
        "out_fractions": list(bound.out_fractions),
    }


def _drop_constant_inputs(model: ModelProto) -> None:
    """Take the weights off the list of graph inputs, where Brevitas also names them."""
    constants = {i.name for i in model.graph.initializer}
    kept = [x for x in model.graph.input if x.name not in constants]
    del model.graph.input[:]
    model.graph.input.extend(kept)


def _drop_casts(model: ModelProto) -> None:
    """Remove casts of float32 to float32, which tracing leaves at the inputs."""
    alias: dict[str, str] = {}
    kept = []
    for node in model.graph.node:
        for i, name in enumerate(node.input):
            node.input[i] = alias.get(name, name)
        if node.op_type == "Cast" and node.attribute[0].i == TensorProto.FLOAT:
            alias[node.output[0]] = node.input[0]
        else:
            kept.append(node)
    del model.graph.node[:]
    model.graph.node.extend(kept)


def _merge_equal_nodes(model: ModelProto) -> None:
    """Keep one of several nodes that compute the same from the same: two layers may ask for the same geometry."""
    values = {i.name: (i.data_type, i.dims, numpy_helper.to_array(i).tobytes()) for i in model.graph.initializer}
    same: dict[str, str] = {}
    seen: dict[str, str] = {}
    for initializer in model.graph.initializer:
        same[initializer.name] = seen.setdefault(repr(values[initializer.name]), initializer.name)
    kept = []
    for node in model.graph.node:
        for i, name in enumerate(node.input):
            node.input[i] = same.get(name, name)
        key = repr((node.domain, node.op_type, list(node.input), [a.SerializeToString() for a in node.attribute]))
        first = seen.setdefault(key, node.output[0])
        if first == node.output[0]:
            kept.append(node)
        else:
            same[node.output[0]] = first
    del model.graph.node[:]
    model.graph.node.extend(kept)
    used = {name for node in kept for name in node.input}
    constants = [i for i in model.graph.initializer if i.name in used]
    del model.graph.initializer[:]
    model.graph.initializer.extend(constants)


def _attach_functions(model: ModelProto, programs: dict[str, BoundProgram]) -> None:
    model.functions.extend(op_function(bound) for _, bound in sorted(programs.items()))
    model.functions.append(quant_function())
    del model.opset_import[:]
    model.opset_import.extend(
        [helper.make_opsetid("", OPSET), helper.make_opsetid(ONNX_DOMAIN, 1), helper.make_opsetid(QUANT_DOMAIN, 2)]
    )
    model.ir_version = IR_VERSION
    model.producer_name, model.producer_version = "tritag", ""


def _write_shapes(model: ModelProto, example: dict[str, np.ndarray]) -> None:
    """Run one jet and note every tensor's shape, with the batch axis symbolic."""
    outputs = [name for node in model.graph.node for name in node.output]
    values = dict(zip(outputs, run_all(model, example, outputs, as_written=True), strict=True))
    constants = _constant_outputs(model)
    final = {x.name for x in model.graph.output}
    for name, value in values.items():
        shape = list(value.shape) if name in constants else [BATCH, *value.shape[1:]]
        if name not in final:
            model.graph.value_info.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))
    for output in model.graph.output:
        shape = [BATCH, *values[output.name].shape[1:]]
        output.CopyFrom(helper.make_tensor_value_info(output.name, TensorProto.FLOAT, shape))


def _constant_outputs(model: ModelProto) -> set[str]:
    """Outputs that depend on constants alone (quantized weights)."""
    constant = {i.name for i in model.graph.initializer}
    for node in model.graph.node:
        if all(name in constant for name in node.input):
            constant.update(node.output)
    return constant - {i.name for i in model.graph.initializer}


def run_all(
    model: ModelProto, feeds: dict[str, np.ndarray], names: list[str], as_written: bool = False
) -> list[np.ndarray]:
    """Values of the tensors ``names``, graph outputs or not, by plain ONNX Runtime; ``as_written``: see `session`."""
    probe = ModelProto()
    probe.CopyFrom(model)
    # Without shapes: ONNX Runtime takes very long to carry the symbolic batch axis through the ops' bodies.
    del probe.graph.value_info[:]
    for value in probe.graph.input:
        value.type.tensor_type.ClearField("shape")
    known = {x.name for x in probe.graph.output}
    probe.graph.output.extend(
        helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in names if name not in known
    )
    return session(probe, as_written).run(names, feeds)


def session(model: ModelProto, as_written: bool = False) -> onnxruntime.InferenceSession:
    """ONNX Runtime session of a model on the CPU, with as many threads as PyTorch has in this process.

    Every tensor of an exported file is an integer on a grid that float32, or inside an op int64, holds exactly, so
    that neither the number of threads nor ONNX Runtime's graph optimisations change a bit. In files of other people
    they do: pairs of QuantizeLinear and DequantizeLinear become integer kernels that round in another way.
    ``as_written`` leaves the optimisations out.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 4 if as_written else 3
    if as_written:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
