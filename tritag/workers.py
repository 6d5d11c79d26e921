"""How many workers there may be, and what a worker process of this machine does at its start.

The module is a preload of Dask's workers (``dask_setup``).
"""

from __future__ import annotations

import os
import signal


def available_cores() -> int:
    """Cores that this process may use: fewer than the machine has where a scheduler or a container says so."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def dask_setup(worker: object) -> None:
    """Leave Ctrl-C, which a terminal sends to all processes of a command, to the command itself."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
