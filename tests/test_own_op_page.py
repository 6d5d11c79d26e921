"""The op and the layer that docs/bring-your-own.md shows: short, the same as in the example, and exact."""

from __future__ import annotations

import ast
from dataclasses import dataclass

import numpy as np
import torch

from tests.helpers.jets import random_jets
from tests.helpers.pages import DOCS, blocks_of
from tests.helpers.taggers import calibrated_tagger
from tritag import plugins
from tritag.export.executors import OnnxRuntimeExecutor, TorchExecutor
from tritag.export.graph import Op, read_graph
from tritag.export.qonnx_file import export_model
from tritag.models.layers.activations import Sigmoid
from tritag.models.layers.broadcast import Multiply
from tritag.models.layers.linear import Linear
from tritag.models.layers.pool import MeanPool
from tritag.models.layers.scalars import N_SCALARS, JetScalars
from tritag.models.layers.tagger import Tagger
from tritag.models.nets.registry import register

EXAMPLE = DOCS.parent / "examples" / "layers" / "tent.py"
K, CHANNELS = 3, 3


@dataclass(frozen=True)
class Parts:
    """Float layer of the example, and the page's composite layer."""

    tent: type
    gate: type


def parts() -> Parts:
    """What a user has who copies the page."""
    module = plugins.load(EXAMPLE)
    (gate,) = (block for block in blocks_of("bring-your-own.md", "python") if block.startswith("class Gate"))
    names = {"nn": torch.nn, "Linear": Linear, "Sigmoid": Sigmoid, "Multiply": Multiply}
    exec(compile(gate, "bring-your-own.md", "exec"), names)
    return Parts(plugins.attribute(f"{module.name}:Tent"), names["Gate"])  # type: ignore[arg-type]


def test_the_page_shows_the_example_and_it_is_short():
    source = EXAMPLE.read_text(encoding="utf-8")
    shown = next(block for block in blocks_of("bring-your-own.md", "python") if block.startswith("class Tent"))
    assert source.endswith(shown)
    assert len([line for line in shown.splitlines() if line.strip()]) <= 20
    assert len(ast.parse(source).body) < 15


def test_the_op_and_the_layer_of_the_page_are_exact():
    own = parts()

    @register("op-of-a-page", dataclass(frozen=True)(type("Sizes", (), {})))
    class Net(Tagger):
        def __init__(self, layers, n_constituents, config):
            super().__init__()
            self.scalars, self.pool = layers(JetScalars, n_constituents), layers(MeanPool, n_constituents)
            self.embed, self.tent = layers(Linear, N_SCALARS, CHANNELS, role="input"), layers(own.tent)
            self.gate, self.head = own.gate(layers, CHANNELS), layers(Linear, CHANNELS, layers.n_outputs, role="output")

        def inputs(self, codes, count):
            return self.scalars(codes, count)

        def score(self, inputs, count):
            return self.head(self.pool(self.gate(self.tent(self.embed(inputs))), count))

    tagger = calibrated_tagger(K, "int8", {}, "op-of-a-page")
    model = export_model(tagger)
    graph = read_graph(model)
    names = {layer.bound.program.name for layer in graph.layers if isinstance(layer, Op)}
    assert {"tent", "table", "multiply"} <= names
    jets = random_jets(np.random.default_rng(3), 300, K)
    expected = TorchExecutor(graph, tagger, model).run(*jets)
    assert len(np.unique(expected)) > 20
    np.testing.assert_array_equal(OnnxRuntimeExecutor(graph, model).run(*jets), expected)
