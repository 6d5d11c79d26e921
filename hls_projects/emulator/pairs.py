"""Which tensors of an emulator hold two rows in each vector: integers of 16 bits, so that one instruction does both.

A 32-bit element of such a vector is one jet's value: of an even row in its low half, of the next row in its high half.
Linear layers, cuts and sums between 16-bit tensors are made in this form; whoever else reads one takes it apart first.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tritag.export.firmware_layers import CutTo, FirmwareGraph, Layer, Linear, Reshape, Sum
from tritag.quant.formats.fixed import Grid


@dataclass(frozen=True)
class Pairs:
    """How a tensor of paired rows lies in memory: vector ``pair * width + place`` holds rows 2 pair and 2 pair + 1.

    Attributes
    ----------
    rows : int
        Rows, an even number: the first axis of the layer that wrote the tensor.
    width : int
        Integers of a row.
    """

    rows: int
    width: int

    @property
    def size(self) -> int:
        """Vectors of the tensor."""
        return self.rows // 2 * self.width


def is_narrow(low: int, high: int) -> bool:
    """Whether 16 bits hold all integers of an interval."""
    return low >= -(2**15) and high < 2**15


def paired_tensors(graph: FirmwareGraph) -> dict[str, Pairs]:
    """The tensors of ``graph`` that are kept as pairs of rows, those reshaped from them included."""
    given = set(graph.outputs)
    for layer in reversed(graph.layers):
        if isinstance(layer, Reshape) and layer.name in given:
            given.add(layer.sources[0])
    found: dict[str, Pairs] = {}
    for layer in graph.layers:
        shape = graph.shapes[layer.name]
        if isinstance(layer, Reshape):
            if layer.sources[0] in found:
                found[layer.name] = found[layer.sources[0]]
        elif layer.name not in given and shape[0] % 2 == 0:
            pairs = Pairs(shape[0], int(np.prod(shape[1:])))
            if _can_be_made(graph, layer, pairs, found):
                found[layer.name] = pairs
    return found


def _can_be_made(graph: FirmwareGraph, layer: Layer, pairs: Pairs, found: dict[str, Pairs]) -> bool:
    grids = [graph.grids[source] for source in layer.sources]
    own = graph.grids[layer.name]
    if isinstance(layer, Linear):
        # Partial sums may wrap, their end does not.
        both = is_narrow(own.low, own.high) and is_narrow(grids[0].low, grids[0].high)
        return both and layer.weight.shape[1] == pairs.width
    if isinstance(layer, CutTo):
        return found.get(layer.sources[0]) == pairs and is_narrow(*cut_reach(grids[0], layer))
    if isinstance(layer, Sum):
        ends = [end << (own.fraction - grid.fraction) for grid in grids for end in (grid.low, grid.high)]
        any_pairs = any(found.get(source) == pairs for source in layer.sources)
        return any_pairs and is_narrow(min(*ends, own.low), max(*ends, own.high))
    return False


def cut_reach(grid: Grid, layer: CutTo) -> tuple[int, int]:
    """Least and largest integer that cutting an integer of ``grid`` meets, the saturated ones included."""
    shift = grid.fraction - layer.type.fraction
    up, half = max(-shift, 0), 1 << max(shift, 0)
    low, high = (grid.low << up) - half, (grid.high << up) + half
    return min(low, layer.type.int_min), max(high, layer.type.int_max)
