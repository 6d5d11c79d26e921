"""The vendor's tools, where they are installed: C synthesis and co-simulation of an hls4ml project."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from tritag.errors import ToolError
from tritag.noise import quiet

TOOL = "vitis-run"
_RESOURCES = ("LUT", "FF", "DSP", "BRAM_18K", "URAM")


def vendor_tool() -> str | None:
    """Path of Vitis' command-line tool, None when it is not on PATH."""
    return shutil.which(TOOL)


def synthesise(project: Path, log: Path) -> dict[str, Any]:
    """C synthesis and co-simulation of ``project``; latency and II in cycles, resources as estimated by Vitis HLS.

    Raises
    ------
    ToolError
        The tool failed; the message names the log.
    """
    _enable_cosim(project / "build_opt.tcl")
    with quiet(log):
        done = subprocess.run([TOOL, "--mode", "hls", "--tcl", "build_prj.tcl"], cwd=project, check=False)
        if done.returncode:
            raise ToolError(f"{TOOL} must synthesise the project, but ended with status {done.returncode}")
    reports = sorted(project.glob("*_prj/solution1/syn/report/csynth.xml"))
    if not reports:
        raise ToolError(f"{TOOL} must write csynth.xml under {project}, but did not")
    return read_report(reports[0])


def read_report(path: Path) -> dict[str, Any]:
    """Figures of a Vitis HLS report ``csynth.xml``: clock (ns), latency and II (cycles), resources."""
    root = ElementTree.parse(path).getroot()

    def text(where: str) -> str:
        found = root.findtext(where)
        if found is None:
            raise ToolError(f"{path} must hold {where}, but does not; is it a Vitis HLS report?")
        return found

    summary = "PerformanceEstimates/SummaryOfOverallLatency"
    return {
        "clock_period_ns": float(text("PerformanceEstimates/SummaryOfTimingAnalysis/EstimatedClockPeriod")),
        "latency_cycles": int(text(f"{summary}/Worst-caseLatency")),
        "interval_cycles": int(text(f"{summary}/Interval-max")),
        **{name.lower(): int(text(f"AreaEstimates/Resources/{name}")) for name in _RESOURCES},
    }


def _enable_cosim(options: Path) -> None:
    """Switch on synthesis and co-simulation in hls4ml's option file."""
    wanted = {"csim": 0, "synth": 1, "cosim": 1, "validation": 1, "export": 0, "vsynth": 0, "reset": 1}
    content = options.read_text(encoding="utf-8")
    for name, value in wanted.items():
        content = re.sub(rf"(?m)^(\s*{name}\s+)\d", rf"\g<1>{value}", content)
    options.write_text(content, encoding="utf-8")
