"""What a run directory says about its tagger, gathered from the files of its steps: the content of report.json."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tritag.export.cost import count_cost
from tritag.export.executors import OnnxRuntimeExecutor
from tritag.export.feature_vectors import load_vectors
from tritag.export.graph import read_graph
from tritag.export.model_file import read_model
from tritag.models.nets.head import HeadConfig
from tritag.models.training.checkpoint import HISTORY_FILE, read_history
from tritag.report.measured import score_curves
from tritag.report.widths import layer_widths
from tritag.structured import read_json_if_there


def summarise(
    directory: Path,
    float_directory: Path | None,
    head: HeadConfig,
    quantized: bool,
    scores: Mapping[Path, Mapping[str, np.ndarray]],
    jet_by_jet: bool = True,
) -> dict[str, Any]:
    """Physics, bit accuracy, costs, curves and places of a run; parts whose step has not run are None or empty.

    Parameters
    ----------
    directory
        The run directory.
    float_directory
        That of the float run the quantized one started from; None of a float run, and of one from the zoo.
    head
        What the outputs stand for.
    quantized
        Whether the run is quantized; one with a float run is.
    scores
        For each of both directories that has them, ``scores`` and ``labels`` of the test jets.
    jet_by_jet
        Whether both stand in the order of the jets; an entry of the zoo has its own in order of the scores, so that
        nothing can be said of single jets.
    """
    where = {"float": float_directory} if float_directory else {}
    where["quantized" if float_directory or quantized else "float"] = directory
    metrics = {name: read_json_if_there(folder / "metrics.json") for name, folder in where.items()}
    physics = {name: found["test"] if found else None for name, found in metrics.items()}
    exported = _exported(directory)
    return {
        "run": directory.name,
        "physics": {"float": None, "quantized": None} | physics,
        "bit_accuracy": read_json_if_there(directory / "verify.json"),
        "cost": count_cost(exported.graph) if exported else None,
        "csim": read_json_if_there(directory / "csim.json"),
        "rtl": read_json_if_there(directory / "rtl.json"),
        "synth": read_json_if_there(directory / "synth.json"),
        "vendor": read_json_if_there(directory / "vendor.json") or [],
        "provenance": read_json_if_there(directory / "provenance.json"),
        "equivariance": read_json_if_there(directory / "equivariance.json"),
        "history": {name: _history(folder) for name, folder in where.items()},
        "curves": _curves(where, scores, head, jet_by_jet),
        **_layers(exported, directory / "vectors.npz"),
    }


def _history(directory: Path) -> list[dict[str, Any]]:
    return read_history(directory) if (directory / HISTORY_FILE).is_file() else []


def _curves(
    where: dict[str, Path], scores: Mapping[Path, Mapping[str, np.ndarray]], head: HeadConfig, jet_by_jet: bool
) -> dict[str, Any]:
    """Curves of the taggers' scores of the same test jets; empty where a run has none."""
    outputs, labels = {}, {}
    for name, directory in where.items():
        if directory in scores:
            outputs[name], labels[name] = scores[directory]["scores"], scores[directory]["labels"]
    if not outputs:
        return {}
    last = list(labels)[-1]
    same = {name: given for name, given in outputs.items() if np.array_equal(labels[name], labels[last])}
    curves = score_curves(same, labels[last], head)
    return curves if jet_by_jet else {name: {"taggers": found["taggers"]} for name, found in curves.items()}


def _exported(directory: Path) -> OnnxRuntimeExecutor | None:
    """The exported tagger with its graph; None where the run is not exported."""
    path = directory / "model.qonnx.onnx"
    if not path.is_file():
        return None
    model = read_model(path)
    return OnnxRuntimeExecutor(read_graph(model), model)


def _layers(exported: OnnxRuntimeExecutor | None, vectors: Path) -> dict[str, Any]:
    """Widths of all layers, and how many golden jets were observed; empty where the run is not exported."""
    if exported is None or not vectors.is_file():
        return {"layers": [], "observed_jets": 0}
    inputs, expected = load_vectors(vectors, exported.graph)
    return {"layers": layer_widths(exported, *inputs), "observed_jets": len(expected)}
