"""Reports of the vendor's tools, read back: Vivado's utilization and timing, Vitis HLS' ``csynth.xml``."""

from __future__ import annotations

import re
from collections.abc import Callable
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
_MUST = ("lut", "ff")


@dataclass(frozen=True)
class VendorReport:
    """Figures of one report; ``kind`` is ``utilization``, ``timing`` or ``csynth``, ``design`` what it names."""

    kind: str
    design: str
    part: str
    figures: dict[str, float | int]

    def as_dict(self) -> dict[str, Any]:
        """An entry of ``vendor.json``, labelled as the vendor's."""
        return {"origin": "vendor", **asdict(self)}


def read_vendor_report(path: Path) -> VendorReport:
    """Read a report; its kind is told by its content.

    Raises
    ------
    DataError
        No such file, another kind of file, or a report without the figures that such a one must hold.
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
        found = re.search(rf"<{tag}>([^<]*)</{tag}>", text)
        return found[1] if found else ""

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
    return VendorReport("utilization", _heading(text, "Design"), _heading(text, "Device"), figures)


def _timing(path: Path, text: str) -> VendorReport:
    numbers = r"\s*(-?[\d.]+|NA|inf)"
    found = re.search(rf"^\s*WNS\(ns\).*\n[\s-]*\n{numbers}{numbers}", text, re.MULTILINE)
    clock = re.search(r"^\s*(\S+)\s+\{[\d. ]+\}\s+([\d.]+)\s+([\d.]+)\s*$", text, re.MULTILINE)
    if found is None or clock is None or not re.fullmatch(r"-?[\d.]+", found[1]):
        raise DataError(f"{path} must give the worst slack (WNS) and the clock's period, but does not; constrain clk")
    slack, period = float(found[1]), float(clock[2])
    figures: dict[str, float | int] = {"slack_ns": slack, "clock_period_ns": period}
    figures["reached_mhz"] = round(1e3 / (period - slack), 1)
    return VendorReport("timing", _heading(text, "Design"), _heading(text, "Device"), figures)


def _heading(text: str, name: str) -> str:
    """Value of a line of the report's head, such as ``| Design : toptag_v1``."""
    found = re.search(rf"^\|\s*{name}\s*:\s*(\S+)", text, re.MULTILINE)
    return found[1] if found else ""
