"""What a run directory says about its tagger, gathered from the files of its steps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tritag.export.cost import count_cost
from tritag.export.graph import read_graph
from tritag.structured import read_json_if_there


def summarise(directory: Path, float_directory: Path | None = None) -> dict[str, Any]:
    """Physics, bit accuracy, static costs and places of a run; parts whose step has not run are None.

    Parameters
    ----------
    directory
        The run directory.
    float_directory
        That of the float run the quantized one started from.
    """
    metrics = read_json_if_there(directory / "metrics.json")
    float_metrics = read_json_if_there(float_directory / "metrics.json") if float_directory else None
    model = directory / "model.qonnx.onnx"
    return {
        "run": directory.name,
        "physics": {
            "float": float_metrics["test"] if float_metrics else None,
            "quantized": metrics["test"] if metrics else None,
        },
        "bit_accuracy": read_json_if_there(directory / "verify.json"),
        "cost": count_cost(read_graph(model)) if model.is_file() else None,
        "csim": read_json_if_there(directory / "csim.json"),
        "rtl": read_json_if_there(directory / "rtl.json"),
        "synth": read_json_if_there(directory / "synth.json"),
        "provenance": read_json_if_there(directory / "provenance.json"),
    }
