"""Compiles emulators and keeps them: one library for each text, compiler and processor, named by their digest."""

from __future__ import annotations

import hashlib
import subprocess
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tritag.build_cache import built
from tritag.environment import cache_folder
from tritag.errors import ToolError
from tritag.export.firmware_layers import FirmwareGraph
from tritag.hls_projects.emulator.text import EmulatorText, emulator_text
from tritag.tools import compiler, run_tool

# Wrapping sums: partial sums of a linear layer may leave 32 bits, their end does not.
FLAGS = ("-std=c++17", "-O3", "-funroll-loops", "-fPIC", "-shared", "-fwrapv", "-fno-math-errno", "-w", "-Wno-psabi")
NATIVE = ("-march=native",)
# Passes that take g++ a third to a half of its time on long functions and make a few per cent of the speed, by the
# number of lines from which on they are left out.
_LEFT_OUT = {5000: ("-fno-tree-pre", "-fno-gcse-after-reload"), 10_000: ("-fno-gcse",)}


@dataclass(frozen=True)
class EmulatorLibrary:
    """A compiled emulator: its text, the shared library, and the seconds that it took to have it."""

    text: EmulatorText
    path: Path
    compile_s: float


def compile_emulator(
    graph: FirmwareGraph, name: str = "tagger", trace: bool = False, flags: tuple[str, ...] = NATIVE
) -> EmulatorLibrary:
    """Write and compile the emulator of ``graph``, or take it from the cache.

    Raises
    ------
    ToolError
        No g++ on PATH, or it refuses the text: the message holds its first lines.
    """
    text = emulator_text(graph, name, trace)
    began = time.perf_counter()
    return EmulatorLibrary(text, compile_text(text.source, flags), time.perf_counter() - began)


def compile_text(source: str, flags: tuple[str, ...] = NATIVE) -> Path:
    """Compile a translation unit into a shared library, or take it from the cache.

    Raises
    ------
    ToolError
        No g++ on PATH, or it refuses the text: the message holds its first lines.
    """
    program = compiler("the native emulator")
    lines = source.count("\n")
    flags = (*flags, *(flag for least, passes in _LEFT_OUT.items() if lines > least for flag in passes))
    state = hashlib.sha256("\0".join([source, *FLAGS, _machine(program, flags)]).encode())

    def build(folder: Path) -> dict[str, float]:
        (folder / "emulator.cpp").write_text(source, encoding="utf-8")
        done = run_tool([program, *FLAGS, *flags, "emulator.cpp", "-o", "emulator.so"], folder)
        if done.returncode:
            raise ToolError(f"g++ must compile the emulator, but failed:\n{done.stderr[:2000]}")
        return {}

    return built(cache_folder("emulator").resolve() / state.hexdigest()[:16], build).folder / "emulator.so"


@cache
def _machine(program: str, flags: tuple[str, ...]) -> str:
    """Compiler, version and what ``flags`` mean on this processor: a library made for another one is not taken."""
    command = [program, *flags, "-Q", "--help=target"]
    version = subprocess.run([program, "--version"], check=True, capture_output=True, text=True).stdout
    return version + subprocess.run(command, check=True, capture_output=True, text=True).stdout
