"""What a run directory says about its tagger, gathered from the files of its steps."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tritag.export.cost import count_cost
from tritag.export.graph import read_graph


def summarise(directory: Path, float_directory: Path | None = None) -> dict[str, Any]:
    """Physics, bit accuracy, static costs and places of a run; parts whose step has not run are None.

    Parameters
    ----------
    directory
        The run directory.
    float_directory
        That of the float run the quantized one started from.
    """
    metrics = _read(directory / "metrics.json")
    float_metrics = _read(float_directory / "metrics.json") if float_directory else None
    model = directory / "model.qonnx.onnx"
    return {
        "run": directory.name,
        "physics": {
            "float": float_metrics["test"] if float_metrics else None,
            "quantized": metrics["test"] if metrics else None,
        },
        "bit_accuracy": _read(directory / "verify.json"),
        "cost": count_cost(read_graph(model)) if model.is_file() else None,
        "csim": _read(directory / "csim.json"),
        "rtl": _read(directory / "rtl.json"),
        "synth": _read(directory / "synth.json"),
        "provenance": _read(directory / "provenance.json"),
    }


def _read(path: Path) -> Any:
    return json.loads(path.read_text()) if path.is_file() else None
