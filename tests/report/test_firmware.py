"""Latency and resources in words: every figure with its origin, shares of the target's own part or none."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest
from rich.console import Console

from tritag.export.rtl.text.fpga import assumptions, find_part
from tritag.report.comparison import SCHEDULED
from tritag.report.firmware import count_text, cycles, firmware_rows, latency_text, simulated_jets
from tritag.report.page.document import report_page
from tritag.report.verdict import verdict_rows, verdict_table

VU13P = "xcvu13p-flga2577-2-e"
UNKNOWN = "xcvp1802-lsvc4072-2MP-e-S"
KERNELS = [
    {"module": "small", "instances": 1, "lut": 10},
    {"module": "large", "instances": 4, "lut": 25_000},
]


def _rtl(part: str = VU13P, **changes: Any) -> dict[str, Any]:
    return {
        "target": "vu13p-360mhz",
        "part": part,
        "assumptions": assumptions(part),
        "beats": 4,
        "interval": 54,
        "clock_period_ns": 2.5,
        "latency_cycles": 110,
        "scheduled_latency_cycles": 110,
        "interval_cycles": 54,
        "intervals_seen": [54],
        "scenarios": {"back_to_back": {"jets": 406, "differ": 0}, "reset": {"jets": 205, "differ": 2}},
        "estimate": {"lut": 108_000, "ff": 345_600, "dsp": 3072, "bram": 54},
        "kernels": KERNELS,
    } | changes


SYNTH = {
    "total": {"lut": 216_000, "ff": 400_000, "dsp": 12_289, "bram18": 56},
    "kernels": [{"module": "large", "lut": 24_500}],
    "vendor": None,
    "clock_estimate": {"levels": 5, "levels_ns": 2.55, "size_ns": 3.4, "size_error_ns": 0.26},
}
NOT_SIMULATED: dict[str, Any] = {
    "latency_cycles": None,
    "interval_cycles": None,
    "intervals_seen": [],
    "scenarios": {},
}


def _summary(rtl: Any, synth: Any = None) -> dict[str, Any]:
    golden = {"executor": "hls4ml-csim", "jets": 462, "differ": 0}
    csim = {"target": "vu13p-360mhz", "compile_s": 3.0, "vendor": None, "golden": golden}
    empty = dict.fromkeys(("bit_accuracy", "cost", "provenance"))
    return {"run": "tagger", "physics": {}, "csim": csim, "rtl": rtl, "synth": synth, **empty}


def test_every_figure_has_its_origin():
    rows = dict(firmware_rows(_rtl(), None))
    assert rows == {
        "part": "xcvu13p, 4 SLRs",
        "Verilog = ONNX Runtime": "2 / 611 jets differ",
        "latency (measured)": "110 cycles",
        "II (measured)": "54 cycles",
        "clock (assumed)": "400.0 MHz, 2.5 ns",
        "latency (at that clock)": "275 ns",
        "II (at that clock)": "135 ns",
        "clock period (by size)": "3.30 ± 0.29 ns",
        "latency (at that period)": "363 ± 32 ns",
        "LUT (estimated)": "108,000 = 6.2% (SLR 25.0%)",
        "FF (estimated)": "345,600 = 10.0% (SLR 40.0%)",
        "DSP (estimated)": "3,072 = 25.0% (SLR 100.0%)",
        "BRAM_18K (estimated)": "54 = 1.0% (SLR 4.0%)",
        "resources (counted by Yosys)": "not run (tritag synth)",
    }


def test_counts_stand_beside_estimates():
    rows = dict(firmware_rows(_rtl(), SYNTH))
    assert rows["LUT (estimated)"] == "108,000 = 6.2% (SLR 25.0%)"
    assert rows["LUT (counted by Yosys)"] == "216,000 = 12.5% (SLR 50.0%)"
    assert rows["DSP (counted by Yosys)"] == "12,289 = 100.0%: does not fit"
    assert rows["BRAM_18K (counted by Yosys)"] == "56 = 1.0% (SLR 4.2%)"
    assert not any("Vivado" in what or "not run" in figure for what, figure in rows.items())
    vendor = {"lut": 172_800, "ff": 1, "dsp": 2, "bram18": 3}
    rows = dict(firmware_rows(_rtl(), SYNTH | {"vendor": vendor}))
    assert rows["LUT (Vivado synthesis)"] == "172,800 = 10.0% (SLR 40.0%)"
    assert rows["logic levels (counted by Yosys)"] == "5 at most: 2.55 ns (estimated)"
    assert rows["clock period (by size)"] == "4.10 ± 0.29 ns"
    assert rows["latency (at that period)"] == "452 ± 32 ns"
    assert dict(firmware_rows(_rtl(levels=4), None))["logic levels (scheduled)"] == "4 at most"
    assert latency_text(_rtl(levels=4)).startswith(
        "110 cycles = 275 ns at the assumed 400 MHz (at most 4 logic levels, "
    )
    assert "452 ± 32 ns at the period that published designs of its size reached" in latency_text(_rtl(), SYNTH)


def test_shares_are_those_of_the_targets_part():
    rows = dict(firmware_rows(_rtl("xczu7ev-ffvc1156-2-e"), None))
    assert rows["part"] == "xczu7ev, 1 SLR"
    assert rows["LUT (estimated)"] == "108,000 = 46.9%"
    assert rows["DSP (estimated)"] == "3,072 = 177.8%: does not fit"
    assert "assumption" not in rows


def test_an_unknown_part_has_no_shares_and_says_so():
    rows = list(firmware_rows(_rtl(UNKNOWN), SYNTH))
    figures = dict(rows)
    assert figures["part"] == f"{UNKNOWN}: unknown, no shares"
    assert figures["LUT (estimated)"] == "108,000"
    assert figures["DSP (counted by Yosys)"] == "12,289"
    assert not any("%" in figure for _, figure in rows)
    said = [figure for what, figure in rows if what == "assumption"]
    assert said == assumptions(UNKNOWN)
    assert "there are no shares of it" in said[0]


def test_a_run_made_before_parts_were_noted_has_no_shares():
    old = _rtl()
    del old["part"], old["assumptions"]
    rows = dict(firmware_rows(old, None))
    assert rows["part"] == "not in rtl.json, no shares: call tritag rtl again"
    assert rows["LUT (estimated)"] == "108,000"


def test_cycles_of_the_schedule_are_not_called_measured():
    rtl = _rtl(**NOT_SIMULATED)
    assert cycles(rtl) == (110, 54, "scheduled")
    assert simulated_jets(rtl) == (0, 0)
    rows = dict(firmware_rows(rtl, None))
    assert rows["Verilog = ONNX Runtime"] == "not simulated"
    assert rows["latency (scheduled)"] == "110 cycles"
    assert rows["II (scheduled)"] == "54 cycles"
    assert not any("measured" in what for what in rows)
    assert "scheduled" in SCHEDULED


@pytest.mark.parametrize(
    ("count", "part", "text"),
    [
        (0, VU13P, "0 = 0.0% (SLR 0.0%)"),
        (1_728_000, VU13P, "1,728,000 = 100.0% (SLR 400.0%)"),
        (1_728_001, VU13P, "1,728,001 = 100.0%: does not fit"),
        (5_320, "xc7z020clg400-1", "5,320 = 10.0%"),
        (5_320.4, UNKNOWN, "5,320"),
    ],
)
def test_counts(count, part, text):
    assert count_text(count, "lut", find_part(part)) == text


def test_the_verdict_ends_with_the_verilog():
    rows = list(verdict_rows(_summary(_rtl(), SYNTH)))
    assert [row[0] for row in rows[:4]] == ["firmware"] * 4
    assert {row[0] for row in rows[4:]} == {"Verilog"}
    assert list(verdict_rows(_summary(None)))[-1] == ("Verilog", "latency, resources", "not made (tritag rtl)")


def _read_back(kind: str, file: str = "", **figures: float) -> dict[str, Any]:
    return {"origin": "vendor", "kind": kind, "design": "tag_v1", "part": VU13P, "figures": figures, "file": file}


def test_reports_of_the_vendor_that_were_read_back_are_shown():
    """Of the Verilog beside its figures, of the HLS project in place of the sentence that nobody synthesised it."""
    none = list(verdict_rows(_summary(_rtl(), SYNTH)))
    missing = ("firmware", "vendor synthesis", "not run: vitis-run is not on PATH")
    assert missing in none
    of_verilog = [
        _read_back("utilization", "used.rpt", lut=172_800, ff=8, dsp=9, bram_tiles=0.5),
        _read_back("timing", slack_ns=-0.1, clock_period_ns=2.75, reached_mhz=350.9),
    ]
    rows = list(verdict_rows(_summary(_rtl(), SYNTH) | {"vendor": of_verilog}))
    assert rows == [
        *none,
        ("Verilog", "vendor (Vivado utilization, used.rpt)", "172,800 LUT, 8 FF, 9 DSP, 0.5 block RAM tiles"),
        ("Verilog", "vendor (Vivado timing)", "slack -0.1 ns, period 2.75 ns, 350.9 MHz reached"),
    ]
    project = _read_back("csynth", "csynth.xml", clock_period_ns=2.1, latency_cycles=90, interval_cycles=54, lut=5)
    rows = list(verdict_rows(_summary(None) | {"vendor": [project]}))
    assert missing not in rows
    said = ("firmware", "vendor (Vitis HLS csynth, csynth.xml)", "period 2.1 ns, 90 cycles, II 54 cycles, 5 LUT")
    assert said in rows
    assert said in list(verdict_rows(_summary(None) | {"csim": None, "vendor": [project]}))
    page = _without_numbers(_summary(_rtl(), SYNTH) | {"vendor": [*of_verilog, project]})
    assert "<p>172,800 LUT, vendor (Vivado utilization, used.rpt): 10.0% of xcvu13p</p>" in page
    assert "<td>vendor (Vivado timing)</td><td>slack -0.1 ns, period 2.75 ns, 350.9 MHz reached</td>" in page


def test_a_wrong_c_simulation_is_on_top_and_the_reference_is_the_one_that_ran():
    summary = _summary(_rtl(scenarios={}))
    summary["bit_accuracy"] = [{"executor": name, "jets": 226, "differ": 0} for name in ("onnxruntime", "qonnx")]
    assert ("bit accuracy", "onnxruntime = qonnx", "0 / 226 jets differ") in list(verdict_rows(summary))
    assert 'class="tile good"' in _without_numbers(summary)
    summary["csim"]["golden"]["differ"] = 400
    assert ("firmware", "C-simulation = golden vectors", "400 / 462 jets differ") in list(verdict_rows(summary))
    for verdicts in (summary["bit_accuracy"], None):
        page = _without_numbers(summary | {"bit_accuracy": verdicts})
        assert 'class="tile bad"' in page
        assert "C-simulation, golden vectors: 400 of 462 differ" in page


def test_figures_stand_on_one_line_of_a_terminal():
    out = io.StringIO()
    Console(file=out, width=80).print(verdict_table(_summary(_rtl(), SYNTH)))
    lines = [[cell.strip() for cell in line.split("│")[2:4]] for line in out.getvalue().splitlines() if "│" in line]
    for what, figure in firmware_rows(_rtl(), SYNTH):
        if "(VU13P)" not in figure:
            assert [what, figure] in lines


def _without_numbers(summary: dict[str, Any]) -> str:
    """The page of a run without scores and export, with the mark-up of cells and numbers taken away."""
    tagger = {"network": "n", "constituents": 5, "precision": "float", "data": "d", "outputs": ["logit"]}
    report = summary | {"tagger": tagger, "curves": {}, "history": {}, "layers": [], "equivariance": None}
    return re.sub(r'</?data[^>]*>| class="number"', "", report_page(report))


def test_the_page_lists_kernels_with_both_origins():
    page = _without_numbers(_summary(_rtl(), SYNTH))
    assert "<td>LUT (counted by Yosys)</td><td>216,000 = 12.5% (SLR 50.0%)</td>" in page
    assert "<th>LUT each, estimated</th><th>LUT each, counted by Yosys</th>" in page
    large, small = (page.index(f"<td>{name}</td>") for name in ("large", "small"))
    assert large < small
    assert "<td>large</td><td>4</td><td>25,000</td><td>24,500</td>" in page
    assert "<td>small</td><td>1</td><td>10</td><td>-</td>" in page
    assert "<td>large</td><td>4</td><td>25,000</td><td>-</td>" in _without_numbers(_summary(_rtl()))
