"""Plug-ins of a run: the copies of their sources that it keeps, and what holds when a user's file has changed.

A run is made of its own copy. A file of the user whose code is another by now is an error, because the run's figures
are not those of the file that the user looks at, until the new content has been trained, too: from then on each of the
two contents has a run of its own, and both can be used beside each other.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import cast

from tritag import advice, plugins
from tritag.environment import runs_root
from tritag.errors import ConfigError, RunError
from tritag.files import write_json
from tritag.pipeline.sources import source_digest
from tritag.plugin_files import Plugin
from tritag.run import Run, list_runs, runs_named
from tritag.run_config import plain_values
from tritag.structured import read_json_if_there
from tritag.terminal import print_progress

_FOLDER = "plugins"
# Where each plug-in was read, as seen from the working directory: only to tell the user when it has changed.
_ORIGINS = f"{_FOLDER}/origins.json"
_SAID: set[tuple[str, str]] = set()
_DIGEST = re.compile(r"@[0-9a-f]{12}(?=$|:)")


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


def changed_origins(run: Run) -> list[str]:
    """Plug-ins of a run whose code in the user's files is another now, and not trained: a phrase each."""
    names = run.config.get("plugins") or []
    origins = (read_json_if_there(run.path(_ORIGINS)) or {}) if names else {}
    found = []
    for name in names:
        origin = origins.get(name)
        if origin is None or not Path(origin).exists() or (now := _name_now(Path(origin))) == name:
            continue
        if now and (_same_code(run, name, Path(origin)) or _is_trained(now)):
            continue
        found.append(f"source of {origin} changed")
    return found


def refuse_other_plugins(name: str, settings: Mapping[str, object], call: Mapping[str, object]) -> None:
    """Refuse a training with a plug-in that has another code than when a run with the same call was trained.

    Parameters
    ----------
    name : str
        Readable part of the name of the run that is to be trained.
    settings, call : mapping
        Of that run.

    Raises
    ------
    RunError
        The message names the file and the command that trains its new content.
    """
    if settings.get("plugins") and (other := other_plugin(settings, runs_named(name))) is not None:
        raise RunError(
            f"{other[1]} since {other[0].directory.name} was trained; put it back, or train the new one beside it with "
            f"{advice.training(call, again=True)}"
        )


def other_plugin(settings: Mapping[str, object], named: Iterable[Run]) -> tuple[Run, str] | None:
    """The newest of runs that was trained with these settings and another code of a plug-in, and which it is."""
    mine = {_file(plugin): plugin for plugin in cast("Sequence[str]", settings.get("plugins") or ())}
    asked = _without_digests(plain_values(settings))
    others = [run for run in named if _without_digests(run.config) == asked] if mine else []
    if not others or any(run.config == plain_values(settings) for run in others):
        return None
    for theirs in others[0].config["plugins"]:
        plugin = plugins.plugin_of(mine[_file(theirs)])
        if plugin.name != theirs and not _same_code(others[0], theirs, plugin.path):
            return others[0], f"source of {os.path.relpath(plugin.path)} changed"
    return None


def _same_code(run: Run, name: str, origin: Path) -> bool:
    """Whether a user's file differs from the run's copy ``name`` in comments and layout alone."""
    try:
        copy, now = plugins.read(run.path(_FOLDER) / name / _file(name)), plugins.read(origin)
    except ConfigError:
        return False
    return _code(copy) == _code(now)


def _code(plugin: Plugin) -> dict[str, str]:
    return {path: source_digest(content.decode("utf-8"))["code"] for path, content in plugin.sources.items()}


def _is_trained(plugin: str) -> bool:
    """Whether a run was trained with this content of a plug-in."""
    return any(
        (runs_root() / directory / _FOLDER / plugin).is_dir()
        and (runs_root() / directory / "weights.safetensors").is_file()
        for directory in list_runs()
    )


def _without_digests(value: object) -> object:
    """Settings in which plug-ins are known by their files' names alone."""
    if isinstance(value, dict):
        return {key: _without_digests(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_digests(item) for item in value]
    return _DIGEST.sub("", value) if isinstance(value, str) else value


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
