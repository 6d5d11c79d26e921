"""How many workers there may be, and worker processes that end with the process that started them."""

from __future__ import annotations

import os
import signal
import threading
import time


def available_cores() -> int:
    """Cores that this process may use: fewer than the machine has where a scheduler or a container says so."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def follow_parent(parent: int) -> None:
    """Initializer of a worker: the parent (a process id) handles Ctrl-C, and when it is killed the worker ends too."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1.0)
    os._exit(1)
