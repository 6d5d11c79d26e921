"""The table of parts: sane figures, names with package and speed grade, what is assumed of the others; the search."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from tests.helpers.rtl import timing
from tritag.configs import config_names, load_config
from tritag.errors import ConfigError
from tritag.export.rtl.design.search import choose_design
from tritag.export.rtl.text.fpga import Device, Part, assumptions, find_part, known_parts

DOCS = Path(__file__).parents[3] / "docs" / "targets.md"


@pytest.mark.parametrize("name", known_parts())
def test_figures_are_sane(name):
    part = known_parts()[name]
    held = part.holds
    assert name == name.lower()
    assert part.source.startswith("AMD DS")
    # Two registers a LUT, CLBs or slices of eight LUTs, equal SLRs but for those with HBM.
    assert held.ff == 2 * held.lut
    assert held.lut % 8 == 0
    assert 1 <= held.slrs <= 4
    assert held.bram18 % 2 == 0
    assert (held.uram > 0) <= (part.fabric == "ultrascale-plus")
    assert 20_000 < held.lut / held.slrs < 600_000 or name == "xc7z010"


def test_a_device_stands_in_the_table_once():
    rows = [name for file in config_names("parts") for name in load_config("parts", file)["devices"]]
    assert len(rows) == len(set(rows)) == len(known_parts())


@pytest.mark.parametrize(
    ("name", "held"),
    [
        ("xcvu13p", Device(1_728_000, 3_456_000, 12_288, 5_376, 1_280, 4)),
        ("xcvu9p", Device(1_182_240, 2_364_480, 6_840, 4_320, 960, 3)),
        ("xcvu35p", Device(871_680, 1_743_360, 5_952, 2_688, 640, 2)),
        ("xcku115", Device(663_360, 1_326_720, 5_520, 4_320, 0, 2)),
        ("xczu7ev", Device(230_400, 460_800, 1_728, 624, 96, 1)),
        ("xc7z020", Device(53_200, 106_400, 220, 280, 0, 1)),
    ],
)
def test_data_sheets(name, held):
    assert known_parts()[name].holds == held


@pytest.mark.parametrize(
    ("part", "device"),
    [
        ("xcvu13p-flga2577-2-e", "xcvu13p"),
        ("XCVU13P-FLGA2577-2-E", "xcvu13p"),
        ("xcvu13p", "xcvu13p"),
        ("xc7z020clg400-1", "xc7z020"),
        ("xc7z020iclg400-1L", "xc7z020"),
        ("xc7vx690tffg1927-2", "xc7vx690t"),
        ("xcu250-figd2104-2L-e", "xcu250"),
        ("xczu7ev-ffvc1156-2-e", "xczu7ev"),
        ("xczu7eg-ffvc1156-2-e", None),
        ("xcvu13", None),
        ("xcvu13px-flga2577-2-e", None),
        ("xcvp1802-lsvc4072-2MP-e-S", None),
        ("", None),
    ],
)
def test_names_with_package_and_speed_grade(part, device):
    found = find_part(part)
    assert (found and found.name) == device


def test_shares_of_the_part_and_of_one_slr():
    part = find_part("xcvu13p-flga2577-2-e")
    counts = {"lut": 108_000, "dsp": 3072, "carry8": 216, "levels": 7}
    assert part.shares(counts) == {"lut": 1 / 16, "dsp": 0.25, "carry8": 0.001}
    assert part.shares(counts, slr=True) == {"lut": 0.25, "dsp": 1.0, "carry8": 0.004}
    assert find_part("xczu7ev").budget() == find_part("xczu7ev").budget(slr=True)


@pytest.mark.parametrize("field", ["lut", "ff", "dsp", "bram18", "slrs"])
def test_a_device_holds_something(field):
    with pytest.raises(ConfigError, match=rf"a device's {field} must be >= 1, got 0"):
        dataclasses.replace(known_parts()["xcvu13p"].holds, **{field: 0})


def test_assumptions_are_said():
    assert assumptions("xcvu13p-flga2577-2-e") == []
    assert assumptions("xcu250-figd2104-2L-e") == []
    (sentence,) = assumptions("xc7z020clg400-2")
    assert sentence.startswith("delays, DSPs and Yosys' cells are those of UltraScale+")
    assert sentence.endswith("for xc7z020clg400-2 (Zynq-7000) they are an assumption")
    (sentence,) = assumptions("xcvu9p-flga2104-1-e")
    assert sentence == "delays are those of speed grade -2: for xcvu9p-flga2104-1-e they are an assumption"
    no_shares, slr = assumptions("xcvp1802-lsvc4072-2MP-e-S")
    assert "is not in the table of parts (configs/parts), so there are no shares of it" in no_shares
    assert "one SLR of an xcvu13p holds: 432,000 LUTs, 3,072 DSPs, 1,344 BRAM_18K" in slr


def _part(**held: int) -> Part:
    known = known_parts()["xcvu13p"]
    return dataclasses.replace(known, holds=dataclasses.replace(known.holds, **held))


def test_the_search_fills_one_slr_of_the_target(exported_int8):
    clock = timing(8)
    fast, beats = choose_design(exported_int8.graph, clock)
    assert beats == 1
    assert choose_design(exported_int8.graph, clock, part=find_part("xcvu13p"))[1] == 1
    # Four SLRs of which each holds less than the fully parallel design.
    smaller = _part(lut=4 * (fast.estimate()["lut"] - 1))
    design, more = choose_design(exported_int8.graph, clock, part=smaller)
    assert more > 1
    assert design.estimate()["lut"] < fast.estimate()["lut"]
    rows = max(exported_int8.graph.shapes[name][0] for name in exported_int8.graph.inputs)
    assert choose_design(exported_int8.graph, clock, part=_part(lut=8))[1] == rows
    assert choose_design(exported_int8.graph, clock, 3, _part(lut=8))[1] == 3


def test_the_page_shows_the_table():
    """docs/targets.md lists every device with its figures; another line is as wrong as a missing one."""
    rows = re.findall(r"^\| `(xc\w+)` \| (.*) \|$", DOCS.read_text(encoding="utf-8"), re.MULTILINE)
    shown = {name: rest.split(" | ") for name, rest in rows}
    expected = {}
    for name, part in known_parts().items():
        held = part.holds
        counts = (held.lut, held.ff, held.dsp, held.bram18, held.uram, held.slrs)
        expected[name] = [part.family, *(f"{n:,}".replace(",", " ") for n in counts)]
    assert shown == expected
