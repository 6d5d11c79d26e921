"""The cases that go through every executor: single instructions, random programs, blocks, and every op."""

from __future__ import annotations

import random
from functools import cache

import numpy as np

from firmware_tests.harness import Case
from tests.helpers.frame_inputs import VECTOR_BITS, block_vectors, calm_inputs
from tests.helpers.jets import crafted_jets, random_jets
from tests.helpers.op_cases import OP_CASES
from tests.helpers.programs import (
    INSTRUCTIONS,
    blocks_program,
    edge_inputs,
    instruction_program,
    random_program,
    unscaled,
)
from tritag.quant.integer.lorentz import FrameBits
from tritag.quant.measure.frame_error import frame_program

N_RANDOM = 8
ROWS = 3
# The Lorentz block alone, at the default widths.
FRAME_BLOCKS = {
    "frame_of_vectors_jet": FrameBits(),
    "frame_of_vectors_candidate": FrameBits().for_candidates(),
}
# Number of jets as networks make them: enough to read every table entry of pair_frames.
FRAME_OPS = {"token_frames": 200, "pair_frames": 3000, "jet_pair_frames": 2000}
NAMES = (
    *(f"only_{op}" for op in INSTRUCTIONS),
    *(f"random_{seed}" for seed in range(N_RANDOM)),
    "blocks",
    *FRAME_BLOCKS,
    *OP_CASES,
)
# Random programs that reach every instruction; the others go through the executors in make test-all.
RANDOM = ("random_0", "random_2", "random_4")
LONG = tuple(name for name in NAMES if name.startswith("random_") and name not in RANDOM)
# The longest C++, which g++ compiles in make test-all only: here it compiles the same block and ops at other sizes,
# and whole taggers that have them.
LONG_IN_CPP = (
    *LONG,
    *(
        "frame_of_vectors_jet",
        "frame_of_vectors_candidate",
        "token_frames",
        "jet_pair_frames",
        "seed_directions_coarse",
    ),
    *("jet_scalars_k1", "jet_scalars_k5", "jet_scalars_k64", "pair_features_k1"),
    *("local_scalars", "local_directions", "local_directions_alone", "token_axes", "axes_directions_alone"),
)


@cache
def make_case(name: str) -> Case:
    """The case of that name, with inputs at the edges of its intervals and random ones."""
    rng = np.random.default_rng(NAMES.index(name))
    if name in OP_CASES:
        bound, rows = OP_CASES[name]()
    elif name == "blocks":
        bound, rows = unscaled(blocks_program(ROWS)), ROWS
    elif name in FRAME_BLOCKS:
        bound, rows = unscaled(frame_program(FRAME_BLOCKS[name], VECTOR_BITS)), 1
    elif name.startswith("only_"):
        bound, rows = unscaled(instruction_program(name.removeprefix("only_"), ROWS)), ROWS
    else:
        rows = rng.choice([1, 2, 5]).item()
        program = random_program(random.Random(name), rows, 40, name)
        bound = unscaled(program)
    # Fewer jets where each has many rows: the C++ is compiled without optimisation.
    inputs = edge_inputs(bound.program, rows, rng, n_random=40 if rows < 50 else 8)
    if name.startswith(("jet_scalars", "seed_scalars", "seed_tokens", "seed_features")):
        jets = [random_jets(rng, 100, rows), crafted_jets(rng, rows)] if rows < 50 else [random_jets(rng, 30, rows)]
        codes, count = (np.concatenate(parts) for parts in zip(*jets, strict=True))
        inputs = [np.concatenate([inputs[0], codes]), np.concatenate([inputs[1], count[:, None, None]])]
    if name in FRAME_BLOCKS:
        inputs = [np.concatenate(parts) for parts in zip(inputs, block_vectors(), strict=True)]
    if name in FRAME_OPS:
        calm = calm_inputs(bound.program, rows, FRAME_OPS[name], rng)
        inputs = [np.concatenate(parts) for parts in zip(inputs, calm, strict=True)]
    if [port.name for port in bound.program.inputs][1:] == ["count"]:
        # Every count, with the contents of the random jets.
        last = rows if bound.program.name != "exp_weights" else bound.program.nodes[1].high
        again = [x[np.arange(last + 1) % len(x)] for x in inputs[:1]]
        inputs = [np.concatenate([inputs[0], *again]), np.concatenate([inputs[1], np.arange(last + 1)[:, None, None]])]
    return Case(name, bound, rows, tuple(inputs))
