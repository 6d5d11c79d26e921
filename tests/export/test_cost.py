"""Costs counted on the exported graph."""

from __future__ import annotations

import dataclasses

import numpy as np

from tests.helpers.taggers import MINI, SEED, calibrated_tagger
from tritag.export.cost import count_cost
from tritag.export.graph import Linear, read_graph
from tritag.export.qonnx_file import export_model
from tritag.models.nets.registry import TaggerConfig
from tritag.quant.formats.effective_bits import significant_bits
from tritag.quant.measure.cost_taggers import sizes_of


def test_stages_add_up(exported):
    cost = count_cost(exported.graph)
    for key in ("macs", "bit_operations", "effective_bit_operations", "weight_bits", "effective_weight_bits"):
        assert cost[key] == sum(stage.get(key, 0) for stage in cost["stages"].values())
    assert cost["parameters"] == sum(p.numel() for p in exported.tagger.parameters())


def test_effective_bits_follow_the_weights(exported):
    graph = exported.graph
    linears = [layer for layer in graph.layers if isinstance(layer, Linear)]
    expected = sum(
        graph.shapes[layer.name][0]
        * int(significant_bits(layer.weight).sum())
        * graph.grids[layer.sources[0]].type.width
        for layer in linears
    )
    cost = count_cost(graph)
    assert cost["stages"]["linear"]["effective_bit_operations"] == expected
    assert expected < cost["stages"]["linear"]["bit_operations"]


def test_formula_along_the_leading_candidate_counts_the_products_of_the_graph():
    """Weights and attention of the formula are those of the file but for the layers at both ends."""
    k, sizes = 5, {**MINI, **SEED}
    tagger = calibrated_tagger(k, "ternary", sizes, "lloca-seed")
    stages = count_cost(read_graph(export_model(tagger)))["stages"]
    work = sizes_of(TaggerConfig("lloca-seed", k, sizes)).work(k)
    ends = k * tagger.tagger.embed.weight.numel() + tagger.tagger.head.weight.numel()
    weights = sum(stage.hidden for stage in work.values()) + k * work["frames net"].plain_weights
    assert stages["linear"]["macs"] == weights + ends
    assert stages["attention"]["macs"] == work["attention"].products


def test_pruned_weights_are_free(exported):
    graph = dataclasses.replace(exported.graph)
    graph.layers = [
        dataclasses.replace(x, weight=np.zeros_like(x.weight)) if isinstance(x, Linear) else x for x in graph.layers
    ]
    before, after = count_cost(exported.graph), count_cost(graph)
    assert after["stages"]["linear"]["effective_bit_operations"] == 0
    assert after["stages"]["attention"] == before["stages"]["attention"]
