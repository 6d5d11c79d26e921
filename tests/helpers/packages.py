"""What packages are made from, without a run: the smallest tagger, and a program that compiles in a moment."""

from __future__ import annotations

from functools import cache

import numpy as np

from tests.helpers.jets import random_jets
from tests.helpers.rtl import timing
from tests.helpers.taggers import TINY, calibrated_tagger
from tritag.export.executors import OnnxRuntimeExecutor
from tritag.export.firmware_layers import CutTo, FirmwareGraph, Linear
from tritag.export.graph import read_graph
from tritag.export.naming import Naming
from tritag.export.qonnx_file import export_model
from tritag.export.rtl.design.design import build
from tritag.export.rtl.design.prefix import prefixed
from tritag.export.words import with_word_scores
from tritag.hls_projects.package.contents import package_files
from tritag.hls_projects.package.delivery import Delivery
from tritag.hls_projects.package.summary import facts_of
from tritag.hls_projects.target import load_target
from tritag.quant.formats.fixed import FixedType, Grid

INTERVAL, JETS = 4, 20


@cache
def tiny_tagger() -> Delivery:
    """A transformer of one block of four channels for one candidate."""
    model = export_model(calibrated_tagger(1, "ternary", TINY))
    graph = read_graph(model)
    jets = random_jets(np.random.default_rng(0), JETS, 1)
    return delivery(graph, jets, OnnxRuntimeExecutor(graph, model).run(*jets), Naming("tiny_tagger", 3))


@cache
def word_tagger() -> Delivery:
    """The same tagger on words."""
    model = with_word_scores(export_model(calibrated_tagger(1, "ternary", TINY)))
    graph = read_graph(model)
    jets = random_jets(np.random.default_rng(0), JETS, 1)
    return delivery(graph, jets, OnnxRuntimeExecutor(graph, model).run(*jets), Naming("word_tagger", 1))


@cache
def cut_sum() -> Delivery:
    """One linear layer and a cut on four features: two outputs, the second one saturates."""
    weight, bias = np.array([[1, -3], [2, 5], [-1, 0], [4, 7]]), np.array([3, -5])
    kind = FixedType(True, 8, 6)
    graph = FirmwareGraph(["features"], ["cut"], output_names=("first", "second"))
    graph.layers = [Linear("sum", ("features",), weight, 0, bias, 0), CutTo("cut", ("sum",), kind)]
    graph.grids = {"features": Grid(-16, 15, 2), "sum": Grid(-220, 230, 2), "cut": Grid(-128, 127, 2)}
    graph.shapes = {"features": (1, 4), "sum": (1, 2), "cut": (1, 2)}
    features = np.random.default_rng(1).integers(-16, 16, (JETS, 1, 4))
    expected = np.clip(features.reshape(JETS, 4) @ weight + (bias << 2), -128, 127)
    return delivery(graph, (features,), expected, Naming("cut_sum", 1))


def delivery(graph: FirmwareGraph, inputs: tuple[np.ndarray, ...], expected: np.ndarray, naming: Naming) -> Delivery:
    """A delivery of a graph whose Verilog was not simulated."""
    target = load_target()
    design = prefixed(build(graph, timing(INTERVAL), 1), naming)
    rtl = {
        "latency_cycles": None,
        "scheduled_latency_cycles": design.latency_cycles,
        "interval_cycles": None,
        "interval": INTERVAL,
        "clock_period_ns": target.clock_period_ns,
        "scenarios": {},
        "estimate": design.estimate(),
    }
    origin = {"run": naming.name, "settings": "0a1b2c3d", "tritag": "0"}
    answers = expected.reshape(len(expected), -1)
    return Delivery(naming, graph, design, target, "vu13p-360mhz", inputs, answers, facts_of(rtl), origin)


@cache
def files_of(delivery: Delivery) -> dict[str, bytes]:
    """The package's files; the exported file is a placeholder."""
    return package_files(delivery, b"onnx")
