"""The run directory: one training and all that was made from it.

    runs/<name>-<digest8>/
      config.yaml  provenance.json  logs/        every step
      weights.safetensors  history.jsonl  ...    see tritag/steps.py

Every file is written whole or not at all (:mod:`tritag.files`). The digest belongs to the resolved configuration: the
same settings give the same directory.
"""

from __future__ import annotations

import dataclasses
import re
import shlex
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tritag.configs import digest
from tritag.environment import runs_root
from tritag.errors import RunError, short, unknown_name
from tritag.files import write_json, write_text
from tritag.provenance import describe_software
from tritag.steps import STEPS, step_of, steps_built_on
from tritag.structured import dump_yaml, read_json, read_yaml

if TYPE_CHECKING:
    from numpy.typing import NDArray

RUN_FORMAT = 1
_DIRECTORY = re.compile(r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)-(?P<digest>[0-9a-f]{8})")


@dataclass(frozen=True)
class Run:
    """A run directory that exists and that this tritag can read.

    Make one with :meth:`create` (training) or :meth:`open` (every later step).
    """

    directory: Path
    name: str
    digest: str
    config: dict[str, Any]

    @classmethod
    def create(cls, name: str, config: Mapping[str, Any]) -> Run:
        """Make the directory of ``config``, or open it when the same settings were used before.

        Parameters
        ----------
        name : str
            Usually the tagger's name: letters, digits, ``.``, ``_`` and ``-``.
        config : mapping
            The resolved settings; dataclasses, tuples and paths in it are stored as plain YAML.

        Raises
        ------
        RunError
            A name that cannot be a directory, or settings that YAML cannot hold.
        """
        plain = _plain(config)
        digest8 = digest(plain)
        if not _DIRECTORY.fullmatch(f"{name}-{digest8}"):
            raise RunError(
                f"a run's name must begin with a letter or digit and hold only these and '.', '_', '-', got {name!r}"
            )
        directory = runs_root() / f"{name}-{digest8}"
        stored = {"run_format": RUN_FORMAT, "name": name, "digest": digest8, "config": plain}
        write_text(directory / "config.yaml", dump_yaml(stored))
        return cls(directory, name, digest8, plain)

    @classmethod
    def open(cls, where: Path | str) -> Run:
        """Open a run by path, or by the beginning of its directory's name under the runs folder (the newest one).

        ``transformer-2k`` finds the newest run of that tagger, ``transformer-2k-k16`` the newest with 16 constituents.

        Raises
        ------
        RunError
            No such run (the candidates are listed), a damaged or edited ``config.yaml``, or a run that another version
            of tritag wrote.
        """
        directory = _find(where)
        stored = _read_config(directory / "config.yaml")
        return cls(directory, stored["name"], stored["digest"], stored["config"])

    def path(self, filename: str) -> Path:
        """Path of ``filename`` in this run, whether it exists or not."""
        return self.directory / filename

    def require(self, filename: str) -> Path:
        """Path of ``filename``, which an earlier step must have made.

        Raises
        ------
        RunError
            The file is missing or empty; the message holds the command that makes it.
        """
        path = self.path(filename)
        if path.is_dir() or (path.is_file() and path.stat().st_size > 0):
            return path
        state = "empty" if path.is_file() else "missing"
        step = step_of(filename)
        if step == "train" and "import" in self.config:
            raise RunError(
                f"{filename} belongs to runs that tritag trained; {self.directory} was made by 'tritag import'"
            )
        advice = f"; make it with '{self.command_for(step)}'" if step else ""
        raise RunError(f"{filename} must be in {self.directory}, but it is {state}{advice}")

    def read_json(self, filename: str) -> Any:
        """Content of the JSON file ``filename``, which an earlier step must have made.

        Raises
        ------
        RunError
            The file is missing or empty (as in :meth:`require`), or damaged; the message holds the command that makes
            it.
        """
        return read_json(self.require(filename), RunError, self._again(filename))

    def read_npz(self, filename: str, names: Sequence[str]) -> dict[str, NDArray[Any]]:
        """Arrays ``names`` of the ``.npz`` file ``filename``, which an earlier step must have made.

        Raises
        ------
        RunError
            The file is missing, damaged, or lacks an array; the message holds the command that makes it.
        """
        from tritag.archive import read_npz

        path, again = self.require(filename), self._again(filename)
        arrays = read_npz(path, RunError, again, names)
        if missing := [name for name in names if name not in arrays]:
            raise RunError(f"{path} must hold {', '.join(names)}, but lacks {', '.join(missing)}; {again}")
        return arrays

    def _again(self, filename: str) -> str:
        step = step_of(filename)
        fresh = " --fresh" if step == "train" else ""
        return f"make it again with '{self.command_for(step)}{fresh}'" if step else "remove it"

    def command_for(self, step: str) -> str:
        """Command line that runs ``step`` on this run."""
        if step == "train":
            return f"tritag train {self.name}"
        if "import" in self.config and step in ("import", "export"):
            return f"tritag import {shlex.quote(str(self.directory / 'original.onnx'))} --name {self.name}"
        if step == "cost":
            return f"tritag cost --run {shlex.quote(str(self.directory))}"
        return f"tritag {step} {shlex.quote(str(self.directory))}"

    def discard_from(self, step: str) -> None:
        """Remove what ``step`` and the steps built on it wrote, so that nothing stays that belongs to other weights."""
        for name in steps_built_on(step):
            self.log_file(name).unlink(missing_ok=True)
            for filename in STEPS[name].files:
                path = self.path(filename)
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path)
                else:
                    path.unlink(missing_ok=True)

    def log_file(self, step: str) -> Path:
        """File for the noise of external tools in ``step`` (see :func:`tritag.noise.quiet`)."""
        path = self.path(f"logs/{step}.log")
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def record_provenance(self, step: str, seed: int | None = None, **facts: Any) -> None:
        """Note in ``provenance.json`` which software ran ``step``, with which seed, and other ``facts`` about it."""
        path = self.path("provenance.json")
        entry = {**describe_software(), "config_digest": self.digest, "seed": seed, **facts}
        write_json(path, {**_read_notes(path), step: entry})


