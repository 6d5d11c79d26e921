"""A firmware graph as an hls4ml project (Vitis backend, io_parallel), written and linted.

hls4ml's own QONNX reader computes silently wrong numbers for attention models (docs/limitations.md), so the layers and
the precision of each are given to hls4ml explicitly, from the proven grids of the exported file.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tritag.errors import ExportError
from tritag.export.graph import Concat, CutTo, FirmwareGraph, Layer, Linear, Op, Product, Reshape, Sum, Transpose
from tritag.export.naming import Naming
from tritag.export.words import answers_in_words
from tritag.files import write_text
from tritag.hls_projects.bench import bench_text
from tritag.hls_projects.constants import fill_from_integers
from tritag.hls_projects.cpp import op_function
from tritag.hls_projects.hls4ml_extension import BACKEND, OPS_HEADER, register
from tritag.hls_projects.input_names import input_identifiers
from tritag.hls_projects.own_names import take_names
from tritag.hls_projects.target import TargetConfig
from tritag.hls_projects.word_text import add_words
from tritag.quant.formats.fixed import FixedType

# The names of a project that belongs to no run.
UNNAMED = Naming("tagger")


def write_project(
    graph: FirmwareGraph, target: TargetConfig, folder: Path, trace: bool = False, naming: Naming = UNNAMED
) -> Any:
    """Write the hls4ml project of ``graph`` into ``folder`` and return hls4ml's model.

    Namespaces, top function, guards and library carry the names of ``naming``; weights are headers; nothing in it
    depends on the folder, the day or the machine.

    Raises
    ------
    ExportError
        hls4ml dropped or changed a layer (the project lint).
    """
    from hls4ml.model import ModelGraph

    register()
    arguments = input_identifiers(graph, naming.full)
    layers, formats = _layer_list(graph, target, arguments)
    config = _config(graph, target, folder, formats, trace, naming)
    model = ModelGraph.from_layer_list(config, layers, list(arguments.values()), list(graph.outputs))
    shutil.rmtree(folder, ignore_errors=True)
    model.config.trace_output = trace
    model.write()
    (folder / "firmware" / "nnet_utils" / OPS_HEADER).write_text(ops_header(graph))
    for weights in model.get_weight_variables():
        fill_from_integers(folder / "firmware" / "weights" / f"{weights.name}.h", weights.type.precision.fractional)
    take_names(folder, naming)
    write_text(folder / f"{naming.full}_test.cpp", bench_text(model, naming))
    if answers_in_words(graph):
        variables = (*model.get_input_variables(), *model.get_output_variables())
        add_words(graph, folder, tuple(v.type.name for v in variables), target.interval_cycles, naming)
    lint_project(graph, model)
    return model


def ops_header(graph: FirmwareGraph) -> str:
    """C++ functions of all ops in the graph; equal ops on equally many rows share one function."""
    functions: dict[str, str] = {}
    for layer in graph.layers:
        if isinstance(layer, Op):
            name = _function(graph, layer)
            functions.setdefault(name, op_function(layer.bound, graph.rows(layer), name))
    return "\n".join(
        [
            "#ifndef TRITAG_OPS_H_",
            "#define TRITAG_OPS_H_",
            "",
            "// Written by tritag from the integer programs of the exported file.",
            "",
            '#include "tritag_integer.h"',
            "",
            "namespace nnet {",
            "",
            *functions.values(),
            "} // namespace nnet",
            "",
            "#endif",
            "",
        ]
    )


def lint_project(graph: FirmwareGraph, model: Any) -> None:
    """Check what hls4ml made of the graph: every layer present, called, and of the precision that was asked for.

    Raises
    ------
    ExportError
        Names the layer, what it must be, and what it is.
    """
    made = {layer.name: layer for layer in model.get_layers()}
    for layer in graph.layers:
        if layer.name not in made:
            raise ExportError(f"project lint: hls4ml must keep layer {layer.name!r}, but dropped it")
        node = made[layer.name]
        in_place = isinstance(layer, Reshape)
        if not in_place and not node.get_attr("function_cpp"):
            raise ExportError(
                f"project lint: hls4ml must call a function for {layer.name!r}, but writes no code for it"
            )
        precision = node.get_output_variable().type.precision
        wanted = graph.grids[layer.name].type
        given = (bool(precision.signed), precision.width, precision.integer)
        if given != (wanted.signed, wanted.width, wanted.integer):
            raise ExportError(f"project lint: {layer.name!r} must have type {wanted}, hls4ml gave it {precision}")
        if isinstance(layer, CutTo) and ("RND_CONV" not in str(precision) or "SAT" not in str(precision)):
            raise ExportError(f"project lint: {layer.name!r} must round half to even and saturate, got {precision}")


def _function(graph: FirmwareGraph, layer: Op) -> str:
    """Name of the layer's C++ function. Loops have fixed bounds: the same op on other rows is another function."""
    name = layer.bound.op_type
    rows = {graph.rows(x) for x in graph.layers if isinstance(x, Op) and x.bound.op_type == name}
    return name if len(rows) == 1 else f"{name}_rows{graph.rows(layer)}"


