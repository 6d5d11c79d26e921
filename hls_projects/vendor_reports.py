"""Reports of the vendor's tools, read back: Vivado's utilization and timing, Vitis HLS' ``csynth.xml``."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tritag.closed import closed, require_file
from tritag.errors import DataError, ToolError
from tritag.hls_projects.vendor import read_report

_BYTES_MAX = 64_000_000
_ADVICE = "give utilization.rpt or timing.rpt of Vivado, or csynth.xml of Vitis HLS"
# Rows of Vivado's table of utilization, in the generations of its families.
_ROWS = {
    "lut": ("CLB LUTs", "Slice LUTs"),
    "ff": ("CLB Registers", "Slice Registers", "Register as Flip Flop"),
    "carry8": ("CARRY8",),
    "dsp": ("DSPs", "DSP Slices"),
    "bram_tiles": ("Block RAM Tile",),
    "uram": ("URAM",),
}
# Of each kind of report: the tool that writes it.
_TOOLS = {"utilization": "Vivado", "timing": "Vivado", "csynth": "Vitis HLS"}
# What is no count of a resource.
_UNITS = {
    "latency_cycles": "{:,} cycles",
    "interval_cycles": "II {:,} cycles",
    "clock_period_ns": "period {:g} ns",
    "slack_ns": "slack {:g} ns",
    "reached_mhz": "{:g} MHz reached",
    "bram_tiles": "{:,} block RAM tiles",
}
_MUST = ("lut", "ff", "dsp")
# Clocks of what tritag writes: the Verilog's, that of its AXI4-Stream, and that of an HLS project.
_CLOCKS = ("clk", "aclk", "ap_clk")
_GRADE = re.compile(r"-\d[A-Za-z]*")


@dataclass(frozen=True)
class VendorReport:
    """Figures of one report; ``kind`` is ``utilization``, ``timing`` or ``csynth``, ``design`` what it names.

    ``part`` is the report's, with its speed grade, ``file`` the name of the file that a run has read it from.
    """

    kind: str
    design: str
    part: str
    figures: dict[str, float | int]
    file: str = ""

    @classmethod
    def read(cls, entry: Mapping[str, Any]) -> VendorReport:
        """From an entry of ``vendor.json``; an earlier version wrote no name of the file."""
        return cls(entry["kind"], entry["design"], entry["part"], entry["figures"], entry.get("file", ""))

    @property
    def source(self) -> str:
        """What the figures were read from: the kind of the report with its tool, and the file.

        >>> VendorReport("timing", "tag_v1", "xcvu13p-flga2577-2-e", {}, "timing.rpt").source
        'Vivado timing, timing.rpt'
        """
        return ", ".join(filter(None, (f"{_TOOLS[self.kind]} {self.kind}", self.file)))

    @property
    def text(self) -> str:
        """The figures in a line, each with its unit.

        >>> VendorReport("timing", "tag_v1", "xcvu13p-flga2577-2-e", {"slack_ns": -0.1, "reached_mhz": 350.5}).text
        'slack -0.1 ns, 350.5 MHz reached'
        """
        return ", ".join(_UNITS.get(name, f"{{:,}} {name.upper()}").format(x) for name, x in self.figures.items())

    def as_dict(self) -> dict[str, Any]:
        """An entry of ``vendor.json``, labelled as the vendor's."""
        return {"origin": "vendor", **asdict(self)}


def read_vendor_report(path: Path) -> VendorReport:
    """Read a report; its kind is told by its content.

    Raises
    ------
    DataError
        No such file, another kind of file, a report without the figures that such a one must hold or without the head
        that names design and part, or one of several clocks that does not say which slack is the design's.
    """
    require_file(path, DataError, _ADVICE, "report")
    if path.stat().st_size > _BYTES_MAX:
        raise DataError(f"a report must have at most {_BYTES_MAX:,} bytes, got {path}; {_ADVICE}")
    with closed(path, DataError, "a report of the vendor's tools", _ADVICE):
        text = path.read_text(encoding="utf-8")
        if "<profile>" in text[:2000] or path.suffix == ".xml":
            return _csynth(path, text)
        readers: dict[str, Callable[[Path, str], VendorReport]] = {
            r"^\| Design Timing Summary": _timing,
            r"^\| Site Type": _utilization,
        }
        for sign, read in readers.items():
            if re.search(sign, text, re.MULTILINE):
                return read(path, text)
    raise DataError(f"{path} must be a report of the vendor's tools, but holds none of their tables; {_ADVICE}")


