"""Which software made a run: package versions and the git commit; no user, host, or path."""

from __future__ import annotations

import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = ("tritag", "torch", "brevitas", "qonnx", "onnx", "onnxruntime", "hls4ml", "numpy")


def describe_software() -> dict[str, Any]:
    """Versions of Python and of the packages whose arithmetic or formats matter, and tritag's git commit.

    Returns
    -------
    dict
        ``python``, ``machine`` (architecture), ``packages`` (None for one that is not installed), ``git_commit``
        (None outside a checkout) and ``git_changed`` (whether tracked files differ from that commit).
    """
    commit = _git("rev-parse", "HEAD") if _in_checkout() else None
    return {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "packages": {name: _version(name) for name in PACKAGES},
        "git_commit": commit,
        "git_changed": bool(_git("status", "--porcelain", "--untracked-files=no")) if commit else None,
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _in_checkout() -> bool:
    # An installed wheel may lie inside somebody else's repository: its commit would say nothing about tritag.
    return _git("ls-files", "--error-unmatch", "provenance.py") is not None


def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(Path(__file__).parent), *arguments],
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
