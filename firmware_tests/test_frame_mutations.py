"""The Lorentz block broken on purpose, systematically: every shift, every rounding, every table entry.

Each mutated program runs on the inputs of the firmware case: where its outputs differ from those of the right program,
an executor with that mistake fails ``test_instructions.py``.
"""

from __future__ import annotations

import pytest
import torch

from firmware_tests.cases import FRAME_BLOCKS, FRAME_OPS, make_case
from tests.helpers.marks import often
from tests.helpers.mutations import execute, is_equivalent, is_seen, place_mutations, unseen_entries
from tritag.quant.integer.program import Program

# Number of mutations, so that none is lost unnoticed.
AT_LEAST = {
    "frame_of_vectors_jet": 300,
    "frame_of_vectors_candidate": 300,
    "token_frames": 4,
    "pair_frames": 12,
    "jet_pair_frames": 80,
}
# How far an entry is moved. Pieces have 26 fractional bits, L has 16, and 1/(1 + gamma) counts little where gamma is
# near 1. Weights have 16 bits, and L sees their upper 12.
ROOTS = ("rsqrt_start", "rsqrt_slope", "sqrt_start", "sqrt_slope")
INVERSES = {
    "frame_of_vectors_jet": ("inverse_12_start", "inverse_12_slope"),
    "frame_of_vectors_candidate": ("inverse_14_start", "inverse_14_slope"),
}
RECIPROCALS = ("reciprocal_start", "reciprocal_slope")
ENTRY_STEPS = {
    **dict.fromkeys((*ROOTS, *RECIPROCALS), 1 << 14),
    **{name: 1 << 16 for names in INVERSES.values() for name in names},
    "exp2_12_16": 16,
}
# Pieces of the last octave of 1 + u^2 that no bounded u reaches: those above 3/2 of its start.
BEYOND = 127
# One rounding changes nothing, whatever the inputs are: that of r_1's z component in its product with the x axis. The x
# axis stands in only where r_1 is within 14 degrees of z, so that z is its largest component, of 18 bits or 2**18.
EXACT = {"frame_of_vectors_jet": 1}


def inputs_of(name: str) -> list[torch.Tensor]:
    """Inputs of a firmware case."""
    return [torch.from_numpy(x) for x in make_case(name).inputs]


def place(name: str) -> int:
    """Index of the instruction that a mutation changes."""
    return int(name.split("_", 1)[0])


# The block of a jet is that of a candidate at other widths.
BLOCKS = often((*FRAME_BLOCKS, *FRAME_OPS), ("frame_of_vectors_jet",))


@pytest.mark.parametrize("name", BLOCKS)
def test_every_shift_and_rounding(name):
    """In the block, and in the part of the ops before it: the block is one function, and the same everywhere."""
    program, inputs = make_case(name).bound.program, inputs_of(name)
    # The jets in another order, so that the first few are of all kinds.
    order = torch.randperm(len(inputs[0]), generator=torch.Generator().manual_seed(0))
    inputs = [x[order] for x in inputs]
    expected = execute(program, inputs, {})
    end = len(program.nodes) if name in FRAME_BLOCKS else block_begins(program)
    mutations = [(n, c) for n, c in place_mutations(program) if place(n) < end]
    assert len(mutations) >= AT_LEAST[name]
    unseen = [n for n, changes in mutations if not is_seen(program, inputs, expected, changes)]
    left = [n for n in unseen if not is_equivalent(program, n) and not is_below_the_last_bit(name, program, n)]
    assert len(left) == EXACT.get(name, 0), left
    assert all(n.endswith("_align_floor") for n in left)


def block_begins(program: Program) -> int:
    """Index of the first instruction that scales a vector to the block's 29 bits."""
    return next(i for i, n in enumerate(program.nodes) if n.op == "align" and n.params == (29,))


def is_below_the_last_bit(name: str, program: Program, mutation: str) -> bool:
    """Roundings to 24 bits in the block of candidates, whose case has inputs of 24 bits: they come back exactly."""
    node = program.nodes[place(mutation)]
    return name == "frame_of_vectors_candidate" and mutation.endswith("_align_floor") and node.params == (24,)


@pytest.mark.parametrize(
    ("name", "tables"),
    [
        *((name, (*ROOTS, *inverse)) for name, inverse in INVERSES.items()),
        ("pair_frames", ("exp2_12_16",)),
        ("jet_pair_frames", RECIPROCALS),
    ],
)
def test_every_table_entry(name, tables):
    program, inputs = make_case(name).bound.program, inputs_of(name)
    assert set(tables) <= set(program.tables)
    for table in tables:
        reached = len(program.tables[table]) - (BEYOND if table.startswith("inverse") else 0)
        unseen = unseen_entries(program, table, inputs, ENTRY_STEPS[table], repeats=24)
        assert [entry for entry in unseen if entry < reached] == []


def test_no_other_tables():
    """The tables above are all that the frame ops have, with the same entries."""
    contents: dict[str, tuple[int, ...]] = {}
    for name in [*FRAME_BLOCKS, *FRAME_OPS]:
        for table, entries in make_case(name).bound.program.tables.items():
            assert contents.setdefault(table, entries) == entries
    assert set(contents) == set(ENTRY_STEPS)
