"""Reports of the vendor's tools, in the forms that the tools give them, and files that are none."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.vendor import CSYNTH, HEAD, TIMING, UTILIZATION
from tritag.errors import DataError
from tritag.hls_projects.vendor_reports import read_vendor_report, same_part

AXI = "axi    {0.000 5.000}        10.000          100.000\nclk  "


def written(tmp_path: Path, text: str, name: str = "report.rpt") -> Path:
    (tmp_path / name).write_text(text)
    return tmp_path / name


def test_utilization(tmp_path: Path) -> None:
    report = read_vendor_report(written(tmp_path, UTILIZATION))
    assert (report.kind, report.design, report.part) == ("utilization", "tag_v1", "xcvu13p-flga2577-2-e")
    figures = {"lut": 41234, "ff": 60001, "carry8": 3000, "dsp": 512, "bram_tiles": 10.5, "uram": 0}
    assert report.figures == figures
    assert report.as_dict()["origin"] == "vendor"


def test_timing(tmp_path: Path) -> None:
    report = read_vendor_report(written(tmp_path, TIMING))
    assert report.kind == "timing"
    assert report.figures == {"slack_ns": -0.123, "clock_period_ns": 2.778, "reached_mhz": 344.7}


def test_timing_of_the_design_s_own_clock(tmp_path: Path) -> None:
    """Of several clocks the slack is the one that the table by clocks has; the device's speed may have its own line."""
    table = "| Intra Clock Table\nClock  WNS(ns)  TNS(ns)  Failing  Total\n"
    rows = "axi     -0.123     -4.5         12   90000\nclk      0.278      0.0          0   80000\n"
    text = TIMING.replace("clk  ", AXI) + table + rows
    text = text.replace("-flga2577-2-e", "-flga2577\n| Speed File   : -2  PRODUCTION")
    report = read_vendor_report(written(tmp_path, text))
    assert report.part == "xcvu13p-flga2577-2"
    assert report.figures == {"slack_ns": 0.278, "clock_period_ns": 2.778, "reached_mhz": 400.0}


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("xcvu13p-flga2577-2-e", "xcvu13pflga2577-2", True),
        ("7z020clg400-1", "xc7z020clg400-1", True),
        ("xcvu13p-flga2577-2-e", "xcvu13p-flga2577-2L-e", False),
        ("xcvu13p-flga2577-2-e", "xcvu13p-flga2577-2-i", False),
        ("xcvu13p-flga2577-2-e", "xcvu13p-flga2577-1-e", False),
        ("xcvu13p-flga2577-2-e", "xcvu13p-fhga2104-2-e", False),
    ],
)
def test_same_part(one: str, other: str, same: bool) -> None:
    assert same_part(one, other) is same_part(other, one) is same


def test_csynth(tmp_path: Path) -> None:
    report = read_vendor_report(written(tmp_path, CSYNTH, "csynth.xml"))
    assert (report.kind, report.design) == ("csynth", "tag_v1")
    assert report.figures["latency_cycles"] == 90
    assert report.figures["lut"] == 5


@pytest.mark.parametrize(
    ("text", "name", "message"),
    [
        ("", "a.rpt", "holds none of their tables"),
        ("Physics is fun\n", "a.rpt", "give utilization.rpt or timing.rpt of Vivado, or csynth.xml"),
        (UTILIZATION.replace("CLB Registers", "other"), "a.rpt", "ff missing"),
        (UTILIZATION[: UTILIZATION.index("| CARRY8")], "a.rpt", "dsp missing"),
        (UTILIZATION[len(HEAD) :], "a.rpt", "must name the Design and the Device"),
        (UTILIZATION.replace("-2-e", ""), "a.rpt", "with its speed grade"),
        (TIMING.replace(HEAD, "| Design : tag_v1\n"), "a.rpt", "must name the Design and the Device"),
        (TIMING.replace("clk  ", AXI), "a.rpt", "must give the slack of one of clk, aclk, ap_clk"),
        (CSYNTH.replace("<TopModelName>tag_v1</TopModelName>", ""), "csynth.xml", "TopModelName"),
        (TIMING.replace("-0.123", "   NA "), "a.rpt", "must give the worst slack"),
        (TIMING.replace("clk ", ""), "a.rpt", "must give the worst slack"),
        (CSYNTH[:300], "csynth.xml", "csynth.xml"),
        (CSYNTH.replace("<FF>6</FF>", ""), "csynth.xml", "FF"),
        ("<!DOCTYPE x [<!ENTITY a 'b'>]>" + CSYNTH, "csynth.xml", "without declarations"),
        ("\udcff", "a.rpt", "a.rpt"),
    ],
)
def test_what_is_no_report(tmp_path: Path, text: str, name: str, message: str) -> None:
    (tmp_path / name).write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(DataError, match=message) as caught:
        read_vendor_report(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_no_file(tmp_path: Path) -> None:
    for path in (tmp_path / "none.rpt", tmp_path):
        with pytest.raises(DataError, match="report must"):
            read_vendor_report(path)
