"""Synthesis figures without a vendor tool: Yosys (``synth_xilinx -family xcup``), kernel by kernel.

Each module is synthesised once and cached by its text; a design's figures are those of its kernels times their
instances, and of the top level (go pulses, registers that hold jets' values, wiring) with the kernels as black boxes.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

from tritag.errors import ToolError
from tritag.export.rtl.depth import stage_depth
from tritag.export.rtl.design import Design
from tritag.export.rtl.simulation import INSTALL, cache_root
from tritag.files import write_text

# What a Xilinx VU13P holds, in four super logic regions (SLRs).
PART = {"lut": 1_728_000, "ff": 3_456_000, "carry8": 216_000, "dsp": 12_288, "bram18": 5_376}
SLRS = 4
# Raise it when the way of synthesis changes.
_RECIPE = 1


@dataclass(frozen=True)
class Figures:
    """Resources of a module; ``levels`` is the longest chain of LUTs and carries between registers.

    Shift registers in LUTs (SRL) count among the LUTs; Yosys maps carries to CARRY4, two of which make a CARRY8.
    """

    lut: int = 0
    ff: int = 0
    carry8: int = 0
    dsp: int = 0
    bram18: int = 0
    levels: int = 0

    def plus(self, other: Figures, times: int = 1) -> Figures:
        """Sum of resources, and the larger depth."""
        sums = {k: v + times * getattr(other, k) for k, v in asdict(self).items() if k != "levels"}
        return Figures(**sums, levels=max(self.levels, other.levels))

    def shares(self) -> dict[str, float]:
        """Parts of one SLR."""
        return {name: getattr(self, name) / (total / SLRS) for name, total in PART.items()}


def check_missing_tools() -> str | None:
    """What has to be installed for a synthesis; None when nothing is missing."""
    if importlib.util.find_spec("pyosys") is None:
        return f"RTL synthesis needs pyosys (Yosys); install it: {INSTALL}"
    return None


def synthesise(design: Design, workers: int = 1) -> tuple[dict[str, Figures], Figures]:
    """Figures of every module by name (the top level under the design's own), and their sum over all instances.

    Raises
    ------
    ToolError
        Yosys is missing or failed.
    """
    boxes = "".join(_black_box(k.text) for k in design.kernels)
    jobs = {k.module: (k.text, k.files) for k in design.kernels}
    jobs[design.name] = (design.top + boxes, {})
    with ThreadPoolExecutor(workers) as pool:
        done = pool.map(lambda item: module_figures(item[0], *item[1]), jobs.items())
        figures = dict(zip(jobs, done, strict=True))
    total = figures[design.name]
    for kernel in design.kernels:
        total = total.plus(figures[kernel.module], kernel.instances)
    return figures, total


def module_figures(name: str, text: str, files: Mapping[str, str]) -> Figures:
    """Figures of one module, from the cache when its text was synthesised before."""
    # The module's name does not matter for what becomes of it.
    plain = text.replace(name, "kernel")
    state = json.dumps([plain, sorted(files), _RECIPE, _version()])
    entry = cache_root() / "synthesis" / f"{hashlib.sha256(state.encode()).hexdigest()[:16]}.json"
    if not entry.is_file():
        write_text(entry, json.dumps(asdict(_yosys(plain, files))))
    return Figures(**json.loads(entry.read_text()))


def _version() -> str:
    message = check_missing_tools()
    if message is not None:
        raise ToolError(message)
    return version("pyosys")


def _yosys(text: str, files: Mapping[str, str]) -> Figures:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file, content in {**files, "design.v": text, "run.py": _SCRIPT}.items():
            (folder / file).write_text(content)
        done = subprocess.run([sys.executable, "run.py"], cwd=folder, check=False, capture_output=True, text=True)
        netlist = folder / "netlist.json"
        if done.returncode or not netlist.is_file():
            raise ToolError(f"Yosys must synthesise the module, but failed:\n{(done.stdout + done.stderr)[-3000:]}")
        module = json.loads(netlist.read_text())["modules"]["kernel"]
    counts: dict[str, int] = {}
    for cell in module["cells"].values():
        counts[cell["type"]] = counts.get(cell["type"], 0) + 1

    def of(*prefixes: str) -> int:
        return sum(n for kind, n in counts.items() if kind.startswith(prefixes))

    return Figures(
        lut=of("LUT", "SRL", "RAM32", "RAM64", "RAM128"),
        ff=of("FD"),
        carry8=-(-of("CARRY4") // 2) + of("CARRY8"),
        dsp=of("DSP48"),
        bram18=of("RAMB18") + 2 * of("RAMB36"),
        levels=stage_depth(module),
    )


_SCRIPT = """
from pyosys import libyosys as ys
design = ys.Design()
for command in (
    "read_verilog design.v",
    "hierarchy -top kernel",
    "synth_xilinx -family xcup -noiopad -noclkbuf -top kernel",
    "write_json netlist.json",
):
    ys.run_pass(command, design)
"""


def _black_box(text: str) -> str:
    header = text[: text.index(");") + 2]
    return f"(* blackbox *)\n{header}\nendmodule\n"
