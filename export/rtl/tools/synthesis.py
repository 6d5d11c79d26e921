"""Synthesis figures without a vendor tool: Yosys (``synth_xilinx -family xcup``), kernel by kernel.

Each module is synthesised once and cached by its text; a design's figures are those of its kernels times their
instances, and of the top level (go pulses, registers that hold jets' values, wiring) with the kernels as black boxes.
Small modules go through Yosys together, because it reads its libraries for seconds; they stay modules of their own.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tritag.errors import ToolError
from tritag.export.rtl.design.design import Design
from tritag.export.rtl.design.placed import Placed
from tritag.export.rtl.text.fpga import Figures
from tritag.export.rtl.tools.depth import stage_depth
from tritag.export.rtl.tools.simulation import INSTALL, cache_root
from tritag.files import atomic_path
from tritag.helper_files import own_folder
from tritag.seals import seal, unseal
from tritag.tools import run_tool

# Raise it when the way of synthesis changes.
_RECIPE = 3
# Delay of a net, and of the longest path, in ps for the mapping to LUTs: five levels. By Yosys' own a long carry
# chain is the slowest path of a module, and whatever is not slower stays as it is: chains of seven small LUTs.
_NET_PS, _PATH_PS = 1000, 5800
# Modules of so many characters in all go through Yosys together.
_BATCH = 60_000
# Characters that cost as much time as Yosys' libraries.
_START = 30_000

Progress = Callable[[int, int, float], None]


@dataclass(frozen=True)
class Job:
    """A module to synthesise, named ``kernel`` here: its name does not matter for what becomes of it.

    Attributes
    ----------
    boxes : str
        Headers of the modules in it.
    """

    text: str
    files: Mapping[str, str]
    boxes: str = ""

    @classmethod
    def of(cls, name: str, text: str, files: Mapping[str, str], boxes: str = "") -> Job:
        """The job of a module with its own name; memories are called by their contents."""
        called = {
            file: f"table_{hashlib.sha256(content.encode()).hexdigest()[:12]}.hex" for file, content in files.items()
        }
        for file, new in called.items():
            text = text.replace(f'"{file}"', f'"{new}"')
        by_content = {called[file]: content for file, content in files.items()}
        return cls(text.replace(name, "kernel"), by_content, boxes.replace(name, "kernel"))

    @property
    def entry(self) -> Path:
        """File of its figures in the cache."""
        state = json.dumps([self.text + self.boxes, sorted(self.files), _RECIPE, _version()])
        return cache_root() / "synthesis" / f"{hashlib.sha256(state.encode()).hexdigest()[:16]}.json"

    def figures(self) -> Figures:
        """Resources that an earlier run of Yosys left in the cache."""
        found = self.known()
        if found is None:
            raise ToolError(f"{self.entry} must hold what Yosys has just found, but is gone; run the command again")
        return found

    def known(self) -> Figures | None:
        """Figures in the cache; None where there are none, or where the file is damaged: they are made again."""
        with suppress(OSError, ValueError, TypeError, ToolError):
            return Figures(**json.loads(unseal(self.entry, ToolError, "synthesise again")))
        return None


def missing_tools() -> list[str]:
    """Names of the tools that a synthesis needs and that are not installed."""
    return ["pyosys (Yosys)"] if importlib.util.find_spec("pyosys") is None else []


def require_tools() -> None:
    """Refuse to synthesise without the tools for it.

    Raises
    ------
    ToolError
        A tool is missing; the message says how to install it.
    """
    if missing := missing_tools():
        raise ToolError(f"RTL synthesis needs {' and '.join(missing)}; install it: {INSTALL}")


def synthesise(
    design: Design,
    kernels: Sequence[Placed] | None = None,
    top: bool = True,
    workers: int = 1,
    progress: Progress | None = None,
) -> dict[str, Figures]:
    """Figures of every module by name, the top level under the design's own.

    Interrupted, it goes on where it was: what is done is in the cache.

    Parameters
    ----------
    kernels
        Only these; by default all of the design.
    top
        Whether to synthesise the top level, too.
    workers
        Processes of Yosys at a time.
    progress
        Told at the start and after every run of Yosys: modules that are done, modules in all, share of the work.

    Raises
    ------
    ToolError
        Yosys is missing or failed.
    """
    jobs = {k.module: Job.of(k.module, k.text, k.files) for k in (design.kernels if kernels is None else kernels)}
    if top:
        jobs[design.name] = _top_job(design)
    waiting = {job.entry: job for job in jobs.values() if job.known() is None}
    batches = list(_batches(list(waiting.values())))
    work = sum(_START + sum(len(job.text) for job in batch) for batch in batches)
    # Modules of equal text are one job.
    twins = Counter(job.entry for job in jobs.values())
    modules, spent = sum(n for entry, n in twins.items() if entry not in waiting), 0
    if progress is not None:
        progress(modules, len(jobs), float(not batches))
    pool = ThreadPoolExecutor(workers)
    try:
        running = {pool.submit(_run, batch): batch for batch in batches}
        for done in as_completed(running):
            done.result()
            batch = running[done]
            modules += sum(twins[job.entry] for job in batch)
            spent += _START + sum(len(job.text) for job in batch)
            if progress is not None:
                progress(modules, len(jobs), spent / work)
    finally:
        pool.shutdown(cancel_futures=True)
    return {name: job.figures() for name, job in jobs.items()}


def summed(design: Design, figures: Mapping[str, Figures]) -> Figures:
    """Sum over all instances and the top level."""
    total = figures[design.name]
    for kernel in design.kernels:
        total = total.plus(figures[kernel.module], kernel.instances)
    return total


def run_jobs(jobs: Sequence[Job], workers: int = 1) -> None:
    """Synthesise modules, small ones together; their figures are in the cache then."""
    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(_run, _batches(jobs)))


def module_figures(name: str, text: str, files: Mapping[str, str]) -> Figures:
    """Figures of one module, from the cache when its text was synthesised before."""
    job = Job.of(name, text, files)
    if job.known() is None:
        _run([job])
    return job.figures()


def _top_job(design: Design) -> Job:
    boxes = "".join(_black_box(k.text) for k in design.kernels)
    return Job.of(design.name, design.top, {}, boxes)


def _black_box(text: str) -> str:
    header = text[: text.index(");") + 2]
    return f"(* blackbox *)\n{header}\nendmodule\n"


def _batches(jobs: Sequence[Job]) -> Iterator[list[Job]]:
    """Small modules together; one with modules in it by itself."""
    batch: list[Job] = []
    for job in jobs:
        if job.boxes:
            yield [job]
            continue
        if batch and sum(len(j.text) for j in batch) + len(job.text) > _BATCH:
            yield batch
            batch = []
        batch.append(job)
    if batch:
        yield batch


def _version() -> str:
    require_tools()
    return version("pyosys")


def _run(batch: Sequence[Job]) -> None:
    """Synthesise modules and put their figures into the cache."""
    names = [f"kernel_{i}" for i in range(len(batch))]
    texts = [re.sub(r"\bmodule kernel\b", f"module {n}", j.text) for n, j in zip(names, batch, strict=True)]
    instances = "".join(f"    (* keep *) {n} {n}_i ();\n" for n in names)
    top = f"module all_kernels ();\n{instances}endmodule\n"
    files = {name: content for job in batch for name, content in job.files.items()}
    text = "\n".join([*texts, *(job.boxes for job in batch), top])
    for job, figures in zip(batch, _yosys(text, files, names), strict=True):
        with atomic_path(job.entry) as path:
            path.write_bytes(seal(json.dumps(asdict(figures)).encode()))


def _yosys(text: str, files: Mapping[str, str], names: Sequence[str]) -> list[Figures]:
    with own_folder(cache_root() / "synthesis") as folder:
        for file, content in {**files, "design.v": text, "run.py": _SCRIPT}.items():
            (folder / file).write_text(content)
        done = run_tool([sys.executable, "run.py"], folder)
        netlist = folder / "netlist.json"
        if done.returncode or not netlist.is_file():
            raise ToolError(f"Yosys must synthesise the modules, but failed:\n{(done.stdout + done.stderr)[-3000:]}")
        modules = json.loads(netlist.read_text())["modules"]
    return [_counted(modules[name]) for name in names]


def _counted(module: dict[str, Any]) -> Figures:
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


_SCRIPT = f"""
from pyosys import libyosys as ys
design = ys.Design()
for command in (
    "read_verilog design.v",
    "hierarchy -top all_kernels",
    "scratchpad -set synth_xilinx.abc9.W {_NET_PS}",
    "scratchpad -set abc9.D {_PATH_PS}",
    "synth_xilinx -family xcup -noiopad -noclkbuf -top all_kernels",
    "write_json netlist.json",
):
    ys.run_pass(command, design)
"""
