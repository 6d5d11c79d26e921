"""One arithmetic, many executors: every instruction and every op gives the same integers everywhere.

Each case goes through PyTorch (as networks run it, and the reference on int64), an interpreter on unbounded integers,
ONNX Runtime, QONNX and C++.
"""

from __future__ import annotations

import numpy as np
import pytest

from firmware_tests.cases import LONG, LONG_IN_CPP, NAMES, RANDOM, make_case
from firmware_tests.harness import (
    Library,
    check_equal,
    differences,
    run_onnxruntime,
    run_qonnx,
    run_reference,
    run_torch,
)
from tests.helpers.interpreter import interpret_all
from tests.helpers.marks import asked, often
from tests.helpers.op_cases import op_classes
from tests.helpers.programs import INSTRUCTIONS
from tritag.quant.integer import instructions

MOST_IN_CPP = 3_000_000


@pytest.fixture(scope="session")
def library(request: pytest.FixtureRequest) -> Library:
    """The cases of this session in one library, compiled once."""
    names = asked(request.session, __file__, "test_cpp")
    return Library([make_case(name) for name in NAMES if name in names])


@pytest.mark.parametrize("name", often(NAMES, LONG))
class TestEveryExecutor:
    def test_interpreter(self, name):
        case = make_case(name)
        # Python is slow: the edges and some of the random inputs.
        few = np.unique(np.linspace(0, case.jets - 1, max(8, 2000 // (case.rows * 10))).astype(int))
        values = interpret_all(case.bound.program, [x[few] for x in case.inputs], case.rows)
        expected = [x[few] for x in run_torch(case)]
        check_equal(case, expected, [values[port.node] for port in case.bound.program.outputs], "the interpreter")

    def test_reference(self, name):
        case = make_case(name)
        check_equal(case, run_torch(case), run_reference(case), "the reference")

    def test_onnxruntime(self, name):
        case = make_case(name)
        check_equal(case, run_torch(case), run_onnxruntime(case), "ONNX Runtime")

    def test_qonnx(self, name):
        case = make_case(name)
        check_equal(case, run_torch(case), run_qonnx(case), "QONNX")


@pytest.mark.parametrize("name", often(NAMES, LONG_IN_CPP))
def test_cpp(name, library):
    # Without optimisation C++ takes half a minute for the Lorentz blocks' many thousand vectors.
    case = make_case(name).thinned(MOST_IN_CPP)
    check_equal(case, run_torch(case), library.run(case), "C++")


class TestCoverage:
    def test_every_instruction_is_in_many_cases(self):
        known = set(instructions.INSTRUCTIONS)
        assert set(INSTRUCTIONS) == known
        random_ones = [make_case(name).bound.program for name in RANDOM]
        seen = {node.op for program in random_ones for node in program.nodes}
        assert seen == known

    def test_every_op_is_a_case(self):
        cases = {make_case(name).bound.program.name for name in NAMES}
        missing = set(op_classes()) - cases
        assert not missing, f"add {missing} to tests/helpers/op_cases.py"

    @pytest.mark.parametrize("name", NAMES)
    def test_inputs_reach_the_ends_of_their_intervals(self, name):
        case = make_case(name)
        for port, values in zip(case.bound.program.inputs, case.inputs, strict=True):
            node = case.bound.program.nodes[port.node]
            assert (values.min(), values.max()) == (node.low, node.high)
            for edge in (0, node.low + 1, node.high - 1):
                if node.low <= edge <= node.high:
                    assert (values == edge).any()

    @pytest.mark.parametrize("name", NAMES)
    def test_results_are_not_all_alike(self, name):
        """A comparison of constants would prove nothing."""
        case = make_case(name)
        varied = [len(np.unique(values)) > 1 for values in run_torch(case)]
        assert sum(varied) > len(varied) / 2


class TestComparison:
    """The comparison itself: it must see a single integer that differs."""

    def test_equal(self):
        case = make_case("gelu")
        expected = run_torch(case)
        assert differences(expected, [x.copy() for x in expected], case.bound.program.outputs) == ""

    def test_one_of_many(self):
        case = make_case("gelu")
        expected = run_torch(case)
        given = [x.copy() for x in expected]
        given[0][7, 3, 2] += 2
        report = differences(expected, given, case.bound.program.outputs)
        value = expected[0][7, 3, 2]
        assert report == (
            f"y: 1 of {expected[0].size} integers differ, by up to 2 LSB\n"
            f"  jet 7, row 3, lane 2: must be {value}, got {value + 2}"
        )
        with pytest.raises(AssertionError, match=r"gelu: C\+\+ differs from PyTorch\ny: 1 of \d+ integers differ"):
            check_equal(case, expected, given, "C++")

    def test_only_the_first_offenders_are_listed(self):
        case = make_case("gelu")
        expected = run_torch(case)
        report = differences(expected, [x + 1 for x in expected], case.bound.program.outputs)
        assert f"y: {expected[0].size} of {expected[0].size} integers differ, by up to 1 LSB" in report
        assert report.count("\n  jet") == 5

    def test_value_between_integers(self):
        case = make_case("gelu")
        expected = run_torch(case)
        given = [x + np.where(x == x[0, 0, 0], 0.25, 0.0) for x in expected]
        assert "integers differ, by up to 0.25 LSB" in differences(expected, given, case.bound.program.outputs)

    def test_missing_rows(self):
        case = make_case("gelu")
        expected = run_torch(case)
        report = differences(expected, [x[:, :-1] for x in expected], case.bound.program.outputs)
        assert report.startswith("y: shape must be (")
