"""What the user sets outside of the command line: environment variables, read in one place each.

A variable that is set to nothing counts as not set.
"""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder(part: str) -> Path:
    """Folder of things that can be made again: ``part`` of ``$TRITAG_CACHE``, by default of ``cache``.

    The default lies in the working directory. The path is as the variable says, relative or not.
    """
    return Path(os.environ.get("TRITAG_CACHE") or "cache") / part


def runs_root() -> Path:
    """Folder of all runs: ``$TRITAG_RUNS``, by default ``runs`` in the working directory."""
    return Path(os.environ.get("TRITAG_RUNS") or "runs")


def default_device() -> str:
    """Where trainings and evaluations compute: ``$TRITAG_DEVICE``, by default ``cpu``."""
    return os.environ.get("TRITAG_DEVICE") or "cpu"


def compiler_settings() -> dict[str, str]:
    """What decides how C-simulations are compiled beside their sources: ``$CXX`` and ``$CXXFLAGS`` where set."""
    return {name: os.environ[name] for name in ("CXX", "CXXFLAGS") if os.environ.get(name)}
