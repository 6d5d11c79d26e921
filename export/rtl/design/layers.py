"""The layers of the firmware graph as kernels."""

from __future__ import annotations

import numpy as np

from tritag.errors import ExportError
from tritag.export.graph import Concat, CutTo, Layer, Linear, Op, Product, Reshape, Sum, Transpose
from tritag.export.rtl.circuits.arithmetic import narrowed, round_shift, shifted, total
from tritag.export.rtl.circuits.linear import matrix
from tritag.export.rtl.circuits.multiplexers import clip
from tritag.export.rtl.circuits.products import mul
from tritag.export.rtl.design.kernel import Kernel
from tritag.export.rtl.design.layout import joined, spread
from tritag.export.rtl.design.op_kernels import place_program
from tritag.export.rtl.design.pieces import Draft, Tensor, common_layout
from tritag.export.rtl.text.signals import Signal
from tritag.quant.formats.fixed import Grid


def place_layer(draft: Draft, chain: list[Layer]) -> None:
    """Place a layer of the firmware graph, and the cuts behind it that go into the same kernel.

    Raises
    ------
    ExportError
        The layer has no RTL form, or its sources have their rows in different places.
    """
    first, last = chain[0], chain[-1]
    sources = [draft.tensors[s] for s in first.sources]
    match first:
        case Reshape():
            result = _reshaped(draft, first, sources[0])
        case Op():
            result = _op(draft, first, sources)
        case Product():
            result = _product(draft, first, sources)
        case Transpose():
            result = _transposed(draft, first, sources[0])
        case Concat():
            result = _concat(draft, first, sources)
        case Linear() | Sum() | CutTo():
            result = _row_wise(draft, chain, sources)
        case _:
            raise ExportError(f"layer {first.name} of kind {type(first).__name__} has no RTL form")
    draft.tensors[last.name] = result


def _reshaped(draft: Draft, layer: Reshape, source: Tensor) -> Tensor:
    shape = draft.graph.shapes[layer.name]
    rows = shape[0]
    if source.layout is not None and rows == 1 and len(shape) > 1:
        return Tensor(None, [draft.gather(source)])
    if source.layout is not None and rows % source.layout.rows:
        raise ExportError(f"{layer.name}: rows must stay whole, got {rows} rows from {source.layout.rows}")
    return source


def _transposed(draft: Draft, layer: Transpose, source: Tensor) -> Tensor:
    """All entries are kept for as long as the new rows pass, each of which takes one of every old row."""
    rows, lanes = draft.graph.shapes[layer.name]
    entries = draft.gather(source)
    turned = [entries[lane * rows + row] for row in range(rows) for lane in range(lanes)]
    if rows == 1:
        return Tensor(None, [turned])
    layout = spread(rows, draft.beats)
    return Tensor(layout, draft.top.insert(layout, rows, lanes, turned, []))


def _row_wise(draft: Draft, chain: list[Layer], sources: list[Tensor]) -> Tensor:
    layout = common_layout(chain[0].name, sources)
    kernel = draft.kernel(chain[0].name, layout, 1)
    x = [draft.entries(kernel, source) for source in sources]
    values = x[0]
    grid = draft.graph.grids[chain[0].sources[0]]
    for layer in chain:
        grid_out = draft.graph.grids[layer.name]
        if isinstance(layer, Linear):
            values = _linear(draft, kernel, layer, values, grid)
        elif isinstance(layer, Sum):
            grids = [draft.graph.grids[s] for s in layer.sources]
            lifts = [grid_out.fraction - g.fraction for g in grids]
            values = [
                total(kernel.module, [(a, lifts[0], False), (b, lifts[1], False)]) for a, b in zip(*x, strict=True)
            ]
        elif isinstance(layer, CutTo):
            drop = grid.fraction - layer.type.fraction
            low, high = layer.type.int_min, layer.type.int_max
            values = [
                clip(m, round_shift(m, v, drop) if drop > 0 else shifted(m, v, -drop), low, high)
                for m, v in ((kernel.module, v) for v in values)
            ]
        grid = grid_out
    return draft.tensor(kernel, layout, values)


def _linear(draft: Draft, kernel: Kernel, layer: Linear, x: list[Signal], grid: Grid) -> list[Signal]:
    n_in = layer.weight.shape[0]
    product = layer.weight_fraction + grid.fraction
    fraction = max(product, layer.bias_fraction)
    lifts = (fraction - product, fraction - layer.bias_fraction)
    grids = [draft.graph.grids[layer.name]] * len(layer.bias)
    values: list[Signal] = []
    for start in range(0, len(x), n_in):
        values += matrix(kernel.module, x[start : start + n_in], layer.weight, layer.bias, lifts, grids)
    return values


def _product(draft: Draft, layer: Product, sources: list[Tensor]) -> Tensor:
    left, result = layer.equation.split("->")
    letters = left.split(",")
    sizes = {
        letter: size
        for names, source in zip(letters, layer.sources, strict=True)
        for letter, size in zip(names, draft.graph.shapes[source], strict=True)
    }
    row = result[0]
    moving = [s.layout is not None and names[0] == row for s, names in zip(sources, letters, strict=True)]
    if any(row in names and not moves for names, moves in zip(letters, moving, strict=True)):
        # A row's product would have to choose its part of the other operand: all rows at once instead.
        moving = [False, False]
    layout = common_layout(layer.name, [s for s, moves in zip(sources, moving, strict=True) if moves])
    kernel = draft.kernel(layer.name, layout, 1)
    entries = [
        draft.entries(kernel, s if moves else Tensor(None, [draft.gather(s)]))
        for s, moves in zip(sources, moving, strict=True)
    ]
    m, grid = kernel.module, draft.graph.grids[layer.name]
    free = [c for c in result if not (layout is not None and c == row)]
    summed = sorted((set(letters[0]) | set(letters[1])) - set(result))
    values = []
    for index in np.ndindex(*(sizes[c] for c in free)):
        terms = []
        for inner in np.ndindex(*(sizes[c] for c in summed)):
            at = dict(zip([*free, *summed], [*index, *inner], strict=True))
            at.setdefault(row, 0)
            factors = []
            for names, values_of, moves in zip(letters, entries, moving, strict=True):
                shape = [1 if moves and c == row else sizes[c] for c in names]
                where = [0 if moves and c == row else at[c] for c in names]
                factors.append(values_of[int(np.ravel_multi_index(where, shape))])
            terms.append((mul(m, *factors), 0, False))
        value = total(m, terms)
        values.append(narrowed(m, value, max(value.low, grid.low), min(value.high, grid.high)))
    return draft.tensor(kernel, layout, values)


def _concat(draft: Draft, layer: Concat, sources: list[Tensor]) -> Tensor:
    first, second = sources
    lanes = int(np.prod(draft.graph.shapes[layer.name][1:]))
    if first.layout is not None:
        raise ExportError(f"{layer.name}: the first rows of a concatenation must be values of the jet")
    jets = first.cells[0]
    if second.layout is None:
        return Tensor(None, [[*jets, *second.cells[0]]])
    rows = len(jets) // lanes
    layout = joined(rows, second.layout, min(draft.beats + rows, draft.timing.interval))
    return Tensor(layout, draft.top.insert(layout, rows, lanes, jets, second.cells))


def _op(draft: Draft, layer: Op, sources: list[Tensor]) -> Tensor:
    (result,) = place_program(draft, layer.name, layer.bound.program, draft.graph.rows(layer), sources)
    return result


__all__ = ["place_layer"]
