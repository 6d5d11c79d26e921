"""Commands of tritag that can be killed cheaply: forked from a process that has imported everything already.

A command that is started anew imports libraries for seconds, and writes nothing meanwhile. Here each is a child of one
process, which is also the one that inherits what a killed command leaves behind: whatever lives on is a descendant.
"""

from __future__ import annotations

import ctypes
import importlib
import os
import shlex
import signal
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

_SUBREAPER = 36
_TRAINING = ("torch", "h5py", "tritag.pipeline.train", "tritag.commands.train")
_FIRMWARE = ("brevitas.export", "onnxruntime", "tritag.pipeline.export", "tritag.commands.export")
_COMPILED = ("hls4ml", "qonnx.core.onnx_exec", "tritag.pipeline.verify")
_IMPORTS = {
    "data make": ("awkward", "tritag.pipeline.data"),
    "train": _TRAINING,
    "export": _FIRMWARE,
    "csim": (*_COMPILED, "tritag.pipeline.csim"),
    "verify": _COMPILED,
    "rtl": ("tritag.pipeline.rtl",),
    "study": (*_TRAINING, *_FIRMWARE, *_COMPILED, "tritag.pipeline.study.run"),
}


def prepare(steps: Iterable[str]) -> None:
    """Import what the commands need, and become the heir of whatever they leave behind.

    Everything runs on one thread from here on: threads of a library do not survive a fork.
    """
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"
    ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)
    for name in (name for step in steps for name in _IMPORTS[step]):
        importlib.import_module(name)


def start(folder: Path, arguments: list[str], log: Path) -> int:
    """Start a command in ``folder`` with runs, cache and temporary files of its own; returns its process."""
    sys.stdout.flush()
    if process := os.fork():
        return process
    status = 3
    try:
        os.chdir(folder)
        (folder / "tmp").mkdir(exist_ok=True)
        os.environ.update(TRITAG_RUNS="runs", TRITAG_CACHE="cache", TMPDIR=str(folder / "tmp"))
        out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(out, 1)
        os.dup2(out, 2)
        os.write(1, f"$ tritag {shlex.join(arguments)}\n".encode())
        from tritag.cli import run

        status = run(arguments)
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(status)


def end(process: int) -> int:
    """Wait for a command; its exit status, or minus the signal that ended it."""
    _, state = os.waitpid(process, 0)
    return os.waitstatus_to_exitcode(state)


def kill_after(process: int, seconds: float) -> bool:
    """Kill a command (it alone) after ``seconds``; whether it was still alive then."""
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        found, _ = os.waitpid(process, os.WNOHANG)
        if found:
            return False
        time.sleep(min(left, 0.01))
    os.kill(process, signal.SIGKILL)
    return end(process) == -signal.SIGKILL


def survivors(patience_s: float = 5.0) -> list[str]:
    """Processes that live on after their command: its descendants came to this process. They have some time to end."""
    deadline = time.monotonic() + patience_s
    while found := _descendants():
        if time.monotonic() > deadline:
            for pid in found:
                os.kill(int(pid), signal.SIGKILL)
            return [f"process {pid} ({name})" for pid, name in found.items()]
        time.sleep(0.05)
    return []


def _descendants() -> dict[str, str]:
    """Living descendants of this process with their names; those that are dead are buried."""
    found: dict[str, str] = {}
    waiting = [str(os.getpid())]
    while waiting:
        pid = waiting.pop()
        try:
            children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
        except OSError:
            continue
        waiting += children
        for child in children:
            found |= _alive(child)
    return found


def _alive(pid: str) -> dict[str, str]:
    try:
        name, _, rest = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").partition("(")[2].rpartition(")")
    except OSError:
        return {}
    if rest.split()[0] != "Z":
        return {pid: name}
    with suppress(ChildProcessError):
        os.waitpid(int(pid), os.WNOHANG)
    return {}
