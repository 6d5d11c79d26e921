"""``requirements.lock``: the versions of constraints.txt with the hashes of the files that pip takes for them.

``python -m tests.helpers.lock python3.11 python3.12 ...`` asks the pip of each interpreter, without installing
anything, which file it would take for every pin, and writes the hashes of all of them. torch stands outside: its file
is the user's choice (with CUDA libraries or without), and the Makefile pins its version. tritag itself comes from
the folder that holds it.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from packaging.utils import canonicalize_name

REPOSITORY = Path(__file__).resolve().parents[2]
LOCK = REPOSITORY / "requirements.lock"
APART = ("torch",)
HEAD = """# Exact versions of constraints.txt with the hashes of their files, for Linux x86-64; written by
# python -m tests.helpers.lock. Installed by make env: pip install --require-hashes --no-deps -r requirements.lock
"""


def pins() -> dict[str, str]:
    """Version of every package of constraints.txt, by its name there."""
    lines = (REPOSITORY / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return dict(line.split("==") for line in lines if line and not line.startswith("#"))


def locked() -> dict[str, tuple[str, frozenset[str]]]:
    """Version and hashes of every package of the lock file, by its canonical name."""
    entries = [
        line.split()
        for line in LOCK.read_text(encoding="utf-8").replace("\\\n", " ").splitlines()
        if line[:1].isalnum()
    ]
    found = {}
    for pin, *hashes in entries:
        name, version = pin.split("==")
        found[canonicalize_name(name)] = version, frozenset(h.removeprefix("--hash=sha256:") for h in hashes)
    return found


def hashes_of(report: Mapping[str, list[Mapping[str, dict]]]) -> dict[str, str]:
    """Hash of the file that pip would take, by canonical name, from its report."""
    return {
        canonicalize_name(entry["metadata"]["name"]): entry["download_info"]["archive_info"]["hashes"]["sha256"]
        for entry in report["install"]
    }


def ask(python: str) -> dict[str, str]:
    """Hashes of the files that the pip of an interpreter takes for the pins."""
    wanted = "".join(f"{name}=={version}\n" for name, version in pins().items() if name not in APART)
    with tempfile.TemporaryDirectory() as folder:
        requirements, report = Path(folder) / "pins.txt", Path(folder) / "report.json"
        requirements.write_text(wanted, encoding="utf-8")
        options = ["--dry-run", "--ignore-installed", "--no-deps", "--quiet", "--report", str(report)]
        subprocess.run([python, "-m", "pip", "install", *options, "-r", str(requirements)], check=True)
        return hashes_of(json.loads(report.read_text(encoding="utf-8")))


def write(found: Iterable[Mapping[str, str]]) -> None:
    """Write the lock file from the hashes that several interpreters gave."""
    files = list(found)
    lines = [HEAD]
    for name, version in pins().items():
        if name not in APART:
            hashes = sorted({hashes[canonicalize_name(name)] for hashes in files})
            lines.append(" \\\n    ".join([f"{name}=={version}", *(f"--hash=sha256:{h}" for h in hashes)]) + "\n")
    LOCK.write_text("".join(lines), encoding="utf-8")


if __name__ == "__main__":
    write(ask(python) for python in sys.argv[1:] or [sys.executable])
