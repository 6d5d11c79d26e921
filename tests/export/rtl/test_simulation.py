"""Every instruction, and random programs, as simulated Verilog: the same integers as PyTorch's, at the stated times."""

from __future__ import annotations

import dataclasses
import random
import re

import numpy as np
import pytest

from tests.helpers.op_cases import OP_CASES, grid, mean_pool
from tests.helpers.programs import INSTRUCTIONS, edge_inputs, instruction_program, random_program, unscaled
from tests.helpers.rtl import named_inputs, op_design, reference, report
from tritag.export.rtl.design.design import Design
from tritag.export.rtl.tools.check import check_design, require_right
from tritag.export.rtl.tools.simulation import Simulator, back_to_back, joined, reset_script, with_stalls
from tritag.quant.ops.op import BoundProgram

ROWS = 3
# Beats and interval: a place without a row, jets that overlap; everything at once; a value held for long.
SHAPES = {"two_beats": (2, 3), "parallel": (1, 1), "slow": (3, 9), "long": (300, 300)}
OPS = (
    *("mean_pool_n5", "layer_norm_c3_6bit", "exp_weights_coarse", "empty_jet", "max_pool", "edge_sum_finer", "add_row"),
    *("from_sums", "first_token", "slot_mean"),
)


def _bound(name: str) -> tuple[BoundProgram, int]:
    if name in OP_CASES:
        return OP_CASES[name]()
    if name == "mean_pool_n300":
        return mean_pool(300, 1, grid(6, 3))
    if name in INSTRUCTIONS:
        return unscaled(instruction_program(name, ROWS)), ROWS
    return unscaled(random_program(random.Random(name), ROWS, 30, name)), ROWS


def _cases() -> dict[str, tuple[str, str]]:
    """Name of the design to op and shape: every instruction in one shape, random programs in each."""
    kinds = ["two_beats", "parallel", "slow"]
    cases = {f"{op}_case": (op, kinds[i % 3]) for i, op in enumerate(INSTRUCTIONS)}
    cases |= {f"random_{kind}": (f"random_{kind}", kind) for kind in kinds}
    # More beats than 8 bits count.
    cases["mean_pool_n300_case"] = ("mean_pool_n300", "long")
    return cases | {f"{op}_case": (op, kinds[i % 3]) for i, op in enumerate(OPS)}


CASES = _cases()


@pytest.fixture(scope="module")
def designs() -> dict[str, Design]:
    """All designs."""
    found = {}
    for name, (op, kind) in CASES.items():
        bound, rows = _bound(op)
        beats, interval = SHAPES[kind]
        found[name] = op_design(bound, rows, beats, max(interval, beats), name)
    return found


@pytest.fixture(scope="module")
def simulator(designs: dict[str, Design]) -> Simulator:
    """All designs in one program."""
    return Simulator(list(designs.values()))


@pytest.mark.parametrize("name", CASES)
def test_equals_pytorch(name, designs, simulator):
    design, (bound, rows) = designs[name], _bound(CASES[name][0])
    inputs = edge_inputs(bound.program, rows, np.random.default_rng(len(name)))
    expected = reference(bound, inputs)
    number = list(designs).index(name)
    script = joined(reset_script(design), back_to_back(design, len(expected)))
    answers = simulator.run(number, named_inputs(bound, inputs), script)
    assert report(design, answers, expected) == ""
    assert answers.cycle[0] - 1 == design.latency_cycles
    assert set(np.diff(answers.cycle)) == {design.interval_cycles}


def test_stalls_and_reset(designs):
    """A jet in flight at a reset is lost, those after it are right; a stopped clock changes nothing."""
    name = "random_two_beats"
    bound, rows = _bound(CASES[name][0])
    inputs = edge_inputs(bound.program, rows, np.random.default_rng(5))
    result = check_design(designs[name], named_inputs(bound, inputs), reference(bound, inputs))
    assert [s["differ"] for s in result["scenarios"].values()] == [0, 0, 0]
    require_right(result | {"interval": designs[name].interval_cycles})


# Faults that a bench sees only where registers begin at random, and where in_valid is high while the clock is stopped.
FAULTS = {
    "never_written": (r"assign out_0 = (.*);", r"reg never; assign out_0 = (\1) ^ never;"),
    "enters_while_stopped": (r"else if \(ce\) go_1 <= go_0;", "else if (ce | in_valid) go_1 <= go_0;"),
}


def test_the_bench_sees_what_only_chance_would(designs):
    """Designs that were right with registers that begin at 0 and inputs that rest while the clock does."""
    name = "mean_pool_n5_case"
    bound, rows = _bound(CASES[name][0])
    inputs = edge_inputs(bound.program, rows, np.random.default_rng(5))
    expected, spoilt = reference(bound, inputs), []
    for fault, (line, wrong) in FAULTS.items():
        top, found = re.subn(line, wrong, designs[name].top, count=1)
        assert found == 1, fault
        modules = {module: text.replace(name, fault) for module, text in designs[name].modules.items()}
        spoilt.append(dataclasses.replace(designs[name], name=fault, top=top.replace(name, fault), modules=modules))
    simulator = Simulator(spoilt)
    for number, design in enumerate(spoilt):
        script = joined(reset_script(design), with_stalls(design, len(expected), np.random.default_rng(1)))
        answers = simulator.run(number, named_inputs(bound, inputs), script)
        assert report(design, answers, expected) != "", design.name
