"""The runs that are there, and what each of them has: read from names of files and from verdicts."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from tritag.environment import runs_root
from tritag.errors import RunError
from tritag.files import JsonObject
from tritag.run import list_runs
from tritag.run_config import asked_for
from tritag.structured import read_json_if_there

# The file that a step writes last, and what a run with it is.
MARKS = {
    "train": ("metrics.json", "trained"),
    "import": ("import.json", "imported"),
    "evaluate": ("evaluation.json", "evaluated"),
    "cost": ("cost.json", "cost"),
    "equivariance": ("equivariance.json", "equivariance"),
    "export": ("vectors.npz", "exported"),
    "csim": ("csim.json", "csim"),
    "verify": ("verify.json", "verified"),
    "rtl": ("rtl.json", "rtl"),
    "synth": ("synth.json", "synth"),
    "report": ("report.html", "report"),
}


@dataclass(frozen=True)
class RunSummary:
    """A run directory from outside.

    Attributes
    ----------
    name : str
        Name of the directory.
    has : tuple of str
        What has been done with it: ``trained``, ``exported``, ``csim``, ``verified``, ...; ``DIFFERS`` in place of
        ``verified`` when an executor gave other integers, and ``unfinished`` when there is nothing yet.
    teacher : bool
        It was trained only because a quantized run begins with its weights.
    size_bytes : int
        Size of all its files.
    changed_s : float
        When a file of it was changed last, in seconds since 1970.
    """

    name: str
    has: tuple[str, ...]
    teacher: bool
    size_bytes: int
    changed_s: float

    def as_dict(self) -> JsonObject:
        """An entry of what ``tritag runs --json`` prints."""
        return asdict(self)


def summarise_runs() -> list[RunSummary]:
    """All runs of the runs folder, the newest first; a damaged one is listed like the others."""
    return [_summary(runs_root() / name) for name in list_runs()]


def _summary(directory: Path) -> RunSummary:
    has = [what for name, what in MARKS.values() if (directory / name).is_file()]
    if "verified" in has:
        has[has.index("verified")] = _verdict(directory / "verify.json")
    size, changed = 0, 0.0
    for path in directory.rglob("*"):
        with suppress(OSError):  # a step may replace it just now
            status = path.lstat()
            size, changed = size + status.st_size, max(changed, status.st_mtime)
    teacher = not asked_for(directory / "config.yaml")
    return RunSummary(directory.name, tuple(has) or ("unfinished",), teacher, size, changed)


def _verdict(path: Path) -> str:
    """What a bit check found: ``verified`` or ``DIFFERS``; ``DAMAGED`` when its file is not what tritag wrote."""
    try:
        found = read_json_if_there(path)
        return "DIFFERS" if any(entry["differ"] for entry in found or ()) else "verified"
    except (RunError, TypeError, KeyError):
        return "DAMAGED"
