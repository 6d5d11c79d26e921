"""What a file says of its tensors, derived again from the layers and the input domain alone.

Shapes, and with them the number of terms of a sum and the rows of a program, are claims of a file like intervals are;
what firmware is made of follows from the inputs' shapes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import cast

import numpy as np

from tritag.data.jets.candidate_grid import PLAIN, CandidateInputs
from tritag.errors import ExportError
from tritag.export.firmware_layers import Concat, Layer, Linear, Op, Product, Transpose
from tritag.identifiers import is_identifier, is_label, unusable_label, unusable_name
from tritag.quant.formats.fixed import Grid
from tritag.quant.integer.program import Program
from tritag.quant.integer.proof import prove
from tritag.quant.ops.jet_scalars import code_grid
from tritag.quant.ops.op import BoundProgram

Shape = tuple[int, ...]
# Stands for the number of jets, which no shape depends on; a prime, so that no reshape can mix it into another axis.
_BATCH = 1_000_003


def check_labels(names: Iterable[object]) -> tuple[str, ...]:
    """Names of the outputs, which stand in comments of C++ and Verilog.

    Raises
    ------
    ExportError
        One of them could end such a comment, or a text.
    """
    given = tuple(names)
    if wrong := [name for name in given if not is_label(name)]:
        raise ExportError(f"graph lint: {unusable_label('an output', wrong[0])}; export the run again")
    return cast("tuple[str, ...]", given)


def check_name(name: str) -> None:
    """Refuse a tensor whose name cannot become a file, C++ or Verilog.

    Raises
    ------
    ExportError
        It is no identifier.
    """
    if not is_identifier(name):
        raise ExportError(f"graph lint: {unusable_name('a tensor', name)}; export the run again")


def check_domain(name: str, grid: Grid, shapes: Mapping[str, Shape], candidates: CandidateInputs = PLAIN) -> None:
    """Refuse another domain of the trigger's inputs than the trigger has.

    Raises
    ------
    ExportError
        The file claims another interval or LSB for ``codes`` or ``count``, or other lanes than its fields.
    """
    lanes = len(candidates.fields)
    if candidates != PLAIN and shapes.get("codes", ())[1:] != (lanes,):
        names = ", ".join(field.name for field in candidates.fields)
        raise ExportError(
            f"graph lint: input codes must have {lanes} lanes ({names}), "
            f"got shape {shapes.get('codes')}; export the run again"
        )
    expected = {"codes": code_grid(candidates), "count": Grid(0, shapes["codes"][0], 0)} if shapes.get("codes") else {}
    if grid != expected.get(name, grid):
        proper = expected[name]
        raise ExportError(
            f"graph lint: input {name} must lie in [{proper.low}, {proper.high}] at 2**-{proper.fraction}, as the "
            f"trigger gives it, got [{grid.low}, {grid.high}] at 2**-{grid.fraction}; export the run again"
        )


def layer_shape(layer: Layer, shapes: Mapping[str, Shape], target: Sequence[int] = ()) -> Shape:
    """Shape of a layer's output without the batch axis, from the shapes of its sources.

    Parameters
    ----------
    target : sequence of int
        Of a reshape: the constant that it reshapes to, with the batch axis.

    Raises
    ------
    ExportError
        The sources do not fit the layer.
    """
    sources = [shapes[name] for name in layer.sources]
    first = sources[0]
    if isinstance(layer, Linear):
        if not first or first[-1] != layer.weight.shape[0] or layer.bias.shape != layer.weight.shape[1:]:
            raise ExportError(
                f"graph lint: {layer.name}: weights {layer.weight.shape} and bias {layer.bias.shape} must fit {first}"
            )
        return (*first[:-1], layer.weight.shape[1])
    if isinstance(layer, Product):
        left, result = layer.equation.split("->")
        sizes: dict[str, int] = {}
        for letters, shape in zip(left.split(","), sources, strict=True):
            for letter, size in zip(letters, shape, strict=True):
                if sizes.setdefault(letter, size) != size:
                    raise ExportError(f"graph lint: {layer.name}: {layer.equation} must fit {sources}")
        return tuple(sizes[letter] for letter in result)
    if isinstance(layer, Transpose):
        if len(first) != 2:
            raise ExportError(f"graph lint: {layer.name} must turn rows and lanes, got a tensor of shape {first}")
        return first[::-1]
    if isinstance(layer, Concat):
        if len(first) < 1 or first[1:] != sources[1][1:]:
            raise ExportError(f"graph lint: {layer.name}: both parts must have rows of one shape, got {sources}")
        return (first[0] + sources[1][0], *first[1:])
    if isinstance(layer, Op):
        rows, node = op_rows(layer, shapes), layer.bound.program.nodes[layer.bound.program.outputs[0].node]
        return (rows if node.per_row else 1, node.lanes)
    return _reshaped(layer, first, target) if target else first


def _reshaped(layer: Layer, shape: Shape, target: Sequence[int]) -> Shape:
    given = (_BATCH, *shape)
    sizes = [given[i] if size == 0 and i < len(given) else size for i, size in enumerate(target)]
    known = int(np.prod([size for size in sizes if size != -1], dtype=object))
    total = int(np.prod(given, dtype=object))
    if sizes.count(-1) == 1 and known > 0 and total % known == 0:
        sizes[sizes.index(-1)] = total // known
    if any(size < 1 for size in sizes) or int(np.prod(sizes, dtype=object)) != total or sizes[0] != _BATCH:
        raise ExportError(f"graph lint: {layer.name}: {shape} must be reshaped within each jet, got {list(target)}")
    return tuple(int(size) for size in sizes[1:])


def op_rows(layer: Op, shapes: Mapping[str, Shape]) -> int:
    """Rows that an op's program runs over: those of its per-row inputs, 1 when it has none.

    Raises
    ------
    ExportError
        An input has other rows or lanes than its tensor.
    """
    program = layer.bound.program
    nodes = [program.nodes[port.node] for port in program.inputs]
    plain = [_rows_and_lanes(shapes[name]) for name in layer.sources]
    rows = next((given[0] for given, node in zip(plain, nodes, strict=True) if given and node.per_row), 1)
    for name, given, node in zip(layer.sources, plain, nodes, strict=True):
        if given != (rows if node.per_row else 1, node.lanes):
            raise ExportError(
                f"graph lint: {layer.name}: tensor {name} of shape {shapes[name]} must have {node.lanes} lanes in "
                f"{rows if node.per_row else 1} rows, as {program.name} takes it"
            )
    return rows


def _rows_and_lanes(shape: Shape) -> Shape:
    """A count (batch, 1) is one row of one lane."""
    return (1, *shape) if len(shape) == 1 else shape


def prove_op(layer: Op, shapes: Mapping[str, Shape], grids: Mapping[str, Grid]) -> None:
    """Prove the intervals of an op's program again, from the grids of the tensors that it reads.

    Raises
    ------
    ExportError
        The file claims something else than follows; the message names the tensor.
    """
    bound: BoundProgram = layer.bound
    program: Program = bound.program
    ends = []
    for name, port, fraction in zip(layer.sources, program.inputs, bound.in_fractions, strict=True):
        grid, accepted = grids[name], program.nodes[port.node]
        if grid != Grid(accepted.low, accepted.high, fraction):
            raise ExportError(
                f"graph lint: {layer.name}: {program.name} must take {name} in [{grid.low}, {grid.high}] at "
                f"2**-{grid.fraction}, which is proven for it, got [{accepted.low}, {accepted.high}] at "
                f"2**-{fraction}; declare inputs by TensorSpec.declare, and export the run again"
            )
        ends.append((grid.low, grid.high))
    try:
        prove(program, op_rows(layer, shapes), ends)
    except ExportError as error:
        raise ExportError(
            f"graph lint: tensor {layer.name}: its program {program.name} must carry the intervals that follow from "
            f"its inputs: {error}; export the run again"
        ) from error
