"""Reports of taggers that nobody trained: everything but the separation is real."""

from __future__ import annotations

import copy
from functools import cache
from typing import Any

import numpy as np

from tests.helpers.jets import random_jets
from tests.helpers.pins import NETWORKS
from tests.helpers.taggers import calibrated_tagger
from tritag.export.cost import count_cost
from tritag.export.executors import OnnxRuntimeExecutor
from tritag.export.graph import read_graph
from tritag.export.qonnx_file import export_model
from tritag.models.figures.metrics import measure
from tritag.models.nets.head import HeadConfig
from tritag.pipeline.made_design import design_of
from tritag.report.measured import score_curves
from tritag.report.widths import layer_widths

CONSTITUENTS, JETS = 3, 400


def report_of(network: str) -> dict[str, Any]:
    """A copy of :func:`_report_of`, to change as one likes."""
    return copy.deepcopy(_report_of(network))


@cache
def _report_of(network: str) -> dict[str, Any]:
    """Content of report.json for a network of the pins with made-up scores, and an rtl.json that was not simulated."""
    kind, sizes = NETWORKS[network]
    model = export_model(calibrated_tagger(CONSTITUENTS, "ternary", dict(sizes), kind))
    graph = read_graph(model)
    design, settings = design_of(graph, "vu13p-360mhz", 54, CONSTITUENTS)
    rng = np.random.default_rng(3)
    codes, count = random_jets(rng, 40, CONSTITUENTS)
    labels = rng.integers(0, 2, JETS)
    scores = rng.normal(1.6 * labels - 0.8, 1.0)
    outputs = {"float": scores, "quantized": np.rint(scores * 8) / 8}
    executors = ("pytorch", "onnxruntime", "emulator")
    changes = [
        {"transformation": move, "tagger": tagger, "score_median": 0.01, "score_high": 0.07}
        for move in ("boost", "rotation")
        for tagger in ("float", "float, re-gridded", "fixed")
    ]
    history = [{"step": i, "jets_seen": 640 * i, "validation_loss": 1 / i} for i in range(1, 4)]
    return {
        "run": f"{network}-0123abcd",
        "tagger": {
            "network": kind,
            "constituents": CONSTITUENTS,
            "precision": "int8-ternary",
            "data": "top-demo",
            "outputs": ["logit"],
        },
        "physics": {name: measure(given, labels).as_dict() for name, given in outputs.items()},
        "bit_accuracy": [{"executor": name, "jets": 40, "differ": 0} for name in executors],
        "cost": count_cost(graph),
        "csim": None,
        "rtl": settings
        | {"scheduled_latency_cycles": design.latency_cycles, "latency_cycles": None, "interval_cycles": None}
        | {"scenarios": {}},
        "synth": None,
        "provenance": {"train": {"python": "<3.11 & later>"}},
        "equivariance": {"jets": 40, "changes": changes},
        "history": {"float": history, "quantized": history},
        "curves": score_curves(outputs, labels, HeadConfig()),
        "layers": layer_widths(OnnxRuntimeExecutor(graph, model), codes, count),
        "observed_jets": 40,
    }
