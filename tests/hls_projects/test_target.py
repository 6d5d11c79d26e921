"""Targets: the one that ships, and settings that cannot be."""

from __future__ import annotations

import math

import pytest

from tritag.errors import ConfigError
from tritag.hls_projects.target import DEFAULT_TARGET, TargetConfig, load_target


def test_default_target():
    target = load_target()
    assert target == load_target(DEFAULT_TARGET)
    assert (target.part, target.interval_cycles) == ("xcvu13p-flga2577-2-e", 54)
    assert target.interval_cycles * target.clock_period_ns == pytest.approx(150, abs=0.1)


@pytest.mark.parametrize("period", [0, -2.5])
def test_clock_period(period):
    with pytest.raises(ConfigError, match=rf"^clock_period_ns must be > 0, got {period}$"):
        TargetConfig("part", period, 54)


@pytest.mark.parametrize("period", [math.nan, math.inf, -math.inf])
def test_clock_period_is_a_number(period):
    with pytest.raises(ConfigError, match=rf"^clock_period_ns must be finite, got {period}$"):
        TargetConfig("part", period, 54)


@pytest.mark.parametrize("percent", [-0.1, 100, 250, math.nan, math.inf])
def test_clock_uncertainty(percent):
    with pytest.raises(ConfigError, match=rf"^clock_uncertainty_percent must lie in \[0, 100\), got {percent}$"):
        TargetConfig("part", 2.5, 54, percent)
    assert TargetConfig("part", 2.5, 54, 0).clock_uncertainty_percent == 0


@pytest.mark.parametrize(
    "part", ["", " ", "-part", "xcvu13p flga", "xcvu13p;exit", "[exit]", "$p", "xcvu13p\n", "xcvü", "[" * 999]
)
def test_part_can_stand_in_a_script(part):
    with pytest.raises(
        ConfigError, match=r"^part must be a part's full name of letters, digits and dashes, such as"
    ) as error:
        TargetConfig(part, 2.5, 54)
    assert len(str(error.value)) < 300


def test_part_is_looked_up():
    assert load_target().fpga.name == "xcvu13p"
    assert TargetConfig("xcvp1802-lsvc4072-2MP-e-S", 2.5, 54).fpga is None


def test_a_file_with_an_infinite_clock(tmp_path):
    path = tmp_path / "own.yaml"
    path.write_text("part: p\nclock_period_ns: .inf\ninterval_cycles: 1\n")
    with pytest.raises(ConfigError, match=r"clock_period_ns must be a finite number, got inf"):
        load_target(path)


@pytest.mark.parametrize("interval", [0, -54])
def test_interval(interval):
    with pytest.raises(ConfigError, match=rf"^interval_cycles must be >= 1, got {interval}$"):
        TargetConfig("part", 2.5, interval)


def test_half_nanoseconds_are_allowed():
    assert TargetConfig("part", 2.5, 1).clock_period_ns == 2.5


def test_unknown_target():
    with pytest.raises(
        ConfigError, match=r"unknown target 'vu13p-320mhz'; did you mean 'vu13p-360mhz'\? Valid: .*vu13p"
    ):
        load_target("vu13p-320mhz")


def test_unknown_key(tmp_path):
    path = tmp_path / "own.yaml"
    path.write_text("part: p\nclock_perod_ns: 2.5\ninterval_cycles: 1\n")
    with pytest.raises(ConfigError, match=r"clock_perod_ns.*did you mean 'clock_period_ns'"):
        load_target(path)


def test_own_file(tmp_path):
    path = tmp_path / "own.yaml"
    path.write_text("part: p\nclock_period_ns: 5\ninterval_cycles: 12\n")
    assert load_target(path) == TargetConfig("p", 5.0, 12)
