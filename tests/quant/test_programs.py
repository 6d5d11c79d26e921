"""Integer programs on PyTorch against an independent interpreter on unbounded integers, value by value."""

from __future__ import annotations

import dataclasses
import random

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.helpers.interpreter import interpret, interpret_all
from tests.helpers.op_cases import OP_CASES
from tests.helpers.programs import INSTRUCTIONS, blocks_program, edge_inputs, instruction_program, random_program
from tritag.errors import ExportError
from tritag.quant.integer import instructions, torch_executor
from tritag.quant.integer.intervals import MAX_BITS, round_half_even
from tritag.quant.integer.plan import Plan
from tritag.quant.integer.program import Port, Program
from tritag.quant.integer.tracer import Tracer


def run_all(program: Program, inputs: list[np.ndarray]) -> list[np.ndarray]:
    """Values of all instructions by the PyTorch executor."""
    ports = [Port(f"v{i}", i) for i in range(len(program.nodes))]
    every = dataclasses.replace(program, outputs=ports)
    return [x.numpy() for x in torch_executor.run(every, [torch.from_numpy(x) for x in inputs])]


def plan_all(program: Program, inputs: list[np.ndarray]) -> list[np.ndarray]:
    """Values of all instructions by a plan, on float64 where that is exact."""
    ports = [Port(f"v{i}", i) for i in range(len(program.nodes))]
    plan = Plan.of(dataclasses.replace(program, outputs=ports), torch.device("cpu"))
    values = plan.run([torch.from_numpy(x) for x in inputs])
    assert not any(bool((x.signbit() & (x == 0)).any()) for x in values)
    return [x.long().numpy() for x in values]


def check_values(program: Program, rows: int, inputs: list[np.ndarray]) -> None:
    """Every instruction's integers must be those of the interpreter, which also checks the intervals."""
    expected = interpret_all(program, inputs, rows)
    for given_ in run_all(program, inputs), plan_all(program, inputs):
        for index, (a, b) in enumerate(zip(expected, given_, strict=True)):
            np.testing.assert_array_equal(b, a, err_msg=f"{program.nodes[index].op} {index} of {program.name}")
    # What fuses instructions does so where no other value is asked for.
    tensors = [torch.from_numpy(x) for x in inputs]
    alone = Plan.of(program, torch.device("cpu")).run(tensors)
    for a, b in zip(torch_executor.run(program, tensors), alone, strict=True):
        np.testing.assert_array_equal(b.long().numpy(), a.numpy(), err_msg=program.name)


def test_every_instruction_has_a_program():
    assert list(INSTRUCTIONS) == list(instructions.INSTRUCTIONS)


@pytest.mark.parametrize("op", INSTRUCTIONS)
@pytest.mark.parametrize("rows", [1, 4])
def test_instruction(op, rows, rng):
    program = instruction_program(op, rows)
    check_values(program, rows, edge_inputs(program, rows, rng))


@settings(max_examples=150)
@given(st.integers(0, 2**32), st.sampled_from([1, 2, 5]), st.integers(10, 60))
def test_random_programs_never_leave_their_intervals(seed, rows, size):
    program = random_program(random.Random(seed), rows, size)
    check_values(program, rows, edge_inputs(program, rows, np.random.default_rng(seed), n_random=4))


@settings(max_examples=60)
@given(st.randoms(use_true_random=False), st.data())
def test_random_programs_on_chosen_inputs(rng, data):
    program = random_program(rng, 2, 25)
    inputs = []
    for port in program.inputs:
        node = program.nodes[port.node]
        size = (2 if node.per_row else 1) * node.lanes
        values = data.draw(st.lists(st.integers(node.low, node.high), min_size=size, max_size=size))
        inputs.append(np.array(values, dtype=np.int64).reshape(1, -1, node.lanes))
    check_values(program, 2, inputs)


@pytest.mark.parametrize("name", OP_CASES)
def test_ops(name, rng):
    bound, rows = OP_CASES[name]()
    inputs = edge_inputs(bound.program, rows, rng, n_random=3)
    check_values(bound.program, rows, inputs)


def test_blocks(rng):
    program = blocks_program(2)
    check_values(program, 2, edge_inputs(program, 2, rng))


