"""Integer programs broken on purpose, one place at a time, and whether given inputs show it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from tritag.quant.integer.emitter import Place
from tritag.quant.integer.program import Node, Program
from tritag.quant.integer.torch_executor import Runner

# Replaces the result of the instruction at an index: gets the instruction and the values of its arguments.
_FEW = 300

Change = Callable[[Node, Sequence[Tensor]], Tensor]


def execute(program: Program, inputs: Sequence[Tensor], changes: dict[int, Change]) -> list[Tensor]:
    """Outputs with some instructions replaced; inputs (batch, rows or 1, lanes) int64."""
    runner = Runner(program, inputs)
    for index, node in enumerate(program.nodes):
        if index in changes:
            runner.values.append(changes[index](node, [runner.value(a) for a in node.args]))
        else:
            runner.values.append(runner.emit(index))
    return [runner.value(port.node) for port in program.outputs]


def place_mutations(program: Program) -> Iterator[tuple[str, dict[int, Change]]]:
    """Every shift, by one bit more and less, and every rounding, without it; with the name of the place.

    Shifts are the constants of shl, shr, rsh, norm and align, and constants added to a variable shift. A rounding
    becomes a floor.
    """
    for index, node in enumerate(program.nodes):
        if node.op in ("shl", "shr", "rsh", "norm", "align"):
            for step in (-1, 1):
                changed = dataclasses.replace(node, params=(node.params[0] + step,))
                if changed.params[0] >= (1 if node.op in ("rsh", "norm") else 0):
                    yield f"{index}_{node.op}_{step:+d}", {index: _with(changed)}
        if node.op in ("rsh", "rshv"):
            yield f"{index}_{node.op}_floor", {index: _floor}
        if node.op == "align":
            yield f"{index}_{node.op}_floor", {index: _floor_align}
        if node.op == "const" and _is_part_of_a_shift(program, index):
            for step in (-1, 1):
                changed = dataclasses.replace(node, params=tuple(p + step for p in node.params))
                yield f"{index}_shift_constant_{step:+d}", {index: _with(changed)}


def is_equivalent(program: Program, name: str) -> bool:
    """Whether a mutation of :func:`place_mutations` provably changes nothing, whatever the inputs are.

    - An align of the constant 0 gives 0.
    - An align to more bits than its argument has only widens: there is nothing to round.
    """
    index, kind = name.split("_", 1)
    node = program.nodes[int(index)]
    if node.op != "align":
        return False
    source = program.nodes[node.args[0]]
    if source.low == source.high == 0:
        return True
    return kind == "align_floor" and max(-source.low, source.high).bit_length() <= node.params[0]


def is_seen(program: Program, inputs: Sequence[Tensor], expected: Sequence[Tensor], changes: dict[int, Change]) -> bool:
    """Whether an output differs, or the broken program cannot be run at all (a table is left)."""
    # Most are seen by the first jets.
    for jets in (slice(0, _FEW), slice(_FEW, None)):
        try:
            given = execute(program, [x[jets] for x in inputs], changes)
        except (IndexError, RuntimeError):
            return True
        if any(not torch.equal(a.expand_as(b[jets]), b[jets]) for a, b in zip(given, expected, strict=True)):
            return True
    return False


def unseen_entries(program: Program, table: str, inputs: Sequence[Tensor], step: int, repeats: int = 8) -> list[int]:
    """Entries of a table that can be moved by ``step`` without a change of any output for the given inputs.

    Of all jets that read an entry up to ``repeats`` are tried, one entry in each jet's own copy of the table.
    """
    number = program.table_names.index(table)
    reads = [i for i, n in enumerate(program.nodes) if n.op == "lookup" and n.params[0] == number]
    entries = torch.tensor(program.tables[table])
    seen = torch.zeros(len(entries), dtype=torch.bool)
    where = {}

    def note(index: int) -> Change:
        def change(node: Node, arguments: Sequence[Tensor]) -> Tensor:
            where[index] = arguments[0].flatten(1)
            return entries[arguments[0]]

        return change

    expected = execute(program, inputs, {i: note(i) for i in reads})
    readers: dict[int, set[int]] = {}
    for read in where.values():
        jets = torch.arange(len(inputs[0]))[:, None].expand(-1, read.shape[1]) if len(read) > 1 else None
        assert jets is not None, "a lookup must depend on the jet"
        for entry, jet in zip(read.flatten().tolist(), jets.flatten().tolist(), strict=True):
            readers.setdefault(entry, set()).add(jet)
    rng = np.random.default_rng(0)
    for _ in range(repeats):
        left = [e for e in range(len(entries)) if not seen[e] and e in readers]
        if not left:
            break
        jets = torch.tensor([rng.choice(sorted(readers[e])) for e in left])
        broken = torch.tensor(left)[:, None, None]

        def moved(node: Node, arguments: Sequence[Tensor], broken: Tensor = broken) -> Tensor:
            return entries[arguments[0]] + step * (arguments[0] == broken)

        given = execute(program, [x[jets] for x in inputs], {i: moved for i in reads})
        differs = torch.zeros(len(left), dtype=torch.bool)
        for a, b in zip(given, expected, strict=True):
            differs |= (a != b.expand(len(inputs[0]), -1, -1)[jets]).flatten(1).any(1)
        seen[torch.tensor(left)[differs]] = True
    return [e for e in range(len(entries)) if not seen[e]]


def _with(changed: Node) -> Change:
    runner = Runner(Program("changed"), [])
    return lambda node, arguments: runner.apply(Place(0, changed, ()), arguments)


def _floor(node: Node, arguments: Sequence[Tensor]) -> Tensor:
    return arguments[0] >> (node.params[0] if node.op == "rsh" else arguments[1])


def _floor_align(node: Node, arguments: Sequence[Tensor]) -> Tensor:
    x, exponent = arguments
    limit = torch.ones_like(exponent) << (exponent + 1)
    x = torch.maximum(torch.minimum(x, limit), -limit)
    surplus = exponent - (node.params[0] - 1)
    return (x >> surplus.clamp(min=0)) << (-surplus).clamp(min=0)


def _is_part_of_a_shift(program: Program, index: int) -> bool:
    """Whether a constant is added to what another instruction shifts by."""
    sums = {i for i, n in enumerate(program.nodes) if n.op in ("add", "sub") and index in n.args}
    return any(n.op in ("rshv", "shlv", "align") and n.args[1] in sums for n in program.nodes)
