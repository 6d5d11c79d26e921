"""Costs counted on the exported graph."""

from __future__ import annotations

import dataclasses

import numpy as np

from tritag.export.cost import count_cost
from tritag.export.graph import Linear
from tritag.quant.formats.effective_bits import significant_bits


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


def test_pruned_weights_are_free(exported):
    graph = dataclasses.replace(exported.graph)
    graph.layers = [
        dataclasses.replace(x, weight=np.zeros_like(x.weight)) if isinstance(x, Linear) else x for x in graph.layers
    ]
    before, after = count_cost(exported.graph), count_cost(graph)
    assert after["stages"]["linear"]["effective_bit_operations"] == 0
    assert after["stages"]["attention"] == before["stages"]["attention"]
