"""The table of firmware: which figure stands in which line, and where runs miss a step."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from tritag.errors import RunError
from tritag.files import write_json
from tritag.report.comparison import (
    COUNTED,
    ESTIMATED,
    MEASURED,
    QUOTED,
    SCHEDULED,
    VENDOR,
    VENDOR_HLS,
    as_markdown,
    compared,
    comparison_table,
)
from tritag.report.published import PUBLISHED

CONFIG: dict[str, Any] = {"tagger": {"n_constituents": 16}}
RTL = {
    "target": "vu13p-360mhz",
    "beats": 4,
    "clock_period_ns": 2.5,
    "latency_cycles": 100,
    "interval_cycles": 54,
    "scenarios": {"back_to_back": {"jets": 1000, "differ": 0}, "reset": {"jets": 205, "differ": 2}},
    "estimate": {"lut": 1000, "ff": 2000, "dsp": 3},
}
SYNTH = {"total": {"lut": 1100, "ff": 2100, "dsp": 4}, "vendor": {"lut": 900, "ff": 1900, "dsp": 4}}
CSIM = {
    "target": "vu13p-360mhz",
    "golden": {"differ": 0, "jets": 237},
    "vendor": {"latency_cycles": 300, "interval_cycles": 60, "lut": 5, "ff": 6, "dsp": 7},
}


RUN = "tagger-k16-0123abcd"


def _run(tmp_path: Path, name: str = RUN, **files: Any) -> Path:
    directory = tmp_path / name
    directory.mkdir(parents=True)
    for step, content in files.items():
        write_json(directory / f"{step}.json", content)
    return directory


def test_every_origin_has_its_own_line(tmp_path):
    verified = [
        {"executor": "pytorch", "jets": 9, "differ": 0},
        {"executor": "hls4ml-csim", "jets": 10206, "differ": 0},
    ]
    directory = _run(tmp_path, rtl=RTL, synth=SYNTH, csim=CSIM, verify=verified)
    rows = compared([directory], [CONFIG])
    ours = {row.figures: row for row in rows if row.tagger == RUN}
    assert list(ours) == [MEASURED, COUNTED, ESTIMATED, VENDOR, VENDOR_HLS]
    measured, estimated = ours[MEASURED], ours[ESTIMATED]
    assert (measured.csim, measured.rtl) == ("0 of 10,206 differ", "2 of 1,205 differ")
    assert (measured.latency_cycles, measured.interval_cycles, measured.latency_ns, measured.lut) == (
        100,
        54,
        None,
        None,
    )
    assert (estimated.latency_ns, estimated.lut, estimated.latency_cycles) == (250, 1000, None)
    assert (ours[COUNTED].lut, ours[COUNTED].dsp, ours[VENDOR].lut) == (1100, 4, 900)
    assert ours[VENDOR_HLS].latency_cycles == 300
    quoted = rows[len(ours) :]
    assert len(quoted) == len(PUBLISHED)
    assert {row.figures for row in quoted} == {QUOTED}


def test_reports_that_were_read_back_have_their_own_lines(tmp_path):
    figures = {
        "utilization": {"lut": 7, "ff": 8, "dsp": 9},
        "timing": {"slack_ns": -0.5, "clock_period_ns": 2.0, "reached_mhz": 400.0},
        "csynth": {"latency_cycles": 90, "interval_cycles": 54, "lut": 5, "ff": 6, "dsp": 7},
    }
    head = {"design": "tag_v1", "part": "xcvu13p"}
    read = [{"kind": kind, **head, "figures": found, "file": f"{kind}.x"} for kind, found in figures.items()]
    rows = compared([_run(tmp_path, rtl=RTL, vendor=read)], [CONFIG])[2:5]
    assert [row.figures for row in rows] == [
        "vendor (Vivado utilization, utilization.x)",
        "vendor (Vivado timing, timing.x)",
        "vendor (Vitis HLS csynth, csynth.x)",
    ]
    assert {row.tagger for row in rows} == {RUN}
    assert [(row.lut, row.latency_cycles, row.latency_ns, row.part) for row in rows] == [
        (7, None, None, "xcvu13p"),
        (None, None, 250, "xcvu13p, 400 MHz"),  # 100 cycles
        (5, 90, None, "xcvu13p"),
    ]


def test_steps_that_are_missing(tmp_path):
    directory = _run(tmp_path)
    with pytest.raises(RunError, match=r"rtl\.json must be in .*, but it is missing; make it with 'tritag rtl "):
        compared([directory], [CONFIG])
    write_json(directory / "rtl.json", RTL)
    rows = compared([directory], [CONFIG])
    assert [row.figures for row in rows[:2]] == [MEASURED, ESTIMATED]
    assert rows[0].csim is None
    write_json(directory / "csim.json", CSIM | {"vendor": None})
    assert compared([directory], [CONFIG])[0].csim == "0 of 237 differ"


def test_cycles_of_a_schedule_are_not_called_measured(tmp_path):
    nothing = {"latency_cycles": None, "interval_cycles": None, "scenarios": {}}
    rtl = RTL | nothing | {"scheduled_latency_cycles": 90, "interval": 54}
    scheduled, estimated = compared([_run(tmp_path, rtl=rtl)], [CONFIG])[:2]
    assert (scheduled.figures, scheduled.rtl) == (SCHEDULED, None)
    assert (scheduled.latency_cycles, scheduled.interval_cycles) == (90, 54)
    assert (estimated.figures, estimated.latency_ns) == (ESTIMATED, 225)


def test_two_runs_of_one_tagger_are_two(tmp_path):
    """Two seeds of one tagger differ in the digest alone; two copies of a run not even in that."""
    seeds = [_run(tmp_path, name, rtl=RTL) for name in (RUN, "tagger-k16-4567abcd")]
    rows = compared(seeds, [CONFIG, CONFIG])
    cells = [line.split(" | ")[:3] for line in as_markdown(rows).splitlines()[2:6]]
    assert [(name.lstrip("| "), figures) for name, _, figures in cells] == [
        *((RUN, MEASURED), ("", ESTIMATED)),
        *(("tagger-k16-4567abcd", MEASURED), ("", ESTIMATED)),
    ]
    out = io.StringIO()
    Console(file=out, width=80).print(comparison_table(rows[:4]))
    first = [line.split("│")[1].strip() for line in out.getvalue().splitlines() if line.startswith("│")]
    assert "".join(first) == "".join(seed.name for seed in seeds)
    copy = _run(tmp_path / "copies", rtl=RTL)
    rows = compared([seeds[0], copy], [CONFIG, CONFIG])[:4]
    assert [row.tagger for row in rows] == [row.run for row in rows] == [str(seeds[0])] * 2 + [str(copy)] * 2


def test_tables(tmp_path):
    rows = compared([_run(tmp_path, rtl=RTL)], [CONFIG])
    lines = as_markdown(rows).splitlines()
    assert len(lines) == 2 + len(rows)
    assert lines[2].startswith(f"| {RUN} | 16 | measured (simulation) | - | 2 of 1,205 differ | 100 | - | 54 |")
    assert lines[3].startswith("|  |  | estimated | - | - | - | 250 |")
    assert any(
        "arXiv 2510.24784" in line and "| 16 | quoted | - | - | - | 98 | 1 | 279,000 |" in line for line in lines
    )
    assert comparison_table(rows).row_count == len(rows)
