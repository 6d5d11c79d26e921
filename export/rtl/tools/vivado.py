"""The vendor's synthesis of the Verilog, where Vivado is on PATH: out of context, without place and route."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

from tritag.errors import ToolError
from tritag.files import write_text

TOOL = "vivado"
_FIGURES = ("lut", "ff", "carry4", "carry8", "dsp", "ramb18", "ramb36", "slack_ns")

# Counts cells by the names of the library's primitives, which end in the family's generation (DSP48E1, DSP48E2):
# reports are laid out anew in every release.
_SCRIPT = """
read_verilog {top}.v
synth_design -top {top} -part {part} -mode out_of_context -flatten_hierarchy rebuilt
create_clock -period {period_ns} [get_ports clk]
proc count {{pattern}} {{ return [llength [get_cells -quiet -hierarchical -filter $pattern]] }}
set out [open vivado.json w]
puts $out "\\{{\\"lut\\": [count {{REF_NAME =~ LUT* || REF_NAME =~ SRL*}}],"
puts $out "\\"ff\\": [count {{REF_NAME =~ FD*}}],"
puts $out "\\"carry4\\": [count {{REF_NAME == CARRY4}}],"
puts $out "\\"carry8\\": [count {{REF_NAME == CARRY8}}],"
puts $out "\\"dsp\\": [count {{REF_NAME =~ DSP48E*}}],"
puts $out "\\"ramb18\\": [count {{REF_NAME =~ RAMB18E*}}],"
puts $out "\\"ramb36\\": [count {{REF_NAME =~ RAMB36E*}}],"
puts $out "\\"slack_ns\\": [get_property SLACK [get_timing_paths -delay_type max]]\\}}"
close $out
"""


def vivado() -> str | None:
    """Path of Vivado, None when it is not on PATH."""
    return shutil.which(TOOL)


def vendor_figures(folder: Path, top: str, part: str, period_ns: float, log: Path) -> dict[str, Any]:
    """Vivado's counts of ``TOP.v`` in ``folder``, and the slack in ns that it estimates before placement.

    Raises
    ------
    ToolError
        Vivado failed, or gave other figures than the script asks for; the message names the log.
    """
    result = folder / "vivado.json"
    result.unlink(missing_ok=True)
    write_text(folder / "vivado.tcl", _SCRIPT.format(top=top, part=part, period_ns=period_ns))
    command = [TOOL, "-mode", "batch", "-nojournal", "-nolog", "-source", "vivado.tcl"]
    with open(log, "a", encoding="utf-8") as noise:
        done = subprocess.run(command, cwd=folder, check=False, stdout=noise, stderr=subprocess.STDOUT)
    if done.returncode or not result.is_file():
        raise ToolError(f"{TOOL} must synthesise {folder / top}.v, but ended with {done.returncode}; see {log}")
    try:
        figures = json.loads(result.read_text())
    except json.JSONDecodeError:
        figures = {}
    if set(figures) != set(_FIGURES):
        raise ToolError(f"{TOOL} must give {', '.join(_FIGURES)}, got {', '.join(figures)}; see {log}")
    bram18 = figures.pop("ramb18") + 2 * figures.pop("ramb36")
    # Two CARRY4 of the 7 series make a CARRY8.
    carry8 = figures["carry8"] + -(-figures.pop("carry4") // 2)
    return figures | {"carry8": carry8, "bram18": bram18, "period_ns": period_ns - figures["slack_ns"]}
