"""The text form of integer programs: complete, canonical, versioned."""

from __future__ import annotations

import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.helpers.op_cases import OP_CASES
from tests.helpers.programs import random_program
from tritag.errors import ExportError
from tritag.quant.integer.program import FORMAT_VERSION, Program
from tritag.quant.integer.tracer import Tracer
from tritag.quant.ops.op import BoundProgram


@settings(max_examples=50)
@given(st.integers(0, 2**32), st.integers(5, 60))
def test_text_form_holds_the_whole_program(seed, size):
    program = random_program(random.Random(seed), 3, size)
    text = program.to_json()
    again = Program.from_json(text)
    assert again == program
    assert again.to_json() == text
    assert json.loads(text)["format"] == FORMAT_VERSION


@pytest.mark.parametrize("name", OP_CASES)
def test_tables_may_travel_apart(name):
    program = OP_CASES[name]()[0].program
    text = program.to_json(with_tables=False)
    assert Program.from_json(text, program.tables) == program
    assert json.loads(text)["tables"] == {k: len(v) for k, v in program.tables.items()}


def test_other_versions_are_refused():
    plain = json.loads(random_program(random.Random(1), 2, 10).to_json())
    plain["format"] = FORMAT_VERSION + 1
    with pytest.raises(
        ExportError, match=rf"integer program format must be {FORMAT_VERSION}, got 2; export the run again"
    ):
        Program.from_json(json.dumps(plain))


def small_program(high: int, entries: list[int]) -> Program:
    """One lookup."""
    t = Tracer("small", 2)
    t.output("y", t.input("x", 0, high).lookup(t.table("t", entries)))
    return t.program


def test_digest_follows_the_structure_alone():
    assert small_program(2, [1, 5, 9]).digest() == small_program(2, [1, 6, 9]).digest()
    assert small_program(2, [1, 5, 9]).digest() != small_program(2, [1, 5, 10]).digest()  # another interval
    assert small_program(2, [1, 5, 9]).digest() != small_program(1, [1, 5, 9]).digest()


def test_op_type_tells_the_binding_apart():
    program = small_program(2, [1, 5, 9])
    kinds = {BoundProgram(program, (i,), (o,)).op_type for i in (0, 3, -1) for o in (0, 3, -1)}
    assert len(kinds) == 9
    assert BoundProgram(program, (0,), (3,)).op_type == BoundProgram(small_program(2, [1, 6, 9]), (0,), (3,)).op_type


def test_op_types_are_c_identifiers_and_unlike_each_other():
    kinds = [OP_CASES[name]()[0].op_type for name in OP_CASES]
    assert all(kind.isidentifier() and kind.isascii() for kind in kinds)
    assert len(set(kinds)) == len(kinds)
