"""Plug-ins of a run: the copies of their sources that it keeps, and what it says when a user's file has changed."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from tritag import plugins
from tritag.errors import ConfigError
from tritag.files import write_json
from tritag.run import Run, list_runs
from tritag.structured import read_json_if_there
from tritag.terminal import print_progress

_FOLDER = "plugins"
# Where each plug-in was read, as seen from the working directory: only to tell the user when it has changed.
_ORIGINS = f"{_FOLDER}/origins.json"
_SAID: set[tuple[str, str]] = set()


def keep_plugins(run: Run, names: Sequence[str]) -> None:
    """Copy the sources of the loaded plug-ins ``names`` into the run, unless they are there."""
    if not names or run.path(_ORIGINS).is_file():
        return
    for name in names:
        plugins.plugin_of(name).copy_to(run.path(_FOLDER))
    write_json(run.path(_ORIGINS), {name: os.path.relpath(plugins.plugin_of(name).path) for name in names})


def load_plugins(run: Run) -> None:
    """Load the plug-ins that a run was trained with from its own copies.

    A user's file that has changed since is said, once in a process: the run goes on with what it was trained with.

    Raises
    ------
    ConfigError
        A copy is missing or was edited.
    """
    names = run.config.get("plugins") or []
    origins = (read_json_if_there(run.path(_ORIGINS)) or {}) if names else {}
    for name in names:
        plugins.load_copy(name, run.path(_FOLDER))
        origin = origins.get(name)
        if origin is None or not Path(origin).exists() or (run.digest, name) in _SAID:
            continue
        _SAID.add((run.digest, name))
        if _name_now(Path(origin)) != name:
            print_progress(
                f"{origin} has changed since {run.directory.name} was trained; the run keeps to its own copy, "
                "train again for the new one"
            )


def tell_changes(run: Run) -> None:
    """Say that ``run``, which is yet to be trained, differs from an earlier run of its kind by a plug-in's content."""
    mine = {_file(name): name for name in run.config.get("plugins") or []}
    for directory in list_runs() if mine else []:
        if directory.rpartition("-")[0] != run.name or directory == run.directory.name:
            continue
        earlier = Run.open(run.directory.parent / directory)
        theirs = {_file(name): name for name in earlier.config.get("plugins") or []}
        changed = [file for file, name in mine.items() if theirs.get(file, name) != name]
        if changed:
            print_progress(f"{', '.join(changed)} has changed since {directory} was trained; this is another run")
            return


def _file(name: str) -> str:
    return name.rpartition("@")[0]


def _name_now(path: Path) -> str:
    """Name of what lies at ``path`` now; nothing where it cannot be read any more."""
    try:
        return plugins.read(path).name
    except ConfigError:
        return ""