def _layer_list(
    graph: FirmwareGraph, target: TargetConfig, arguments: Mapping[str, str]
) -> tuple[list[dict[str, Any]], dict[str, dict[str, str]]]:
    layers: list[dict[str, Any]] = []
    formats: dict[str, dict[str, str]] = {}
    for name, argument in arguments.items():
        layers.append({"name": argument, "class_name": "InputLayer", "input_shape": list(graph.shapes[name])})
        formats[argument] = {"result": _text(graph.grids[name].type)}
    for layer in graph.layers:
        description, extra = _describe(graph, layer, target)
        sources = [arguments.get(source, source) for source in layer.sources]
        common = {"name": layer.name, "inputs": sources, "outputs": [layer.name]}
        layers.append({**common, **description})
        formats[layer.name] = {"result": _text(graph.grids[layer.name].type), **extra}
    return layers, formats


Described = tuple[dict[str, Any], dict[str, str]]


def _describe(graph: FirmwareGraph, layer: Layer, target: TargetConfig) -> Described:
    """hls4ml's description of a layer, and the precisions it needs besides the result's."""
    shape = graph.shapes[layer.name]
    result = graph.grids[layer.name].type
    if isinstance(layer, Linear):
        return _linear(layer, graph.shapes[layer.sources[0]], shape, result)
    if isinstance(layer, CutTo):
        rounded = {"result": _text(layer.type, exact=False)}
        return {"class_name": "Activation", "activation": "linear", "n_in": int(np.prod(shape))}, rounded
    if isinstance(layer, Sum):
        return {"class_name": "Merge", "op": "add"}, {}
    if isinstance(layer, Product):
        first, second = (graph.shapes[source] for source in layer.sources)
        return {
            "class_name": "Einsum",
            "equation": layer.equation,
            "inp0_shape": first,
            "inp1_shape": second,
            "out_shape": shape,
        }, {"accum": _text(result)}
    if isinstance(layer, Concat):
        return {"class_name": "Concatenate", "op": "concatenate2d", "axis": 1}, {}
    if isinstance(layer, Transpose):
        return {"class_name": "Transpose", "perm": [1, 0]}, {}
    if isinstance(layer, Reshape):
        return {"class_name": "Reshape", "target_shape": list(shape)}, {}
    if isinstance(layer, Op):
        program, rows = layer.bound.program, graph.rows(layer)
        row_interval = max(1, target.interval_cycles // rows)
        return {
            "class_name": "TritagOp",
            "function": _function(graph, layer),
            "out_shape": list(shape),
            "result_format": (result.signed, result.width, result.integer),
            "tables": {name: np.array(table) for name, table in program.tables.items()},
            "interval": target.interval_cycles,
            "row_interval": row_interval,
            "row_units": -(-rows * row_interval // target.interval_cycles),
        }, {}
    raise ExportError(f"layer {layer.name!r} of kind {type(layer).__name__} has no hls4ml form")


def _linear(layer: Linear, source_shape: tuple[int, ...], shape: tuple[int, ...], result: FixedType) -> Described:
    weight = FixedType.covering(int(layer.weight.min()), int(layer.weight.max()), layer.weight_fraction)
    bias = FixedType.covering(int(layer.bias.min()), int(layer.bias.max()), layer.bias_fraction)
    description = {
        "class_name": "EinsumDense",
        "equation": "nc,cd->nd",
        "inp_shape": source_shape,
        "out_shape": shape,
        "weight_data": layer.weight * 2.0**-layer.weight_fraction,
        "bias_data": layer.bias * 2.0**-layer.bias_fraction,
    }
    return description, {"weight": _text(weight), "bias": _text(bias), "accum": _text(result)}


def _text(fixed: FixedType, exact: bool = True) -> str:
    """hls4ml's spelling of a type; ``exact`` for results that need neither rounding nor saturation."""
    modes = "" if exact else ",RND_CONV,SAT"
    return f"{'' if fixed.signed else 'u'}fixed<{fixed.width},{fixed.integer}{modes}>"


def _config(
    graph: FirmwareGraph,
    target: TargetConfig,
    folder: Path,
    formats: dict[str, dict[str, str]],
    trace: bool,
    naming: Naming,
) -> dict[str, Any]:
    interval = target.interval_cycles
    layers = {
        name: {"Precision": precision, "ReuseFactor": interval, "Trace": trace} for name, precision in formats.items()
    }
    return {
        "OutputDir": str(folder),
        "ProjectName": naming.full,
        "Backend": BACKEND,
        "Part": target.part,
        "ClockPeriod": target.clock_period_ns,
        "ClockUncertainty": f"{target.clock_uncertainty_percent}%",
        "IOType": "io_parallel",
        "HLSConfig": {
            "Model": {
                "Precision": "fixed<16,6>",
                "ReuseFactor": interval,
                "Strategy": "Latency",
                "PipelineStyle": "pipeline",
                "PipelineInterval": interval,
            },
            "LayerName": layers,
        },
        "WriterConfig": {
            "Namespace": naming.namespace,
            "WriteWeightsTxt": False,
            "WriteTar": False,
            "WriteEmulationConstants": False,
            "TBOutputStream": "both",
        },
    }
