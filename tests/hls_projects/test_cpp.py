"""The C++ of integer programs as text: fixed loops, proven widths, passes."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.helpers.op_cases import OP_CASES
from tests.helpers.programs import INSTRUCTIONS, instruction_program, random_program, unscaled
from tritag.hls_projects.cpp import op_function, width
from tritag.hls_projects.hls4ml_extension import INTEGER_HEADER
from tritag.quant.integer.program import Node
from tritag.quant.integer.tracer import Tracer
from tritag.quant.ops.op import BoundProgram

# C++ of every op and of programs with every instruction, by name.
TEXTS: dict[str, Callable[[], str]] = {
    **{name: lambda case=case: op_function(*case()) for name, case in OP_CASES.items()},
    **{f"only_{op}": lambda op=op: op_function(unscaled(instruction_program(op, 3)), 3) for op in INSTRUCTIONS},
    **{f"random_{i}": lambda i=i: op_function(unscaled(random_program(random.Random(i), 4, 40)), 4) for i in range(10)},
}


@cache
def text_of(name: str) -> str:
    """The C++ of that name."""
    return TEXTS[name]()


@pytest.mark.parametrize("name", TEXTS)
def test_loops_have_constant_bounds(name):
    text = text_of(name)
    loops = re.findall(r"\bfor\s*\((.*)\)", text)
    for loop in loops:
        assert re.fullmatch(r"int (row|lane) = 0; \1 < \d+; \1\+\+", loop), loop
    assert len(re.findall(r"\bfor\b", text)) == len(loops)
    for word in ("while", "do", "goto", "break", "continue", "return", "malloc", "new"):
        assert not re.search(rf"\b{word}\b", re.sub(r"//.*", "", text)), word


def test_loops_of_the_header_have_bounds_known_to_the_compiler():
    text = re.sub(r"//.*", "", INTEGER_HEADER.read_text())
    loops = re.findall(r"\bfor\s*\(int i = \w+; i < (.*?); i\+\+\)", text)
    assert loops == ["N", "W - 1"]  # parameters of the templates
    assert len(re.findall(r"\bfor\b", text)) == len(loops)
    assert not re.search(r"\b(while|do|goto|break|continue)\b", text)


@pytest.mark.parametrize("name", TEXTS)
def test_every_loop_says_how_it_is_made(name):
    lines = [line.strip() for line in text_of(name).splitlines()]
    for number, line in enumerate(lines):
        if line.startswith("for (int row") or line.startswith("for (int lane"):
            assert lines[number + 1] == "#pragma HLS UNROLL"


@pytest.mark.parametrize("name", TEXTS)
def test_rows_share_circuits_that_are_pipelined(name):
    """A pipeline at the top unrolls the loop over the rows; what it calls is one function, of limited instances."""
    text = text_of(name)
    functions = re.findall(r"^    static void (pass\d+)\((.*?)^    \}", text, re.MULTILINE | re.DOTALL)
    body = text[text.rindex("#pragma HLS PIPELINE II=CONFIG_T::interval") :]
    for which, lines in functions:
        assert "{\n        #pragma HLS INLINE off\n        #pragma HLS PIPELINE II=CONFIG_T::row_interval\n" in lines
        assert f"#pragma HLS ALLOCATION function instances=Rows::{which} limit=CONFIG_T::row_units\n" in body
        assert body.count(f"Rows::{which}(") == 1
    assert len(re.findall("int row = 0", text)) == len(functions) == body.count("int row = 0")
    assert text.count("PIPELINE") == len(functions) + 1


@pytest.mark.parametrize(
    ("name", "passes"),
    [
        ("jet_scalars_k16", 2),
        ("layer_norm_c16", 1),
        ("gelu", 1),
        ("exp_weights_n16", 1),
        ("weighted_mean_n16", 1),
        ("mean_pool_n16", 1),
    ],
)
def test_passes(name, passes):
    """A pass over the rows ends where a sum over all rows is needed."""
    bound, rows = OP_CASES[name]()
    text = op_function(bound, rows)
    labels = re.findall(r"^\s*(\w+_pass\d+):$", text, re.MULTILINE)
    assert labels == [f"{bound.program.name}_pass{i}" for i in range(passes)]
    assert set(re.findall(r"row < (\d+);", text)) == {str(rows)}


def test_only_values_that_cross_a_pass_are_stored():
    t = Tracer("op", 3)
    x = t.input("x", 0, 9, lanes=2)
    kept, dropped = x + 1, x + 2
    total = dropped.sum_rows()
    t.output("y", kept * total)
    text = op_function(BoundProgram(t.program, (0,), (0,)), 3)
    assert re.findall(r"ap_int<\d+> (a\d+)\[3\]\[2\];", text) == [f"a{kept.index}"]
    assert f"ARRAY_PARTITION variable=a{kept.index} complete" in text


@given(st.integers(-(2**61), 2**61), st.integers(0, 2**61))
def test_width_holds_the_interval(low, span):
    bits = width(Node("add", (), (), low, low + span, 1, False))
    assert -(2 ** (bits - 1)) <= low
    assert low + span < 2 ** (bits - 1)
    assert bits >= 2


@settings(max_examples=20)
@given(st.integers(0, 2**32))
def test_every_value_has_its_proven_width(seed):
    program = random_program(random.Random(seed), 3, 30)
    declared = dict(re.findall(r"ap_int<(\d+)> v(\d+)\[", op_function(unscaled(program), 3)))
    for bits, index in re.findall(r"ap_int<(\d+)> v(\d+)\[", op_function(unscaled(program), 3)):
        assert int(bits) == width(program.nodes[int(index)])
    assert declared


def test_borders_are_checked_by_the_compiler():
    text = text_of("layer_norm_c16")
    assert 'static_assert(x_T::width <= 12, "layer_norm.x must fit the proven interval");' in text
    assert 'static_assert(y_T::width >= 8, "layer_norm.y must hold the proven interval");' in text


def test_a_port_that_is_always_zero_has_a_bit():
    t = Tracer("op", 1)
    x = t.input("x", 0, 0)
    t.output("y", x * 5)
    text = op_function(BoundProgram(t.program, (0,), (0,)), 1)
    assert "static_assert(x_T::width <= 1," in text


def test_text_names_the_specification():
    assert text_of("gelu").startswith("// gelu: 16 rows; specified in docs/ops/\n")


def test_text_depends_on_the_program_alone():
    bound, rows = OP_CASES["jet_scalars_k5"]()
    again, _ = OP_CASES["jet_scalars_k5"]()
    assert op_function(bound, rows) == op_function(again, rows)