def _csynth(path: Path, text: str) -> VendorReport:
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise DataError(f"{path} must be a report without declarations of its own, got some; {_ADVICE}")
    try:
        figures = read_report(path)
    except ToolError as error:
        raise DataError(str(error)) from error

    def named(tag: str) -> str:
        found = re.search(rf"<{tag}>\s*([^<\s]+)\s*</{tag}>", text)
        if found is None:
            raise DataError(f"{path} must name the {tag} in its head, but does not; {_ADVICE}")
        return found[1]

    return VendorReport("csynth", named("TopModelName"), named("Part"), figures)


def _utilization(path: Path, text: str) -> VendorReport:
    figures: dict[str, float | int] = {}
    for name, titles in _ROWS.items():
        for title in titles:
            found = re.search(rf"^\|\s*{re.escape(title)}\*?\s*\|\s*([\d.]+)\s*\|", text, re.MULTILINE)
            if found and name not in figures:
                number = float(found[1])
                figures[name] = int(number) if number.is_integer() else number
    missing = [name for name in _MUST if name not in figures]
    if missing:
        raise DataError(f"{path} must give {', '.join(_MUST)} in its table; {', '.join(missing)} missing; {_ADVICE}")
    return VendorReport("utilization", *_head(path, text), figures)


def _timing(path: Path, text: str) -> VendorReport:
    numbers = r"\s*(-?[\d.]+|NA|inf)"
    found = re.search(rf"^\s*WNS\(ns\).*\n[\s-]*\n{numbers}{numbers}", text, re.MULTILINE)
    clocks = dict(re.findall(r"^\s*(\S+)\s+\{[\d. ]+\}\s+([\d.]+)\s+[\d.]+\s*$", text, re.MULTILINE))
    if found is None or not clocks or not re.fullmatch(r"-?[\d.]+", found[1]):
        raise DataError(f"{path} must give the worst slack (WNS) and the clock's period, but does not; constrain clk")
    if len(clocks) == 1:
        slack, period = float(found[1]), float(*clocks.values())
    else:
        slack, period = _of_one_clock(path, text, clocks)
    figures: dict[str, float | int] = {"slack_ns": slack, "clock_period_ns": period}
    figures["reached_mhz"] = round(1e3 / (period - slack), 1)
    return VendorReport("timing", *_head(path, text), figures)


def _of_one_clock(path: Path, text: str, clocks: dict[str, str]) -> tuple[float, float]:
    """Worst slack and period in ns of the design's clock among several: the summary's slack is that of them all."""
    own = [name for name in _CLOCKS if name in clocks]
    rows = re.findall(rf"^\s*{own[0]}\s+(-?[\d.]+)\s+-?[\d.]+\s+\d+\s+\d+\b", text, re.MULTILINE) if own else []
    if len(own) != 1 or len(rows) != 1:
        raise DataError(
            f"{path} has the clocks {', '.join(clocks)} and must give the slack of one of {', '.join(_CLOCKS)} in its "
            "Intra Clock Table, but does not; report the design alone"
        )
    return float(rows[0]), float(clocks[own[0]])


def _head(path: Path, text: str) -> tuple[str, str]:
    """Design and part of a report of Vivado; that of timing has the speed grade in a line of its own."""
    design, part, speed = (_heading(text, name) for name in ("Design", "Device", "Speed File"))
    if part and not _GRADE.search(part) and speed:
        part += speed
    if not design or not _GRADE.search(part):
        raise DataError(
            f"{path} must name the Design and the Device with its speed grade in its head, got {design or 'none'} and "
            f"{part or 'none'}; give the whole file as Vivado wrote it"
        )
    return design, part


def same_part(one: str, other: str) -> bool:
    """Whether two names are of one part and speed grade, however the tools write them.

    >>> same_part("xcvu13p-flga2577-2-e", "xcvu13pflga2577-2"), same_part("7z020clg400-1", "xc7z020clg400-2")
    (True, False)
    """
    (name, grade, rest), (name_2, grade_2, rest_2) = _pieces(one), _pieces(other)
    return name == name_2 and grade == grade_2 and (rest == rest_2 or not rest or not rest_2)


def _pieces(part: str) -> tuple[str, str, str]:
    """Device and package, speed grade, and what follows it, all in small letters without dashes and ``xc``."""
    found = _GRADE.search(part)
    start, end = found.span() if found else (len(part), len(part))
    name, grade, rest = part[:start], part[start:end], part[end:]
    plain = [text.lower().replace("-", "") for text in (name, grade, rest)]
    return plain[0].removeprefix("xc"), plain[1], plain[2]


def _heading(text: str, name: str) -> str:
    """Value of a line of the report's head, such as ``| Design : toptag_v1``."""
    found = re.search(rf"^\|\s*{name}\s*:[ \t]*(\S+)", text, re.MULTILINE)
    return found[1] if found else ""
