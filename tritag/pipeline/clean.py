"""Removing what tritag made and nobody needs: leftovers of killed commands, old entries of the cache, whole runs.

Of sweeps and studies also designs of runs that are gone, old errors, and old tables none of whose runs is there.

Only what tritag is known to make is removed: files by their names in a run, folders of steps that hold nothing newer
than the step's own record, entries of the cache by their list of contents. Everything else stays, and is named.
"""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tritag.build_cache import CONTENTS
from tritag.environment import cache_folder, runs_root
from tritag.errors import RunError, TritagError, unknown_name
from tritag.files import JsonObject
from tritag.helper_files import HELPERS, abandoned, is_held
from tritag.run import list_runs
from tritag.steps import STEPS
from tritag.zoo import GOLDEN, copied_to, is_zoo

# What no step writes alone.
_COMMON = ("config.yaml", GOLDEN, "fingerprint.json", "provenance.json", "logs", "plugins", "checkpoint.pt", HELPERS)
_KNOWN = {*_COMMON, *(name for step in STEPS.values() for name in step.files)}
# The record that a step writes behind its folder.
_RECORD_OF = {"hls": "csim.json", "rtl": "rtl.json"}
_BUILT = ("csim", "cmssw", "emulator", "rtl/simulation", "rtl/verilator")
# Whose entries are single files: what Yosys counted, and digests of jet files.
_COUNTED = ("rtl/synthesis", "digests")
_DIGEST = re.compile(r"[0-9a-f]{16,64}")
_FILE = re.compile(r"[0-9a-f]{16,64}(-[a-z]+)?\.json")
_SAME_MOMENT_S = 2.0


@dataclass(frozen=True)
class Removable:
    """Something that tritag made.

    Attributes
    ----------
    path : Path
        The file, the folder, or the link to one.
    why : str
        What it is.
    size_bytes : int
        Size of all its files.
    """

    path: Path
    why: str
    size_bytes: int


@dataclass(frozen=True)
class CleanResult:
    """What may be removed, or was.

    Attributes
    ----------
    found : tuple of Removable
        What may be removed; where ``removed`` is true, it is gone.
    kept : tuple of str
        What stays although it was looked at, each with the reason.
    removed : bool
        Whether anything was touched.
    """

    found: tuple[Removable, ...]
    kept: tuple[str, ...]
    removed: bool

    @property
    def size_bytes(self) -> int:
        """Size of everything that was found."""
        return sum(entry.size_bytes for entry in self.found)

    def as_dict(self) -> JsonObject:
        """What ``tritag clean --json`` prints."""
        entries: list[JsonObject] = [
            {"path": str(e.path), "why": e.why, "size_bytes": e.size_bytes} for e in self.found
        ]
        return {"found": entries, "kept": list(self.kept), "removed": self.removed, "size_bytes": self.size_bytes}


def clean(runs: Sequence[str] = (), *, older_than_days: float = 30.0, remove: bool = False) -> CleanResult:
    """Find what may be removed, and remove it when asked to.

    Parameters
    ----------
    runs : sequence of str
        Whole names of run directories, which are removed entirely, or ``zoo:NAME``, which means the directory that the
        entry was copied to; nothing else is then looked at.
    older_than_days : float
        Age in days from which entries of the cache count as old (compiled programs, counts of Yosys, digests), and
        errors of points, and tables of sweeps whose runs are gone. Jet files are never touched.
    remove : bool
        False only says what would be removed.

    Returns
    -------
    CleanResult
        What was found, what stays and why.

    Raises
    ------
    RunError
        A name that is no run's whole name, an entry of the zoo that is not there or was not copied, or a run that
        another command is writing.
    TritagError
        Something could not be removed.
    """
    directories = [_copy_of(run) if is_zoo(run) else run for run in runs]
    found, kept = _of_runs(directories) if runs else _of_all(older_than_days)
    if remove:
        for entry in found:
            _remove(entry.path)
        for name in directories:
            with suppress(OSError):  # what tritag did not make is still in it
                (runs_root() / name).rmdir()
    return CleanResult(tuple(found), tuple(kept), remove)


