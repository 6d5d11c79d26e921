"""Reports of the vendor's tools, in the forms that the tools give them, and files that are none."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.vendor import CSYNTH, TIMING, UTILIZATION
from tritag.errors import DataError
from tritag.hls_projects.vendor_reports import read_vendor_report


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