def list_runs() -> list[str]:
    """Directory names of the runs in the runs folder, newest first."""
    root = runs_root()
    found = [path.parent for path in root.glob("*/config.yaml") if _DIRECTORY.fullmatch(path.parent.name)]
    return [path.name for path in sorted(found, key=lambda p: (p / "config.yaml").stat().st_mtime_ns, reverse=True)]


def _find(where: Path | str) -> Path:
    text, path = str(where), Path(where)
    if not text.strip():
        raise RunError("run must be a directory or a tagger's name, got ''; name one")
    if (path / "config.yaml").is_file():
        return path
    known = list_runs()  # newest first
    exact = [directory for directory in known if text in (directory, _name_in(directory))]
    if found := exact or [directory for directory in known if directory.startswith(f"{text}-")]:
        return runs_root() / found[0]
    if path.is_dir():
        raise RunError(f"a run directory must hold config.yaml, got {path}; 'tritag train' makes one")
    advice = f"make it with 'tritag train {shlex.quote(_name_in(path.name))}'"
    if not known:
        raise RunError(f"no run {short(text)}: there are no runs in {runs_root()}; {advice}")
    candidates = {*known[:10], *map(_name_in, known)}
    raise RunError(f"{unknown_name('run', text, candidates)}; {advice}")


def _name_in(directory: str) -> str:
    match = _DIRECTORY.fullmatch(directory)
    return match["name"] if match else directory


def _read_config(path: Path) -> dict[str, Any]:
    again = "train again"
    stored = read_yaml(path, RunError, again)
    if not isinstance(stored, dict) or type(stored.get("run_format")) is not int:  # bool is an int for isinstance
        raise RunError(f"{path} must hold run_format, but it is truncated or was not written by tritag; {again}")
    if stored["run_format"] != RUN_FORMAT:
        raise RunError(
            f"{path.parent} was written by tritag run format {short(stored['run_format'])}, this tritag "
            f"reads {RUN_FORMAT}; "
            f"train again or use that version"
        )
    missing = [key for key in ("name", "digest", "config") if key not in stored]
    if missing or not isinstance(stored["config"], dict):
        raise RunError(f"{path} must hold {', '.join(missing) or 'config as a mapping'}, but it is truncated; {again}")
    if digest(stored["config"]) != stored["digest"]:
        raise RunError(
            f"{path} must be as training wrote it (digest {short(stored['digest'])}), but it was edited "
            f"(digest {digest(stored['config'])}); undo the edit, or train with the new settings"
        )
    return stored


def _read_notes(path: Path) -> dict[str, Any]:
    """Content of ``provenance.json``; nothing when it is missing or damaged, since no later step needs it."""
    try:
        notes = read_json(path, RunError, "remove it")
    except RunError:
        return {}
    return notes if isinstance(notes, dict) else {}


def _plain(value: Any) -> Any:
    """``value`` in the types that YAML and JSON keep: what is read back equals what was written."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _plain({field.name: getattr(value, field.name) for field in dataclasses.fields(value)})
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Path):
        return str(value)
    if value is None or isinstance(value, bool):
        return value
    for kind in (int, float, str):
        if isinstance(value, kind):
            return kind(value)  # an enumeration's member or a NumPy float becomes the plain value
    raise RunError(
        f"a run's settings must be numbers, texts, lists and mappings, got {short(value)} ({type(value).__name__})"
    )