def _copy_of(entry: str) -> str:
    directory = copied_to(entry)
    if directory not in list_runs():
        raise RunError(f"{entry} must have been opened to be removed, but {runs_root() / directory} is not there")
    return directory


def _of_runs(names: Sequence[str]) -> tuple[list[Removable], list[str]]:
    known, found, kept = list_runs(), [], []
    for name in dict.fromkeys(names):
        if name not in known:
            raise RunError(f"{unknown_name('run', name, known)}; give the whole name of its directory")
        directory = runs_root() / name
        if is_held(directory / "steps"):
            raise RunError(f"{name} must be at rest, but another command is writing it; wait, or stop that one")
        if directory.is_symlink():
            kept.append(f"{directory}: a link, not a folder of this one")
            continue
        for path in sorted(directory.iterdir()):
            reason = _foreign(path)
            if reason:
                kept.append(f"{path}: {reason}")
            else:
                found.append(Removable(path, "of the run", _size(path)))
        from tritag.pipeline.clean_sweeps import of_run  # heavy imports, which a wrong name need not wait for

        found += [Removable(path, "a point of the run", _size(path)) for path in of_run(name)]
    return found, kept


def _foreign(path: Path) -> str:
    """Why something in a run is not tritag's; nothing when it is."""
    if path.name not in _KNOWN:
        return "not made by tritag"
    record = path.parent / _RECORD_OF.get(path.name, "")
    if path.name not in _RECORD_OF or path.is_symlink():
        return ""
    until = record.stat().st_mtime + _SAME_MOMENT_S if record.is_file() else float("inf")
    newer = [inside for inside in path.rglob("*") if inside.is_file() and inside.lstat().st_mtime > until]
    return f"holds {len(newer)} files newer than {record.name}, which tritag did not write" if newer else ""


def _of_all(older_than_days: float) -> tuple[list[Removable], list[str]]:
    from tritag.pipeline.clean_sweeps import of_sweeps, sweep_folders

    caches = [cache_folder(part) for part in (*_BUILT, *_COUNTED, "data")]
    runs = list_runs()
    folders = [runs_root(), *(runs_root() / name for name in runs), *sweep_folders(), *caches]
    left = [path for folder in folders for path in abandoned(folder)]
    found = [Removable(path, "left by a command that was killed", _size(path)) for path in left]
    before = time.time() - older_than_days * 86400
    of_points, kept = of_sweeps(runs, before, older_than_days)
    found += [Removable(path, why, _size(path)) for path, why in of_points]
    for folder in caches[:-1]:
        for path in sorted(folder.iterdir()) if folder.is_dir() else []:
            if not _is_entry(path, folder in caches[len(_BUILT) :]):
                kept += [] if path.name == HELPERS or path.suffix in (".log", ".lock") else [f"{path}: not known"]
            elif path.stat().st_mtime < before and not is_held(path):
                found.append(Removable(path, f"made more than {older_than_days:g} days ago", _size(path)))
    return found, kept


def _is_entry(path: Path, single: bool) -> bool:
    """Whether something is an entry of the cache: a single file by its name, or a folder with its list of contents."""
    if single:
        return bool(_FILE.fullmatch(path.name)) and path.is_file() and not path.is_symlink()
    return bool(_DIGEST.fullmatch(path.name)) and (path / CONTENTS).is_file()


def _size(path: Path) -> int:
    inside = [path, *path.rglob("*")] if path.is_dir() and not path.is_symlink() else [path]
    return sum(p.lstat().st_size for p in inside if p.is_symlink() or p.is_file())


def _remove(path: Path) -> None:
    try:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
        if path.parent.name == HELPERS:
            with suppress(OSError):  # others still work there
                path.parent.rmdir()
    except OSError as error:
        raise TritagError(f"cannot remove {path}: {error.strerror or error}; check permissions") from error