def wide_program(low: int, high: int) -> Program:
    """Comparisons, shifts and leading bits at the limit of 62 bits."""
    t = Tracer("wide", 1)
    x, y, s = t.input("x", low, high), t.input("y", low, high), t.input("s", 0, MAX_BITS)
    values = [x.less(y), x.equal(y), x.maximum(y), x.minimum(y), x.less(y).where(x, y), x.clip(low // 2, high // 2)]
    values += [x >> 1, x >> MAX_BITS, x.round_shift(1), x.round_shift(MAX_BITS), x.round_shift_by(s), x.max_lanes()]
    values += [x.absolute(), x.absolute().leading(), x.absolute().normalized(62), x.absolute().normalized(3)]
    for number, value in enumerate(values):
        t.output(f"out{number}", value)
    return t.program


@pytest.mark.parametrize("ends", [(-(2**62) + 1, 2**62 - 1), (2**61 - 3, 2**62 - 1), (-(2**62) + 1, -(2**61))])
def test_widest_values(ends, rng):
    program = wide_program(*ends)
    check_values(program, 1, edge_inputs(program, 1, rng, n_random=200))


def test_leading_one_next_to_powers_of_two():
    """float64 rounds 2**54 - 1 up to 2**54: the leading position must not follow."""
    t = Tracer("lead", 1)
    x = t.input("x", 0, 2**62 - 1)
    t.output("lead", x.leading())
    t.output("norm", x.normalized(5))
    powers = np.array([2**i for i in range(62)], dtype=np.int64)
    values = np.unique(np.concatenate([powers - 1, powers, powers + 1]))
    check_values(t.program, 1, [values[:, None, None]])


@given(st.integers(-(2**70), 2**70), st.integers(0, 66))
def test_round_half_even_on_integers(value, bits):
    from fractions import Fraction

    assert round_half_even(value, bits) == round(Fraction(value, 2**bits))


@settings(max_examples=40)
@given(st.integers(0, 2**32))
def test_interval_bounds_of_single_instructions_are_attained(seed):
    """Exhaustive on small independent arguments: the proven interval is the tightest for one instruction."""
    rng = random.Random(seed)
    low_x, low_y = rng.randint(-6, 3), rng.randint(-6, 3)
    high_x, high_y = low_x + rng.randint(0, 6), low_y + rng.randint(0, 6)
    t = Tracer("tight", 1)
    x, y, s = t.input("x", low_x, high_x), t.input("y", low_y, high_y), t.input("s", 0, 3)
    single = [x + y, x - y, x * y, x * x, x << 3, x >> 1, x.round_shift(2), x.round_shift_by(s), x.shift_left_by(s)]
    single += [x.clip(-2, 2), x.maximum(y), x.minimum(y), x.absolute()]
    single += [s.leading(), s.lookup(t.table("t", [5, -4, 3, 9]))]
    found: list[set[int]] = [set() for _ in single]
    for a in range(low_x, high_x + 1):
        for b in range(low_y, high_y + 1):
            for c in range(4):
                values = interpret(t.program, [[[a]], [[b]], [[c]]], 1)
                for seen, value in zip(found, single, strict=True):
                    seen.add(values[value.index][0][0])
    for seen, value in zip(found, single, strict=True):
        assert (min(seen), max(seen)) == (value.low, value.high), value.node


class TestRefusals:
    """What a program cannot be, refused while it is written."""

    def setup_method(self) -> None:
        self.t = Tracer("op", 3)
        self.x = self.t.input("x", -8, 7, lanes=4)

    def test_too_wide(self):
        big = self.t.input("big", 0, 2**40)
        with pytest.raises(ExportError, match=r"op\.mul: every value must fit 62 bits, got the interval \[0, \d+\]"):
            big * big

    def test_lanes_that_do_not_agree(self):
        with pytest.raises(ExportError, match=r"op\.add: lanes must agree, got \[4, 3\]"):
            self.x + self.t.input("y", 0, 1, lanes=3)

    @pytest.mark.parametrize(
        "act",
        [
            lambda x: x << 63,
            lambda x: x << -1,
            lambda x: x >> 63,
            lambda x: x >> -1,
            lambda x: x.round_shift(63),
            lambda x: x.round_shift_by(x),
            lambda x: x.round_shift_by(x + 60),
            lambda x: x.shift_left_by(x),
            lambda x: x.aligned(x, 5),
            lambda x: x.aligned(x.absolute() + 55, 5),
            lambda x: x.aligned(x.absolute(), 63),
        ],
    )
    def test_shift_out_of_range(self, act):
        with pytest.raises(
            ExportError, match=r"a shift must lie in \[0, 62\] bits, got \[-?\d+, -?\d+\]; clip it first"
        ):
            act(self.x)

    def test_condition_that_is_not_a_bit(self):
        with pytest.raises(ExportError, match=r"a condition must be 0 or 1, got the interval \[-8, 7\]"):
            self.x.where(1, 0)

    @pytest.mark.parametrize(
        ("name", "act"), [("leading", lambda x: x.leading()), ("normalized", lambda x: x.normalized(3))]
    )
    def test_negative_argument(self, name, act):
        with pytest.raises(ExportError, match=rf"the argument of {name} must be >= 0, got the interval \[-8, 7\]"):
            act(self.x)

    def test_index_outside_of_a_table(self):
        table = self.t.table("squares", [0, 1, 4])
        with pytest.raises(
            ExportError, match=r"index of table 'squares' must lie in \[0, 2\], got .* \[0, 3\]; clip it"
        ):
            self.x.clip(0, 3).lookup(table)

    def test_lane_that_does_not_exist(self):
        with pytest.raises(ExportError, match=r"lane must lie in \[0, 3\], got 4"):
            self.x.lane(4)

    def test_sum_over_the_rows_of_a_jet_value(self):
        with pytest.raises(
            ExportError, match=r"sum_rows adds the rows of a per-row value, got a value of the whole jet"
        ):
            self.x.sum_rows().sum_rows()
        with pytest.raises(
            ExportError, match=r"max_rows compares the rows of a per-row value, got a value of the whole"
        ):
            self.x.sum_rows().max_rows()

    @pytest.mark.parametrize("lanes", [[], [4, 1]])
    def test_stack_of_vectors(self, lanes):
        values = [self.x if n == 4 else self.x.lane(0) for n in lanes]
        with pytest.raises(ExportError, match=r"stack takes values of one lane each, got lanes \["):
            self.t.stack(values)

    def test_constant_output(self):
        with pytest.raises(ExportError, match=r"output 'y' of op must depend on an input, but is constant"):
            self.t.output("y", self.t.row_index() + 1)


def test_outputs_are_given_whole():
    """An output that broadcasting has not filled yet has its full shape all the same."""
    t = Tracer("shapes", 3)
    x = t.input("x", 0, 9, lanes=2)
    j = t.input("j", 0, 9, per_row=False)
    t.output("per_row", t.row_index() + j)
    t.output("jet", j + 1)
    t.output("x", x)
    inputs = [torch.zeros(5, 3, 2, dtype=torch.int64), torch.zeros(5, 1, 1, dtype=torch.int64)]
    assert [tuple(y.shape) for y in torch_executor.run(t.program, inputs)] == [(5, 3, 1), (5, 1, 1), (5, 3, 2)]
