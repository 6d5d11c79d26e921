"""The zoo: trained taggers that come with tritag, opened by name: ``zoo:lloca-trigger-fast-2k``.

An entry is the folder ``models/zoo/<name>``: settings, weights, figures and provenance of a run, and golden jets with
the integers that every executor must give for them. Opening it copies the files into a run directory of their own,
``runs/zoo-<name>-<digest>``, with which every step goes on as with a run that was trained here. Neither jets nor a
training are needed. Weights are packed with gzip. The float run that a quantized one began with is the entry
``<name>-float``, which is copied beside it; its golden answers are float logits.
"""

from __future__ import annotations

import gzip
from importlib.resources import as_file, files
from pathlib import Path

from tritag.environment import runs_root
from tritag.errors import RunError, unknown_name
from tritag.files import atomic_path
from tritag.run_config import read_config

PREFIX = "zoo:"
# Behind the name of a quantized entry it names the float run that this one began with.
FLOAT = "-float"
# Golden jets of an entry: ``codes`` and ``count``, and the answer, ``logit``: integers of a quantized tagger.
GOLDEN = "golden.npz"
# Packed in an entry: mostly few different numbers.
_PACKED = "weights.safetensors"
# What an entry holds; a directory with config.yaml is a run, so that this file is copied last.
FILES = ("weights.safetensors", "history.jsonl", "metrics.json", "scores.npz", "provenance.json", GOLDEN, "config.yaml")
_ROOT = files("tritag.models").joinpath("zoo")


def is_zoo(where: object) -> bool:
    """Whether ``where`` names an entry of the zoo, there or not."""
    return isinstance(where, str) and where.startswith(PREFIX)


def zoo_names() -> list[str]:
    """Names of all entries without the prefix, sorted."""
    return sorted(entry.name for entry in _ROOT.iterdir() if entry.joinpath("config.yaml").is_file())


def exact_names() -> list[str]:
    """Names of the entries that become firmware, sorted: all but the float ones."""
    return [name for name in zoo_names() if not name.endswith(FLOAT)]


def name_in_entry(filename: str) -> str:
    """Name under which an entry holds a file of the run."""
    return f"{filename}.gz" if filename == _PACKED else filename


def unpacked(where: str) -> Path:
    """The run directory of an entry, whose files are copied there when they are not, as are those of its float run.

    Parameters
    ----------
    where : str
        The entry's name behind ``zoo:``.

    Raises
    ------
    RunError
        No such entry (the nearest name is offered), or the run directory holds other files than the entry.
    """
    name = _entry(where)
    if name + FLOAT in zoo_names():
        _unpacked(name + FLOAT)
    return _unpacked(name)


def copied_to(where: str) -> str:
    """Name of the run directory that an entry is copied to when it is opened, there or not.

    Raises
    ------
    RunError
        No such entry (the nearest name is offered).
    """
    return _directory_name(_entry(where))


def _entry(where: str) -> str:
    name, known = where.removeprefix(PREFIX), zoo_names()
    if name not in known:
        raise RunError(f"{unknown_name('tagger of the zoo', name, known)}; name one as {PREFIX}NAME")
    return name


def lasting_name(run: str) -> str:
    """``zoo:NAME`` of the run directory that an entry is copied to, which opens it on every machine; else ``run``."""
    names = (name for name in zoo_names() if run.startswith(f"zoo-{name}-"))
    return next((PREFIX + name for name in names if _directory_name(name) == run), run)


def _directory_name(name: str) -> str:
    with as_file(_ROOT.joinpath(name, "config.yaml")) as config:
        return f"zoo-{name}-{read_config(config)['digest']}"


def _unpacked(name: str) -> Path:
    directory = runs_root() / _directory_name(name)
    with as_file(_ROOT.joinpath(name)) as entry:
        for filename in FILES:
            _copy(_content(entry, filename), directory / filename)
    return directory


def _content(entry: Path, filename: str) -> bytes:
    content = (entry / name_in_entry(filename)).read_bytes()
    return gzip.decompress(content) if filename == _PACKED else content


def _copy(content: bytes, goal: Path) -> None:
    """Write a file that is missing; one that is there must be the same, but for the provenance, which steps add to."""
    if not goal.is_file():
        with atomic_path(goal) as temporary:
            temporary.write_bytes(content)
    elif goal.name != "provenance.json" and goal.read_bytes() != content:
        raise RunError(
            f"{goal} must be as this tritag's zoo has it, but it was changed or comes from another release; "
            f"remove {goal.parent}"
        )
