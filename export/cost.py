"""Static cost of an exported tagger, counted on its firmware graph: MACs, bit operations, weights, tables.

A bit operation is a product of one bit by one bit: a multiplication of a and b bits counts a*b (paper, Sec. 3.3);
a ternary weight counts log2(3) bits. Effective bit operations count of every weight only its effective bits
(:mod:`tritag.quant.formats.effective_bits`): a pruned weight is free, a power of two costs the activation's bits.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tritag.export.graph import FirmwareGraph, Layer, Linear, Op, Product
from tritag.quant.formats.effective_bits import significant_bits
from tritag.quant.formats.fixed import int_bits
from tritag.quant.integer.program import Program


def count_cost(graph: FirmwareGraph) -> dict[str, Any]:
    """Costs of one jet, in total and by stage.

    Returns
    -------
    dict
        ``parameters``, ``weight_bits``, ``effective_weight_bits``, ``table_bits``, ``macs``, ``bit_operations``,
        ``effective_bit_operations``, and ``stages``: the same by stage, where "linear" are weights times activations,
        "attention" activations times activations, and every op stands under its own name.
    """
    stages: dict[str, dict[str, float]] = {}
    for layer in graph.layers:
        name, cost = _layer_cost(graph, layer)
        if name:
            stage = stages.setdefault(name, {})
            for key, value in cost.items():
                stage[key] = stage.get(key, 0) + value
    keys = (
        "parameters",
        "weight_bits",
        "effective_weight_bits",
        "table_bits",
        "macs",
        "bit_operations",
        "effective_bit_operations",
    )
    return {**{key: sum(s.get(key, 0) for s in stages.values()) for key in keys}, "stages": stages}


def multiplications(graph: FirmwareGraph, layer: Layer) -> int:
    """Products of a layer for one jet: by weights, of activations, and of values in ops that are no constants."""
    return int(_layer_cost(graph, layer)[1].get("macs", 0))


def _layer_cost(graph: FirmwareGraph, layer: Layer) -> tuple[str, dict[str, float]]:
    if isinstance(layer, Linear):
        rows = math.prod(graph.shapes[layer.name][:-1])
        macs = rows * layer.weight.size
        bits = _weight_bits(layer.weight)
        effective = int(significant_bits(layer.weight).sum())
        source = graph.grids[layer.sources[0]].type.width
        return "linear", {
            "parameters": layer.weight.size + layer.bias.size,
            "weight_bits": layer.weight.size * bits + layer.bias.size * _weight_bits(layer.bias),
            "effective_weight_bits": effective + int(significant_bits(layer.bias).sum()),
            "macs": macs,
            "bit_operations": macs * bits * source,
            "effective_bit_operations": rows * effective * source,
        }
    if isinstance(layer, Product):
        macs = math.prod(graph.shapes[layer.name]) * layer.terms
        a, b = (graph.grids[source].type.width for source in layer.sources)
        return "attention", {"macs": macs, "bit_operations": macs * a * b, "effective_bit_operations": macs * a * b}
    if isinstance(layer, Op):
        return layer.bound.program.name, _program_cost(layer.bound.program, graph.rows(layer))
    return "", {}


def _program_cost(program: Program, rows: int) -> dict[str, float]:
    """Products of two values that are no constants count as MACs; constant products are shifts and additions."""
    macs = bits = 0.0
    for node in program.nodes:
        if node.op == "mul":
            a, b = (program.nodes[i] for i in node.args)
            if "const" not in (a.op, b.op):
                times = node.lanes * (rows if node.per_row else 1)
                macs += times
                bits += times * int_bits(a.low, a.high) * int_bits(b.low, b.high)
    tables = sum(len(t) * int_bits(min(t), max(t)) for t in program.tables.values())
    return {"macs": macs, "bit_operations": bits, "effective_bit_operations": bits, "table_bits": tables}


def _weight_bits(weights: np.ndarray) -> float:
    """Bits of a weight: log2(3) when ternary."""
    low, high = int(weights.min()), int(weights.max())
    return math.log2(3) if max(-low, high) <= 1 else int_bits(low, high)
