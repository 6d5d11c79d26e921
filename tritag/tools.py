"""Runs compilers and simulators: they end with the command that started them, however it ends."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from tritag.errors import ToolError

# The folder in which a tool runs, by a path without blanks, quotes and whatever else tools stumble over.
_HERE = "/proc/self/cwd"
# A small process between: the kernel tells it when the command dies, even by kill -9, and it ends its whole group.
# A compiler's own children would not be told.
_KEEPER = """
import ctypes, os, signal, subprocess, sys
signal.signal(signal.SIGTERM, lambda *_: os.killpg(0, signal.SIGKILL))
ctypes.CDLL(None).prctl(1, signal.SIGTERM, 0, 0, 0)
if os.getppid() != int(sys.argv[1]):
    sys.exit(1)
try:
    sys.exit(subprocess.Popen(sys.argv[2:]).wait() & 255)
except OSError as error:
    sys.exit(f"{sys.argv[2]}: {error.strerror}")
"""


def compiler(what: str) -> str:
    """Path of g++, which ``what`` needs: the beginning of the error where it is missing.

    Raises
    ------
    ToolError
        No g++ on PATH.
    """
    found = shutil.which("g++")
    if found is None:
        raise ToolError(f"{what} needs g++ on PATH; install it (Debian: apt-get install g++)")
    return found


def run_tool(
    command: Sequence[str | Path],
    folder: Path,
    environment: Mapping[str, str] | None = None,
    capture: bool = True,
) -> subprocess.CompletedProcess[str]:
    """Run ``command`` in ``folder``; when this process is interrupted or killed, it and its children end, too.

    Its temporary files lie in ``folder``: a killed compiler leaves some, and they go with the folder.

    Parameters
    ----------
    environment : mapping, optional
        All variables; by default those of this process.
    capture : bool
        Whether its output is returned; otherwise it goes where that of this process goes.

    Returns
    -------
    CompletedProcess
        With status, output and errors as text; what is not UTF-8 is replaced.
    """
    keeper = [sys.executable, "-I", "-S", "-c", _KEEPER, str(os.getpid()), *map(str, command)]
    pipe = subprocess.PIPE if capture else None
    variables = {**(os.environ if environment is None else environment), "TMPDIR": _HERE}
    with subprocess.Popen(
        keeper, cwd=folder, env=variables, stdout=pipe, stderr=pipe, text=True, encoding="utf-8", errors="replace",
        start_new_session=True,
    ) as process:  # fmt: skip
        try:
            out, err = process.communicate()
        except BaseException:
            with suppress(OSError):
                os.killpg(process.pid, signal.SIGKILL)
            raise
    return subprocess.CompletedProcess(command, process.returncode, out or "", err or "")
