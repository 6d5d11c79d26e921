"""The run directory: one training and all that was made from it.

    runs/<name>-<digest8>/
      config.yaml  provenance.json  logs/        every step
      fingerprint.json                           what its steps were made of (tritag/pipeline/fingerprint.py)
      weights.safetensors  history.jsonl  ...    see tritag/steps.py

Every file is written whole or not at all (:mod:`tritag.files`). The digest belongs to the resolved configuration, in
which the content of a jet file stands for its path: the same settings and jets give the same directory.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from tritag import advice
from tritag.closed import read_or_advise
from tritag.environment import runs_root
from tritag.errors import RunError, short, unknown_name
from tritag.files import write_json, write_text
from tritag.provenance import describe_software
from tritag.run_config import RUN_FORMAT, asked_for, identity, plain_values, read_config
from tritag.step_commands import step_command
from tritag.steps import STEPS, step_of, steps_built_on
from tritag.structured import dump_yaml, read_json
from tritag.zoo import is_zoo, unpacked

if TYPE_CHECKING:
    from numpy.typing import NDArray

Suits: TypeAlias = Callable[[Mapping[str, object]], bool]
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
    # Digest of the content of the jet file that it was trained on; None of a data configuration.
    jets: str | None = None

    @classmethod
    def create(
        cls,
        name: str,
        config: Mapping[str, Any],
        jets: str | None = None,
        call: Mapping[str, Any] | None = None,
        teacher: bool = False,
    ) -> Run:
        """Make the directory of ``config``, or open it when the same settings were used before.

        Parameters
        ----------
        name : str
            Usually the tagger's name: letters, digits, ``.``, ``_`` and ``-``.
        config : mapping
            The resolved settings; dataclasses, tuples and paths in it are stored as plain YAML.
        jets : str, optional
            Digest of the content of the jet file ``config["data"]``, which stands for its path in the run's digest.
        call : mapping, optional
            The call that trains it (:func:`tritag.advice.training`), for messages.
        teacher : bool
            It is trained for the sake of another run: a tagger's name alone does not find it.

        Raises
        ------
        RunError
            A name that cannot be a directory, or settings that YAML cannot hold.
        """
        plain = plain_values(config)
        digest8 = identity(plain, jets)
        if not _DIRECTORY.fullmatch(f"{name}-{digest8}"):
            raise RunError(
                f"a run's name must begin with a letter or digit and hold only these and '.', '_', '-', got {name!r}"
            )
        directory = runs_root() / f"{name}-{digest8}"
        stored: dict[str, Any] = {"run_format": RUN_FORMAT, "name": name, "digest": digest8, "config": plain}
        stored |= {key: plain_values(value) for key, value in (("jets", jets), ("call", call)) if value is not None}
        if teacher and not asked_for(directory / "config.yaml"):
            stored["teacher"] = True
        write_text(directory / "config.yaml", dump_yaml(stored))
        return cls(directory, name, digest8, plain, jets)

    @classmethod
    def open(cls, where: Path | str, needs: Sequence[str] = (), suits: Suits | None = None) -> Run:
        """Open a run by path, or by the beginning of its directory's name under the runs folder (the newest one).

        ``transformer-2k`` finds the newest run of that tagger, ``transformer-2k-k16`` the newest with 16 constituents.
        A float run that was trained on the way to a quantized one is found by a name that says ``float``;
        ``zoo:lloca-trigger-fast-2k`` is an entry of the zoo (:mod:`tritag.zoo`).

        Parameters
        ----------
        needs : sequence of str
            Files that the run must have: a name means the newest run that has them.
        suits : callable, optional
            Whether a run's settings are of the wanted kind: a name means the newest such run, if there is one.

        Raises
        ------
        RunError
            No such run (the candidates are listed), one that lacks a file of ``needs`` (the message holds the command
            that makes it), a damaged or edited ``config.yaml``, or a run that another version of tritag wrote.
        """
        directories = _find(where)
        if "weights.safetensors" in needs:  # without figures the training failed, or has just ended
            needs = (*needs, "metrics.json")
        found: Run | None = None
        for directory in directories:
            if len(directories) == 1 or all(_is_there(directory / filename) for filename in needs):
                run = cls._read(directory)
                if suits is None or suits(run.config):
                    found = run
                    break
                found = found or run
        found = found or cls._read(directories[0])
        for filename in needs:
            found.require(filename)
        return found

    @classmethod
    def _read(cls, directory: Path) -> Run:
        stored = read_config(directory / "config.yaml")
        return cls(directory, stored["name"], stored["digest"], stored["config"], stored.get("jets"))

    def call(self) -> dict[str, Any]:
        """The call that trains this run, as :func:`tritag.advice.training` takes it."""
        known = read_config(self.path("config.yaml")).get("call")
        if isinstance(known, dict) and "tagger" in known:
            return known
        # An older run does not say; its name and settings tell the most of it.
        tagger, precision = self.config.get("tagger"), self.config.get("precision")
        constituents = tagger.get("n_constituents") if isinstance(tagger, dict) else None
        guess = {"tagger": self.name.split(f"-k{constituents}-")[0], "data": self.config.get("data")}
        guess |= {"constituents": constituents, "precision": precision}
        return {key: value for key, value in guess.items() if value is not None}

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
        if _is_there(path):
            return path
        state = "empty" if path.is_file() else "missing"
        step = step_of(filename)
        if step == "train" and "import" in self.config:
            raise RunError(
                f"{filename} belongs to runs that tritag trained; {self.directory} was made by 'tritag import'"
            )
        how = f"; make it with {self.command_for(step)}" if step else ""
        raise RunError(f"{filename} must be in {self.directory}, but it is {state}{how}")

    def read_json(self, filename: str) -> Any:
        """Content of the JSON file ``filename``, which an earlier step must have made.

        Raises
        ------
        RunError
            The file is missing or empty (as in :meth:`require`), or damaged; the message holds the command that makes
            it.
        """
        path = self.require(filename)
        return read_or_advise(lambda again: read_json(path, RunError, again), lambda: self.again(filename))

    def read_npz(self, filename: str, names: Sequence[str]) -> dict[str, NDArray[Any]]:
        """Arrays ``names`` of the ``.npz`` file ``filename``, which an earlier step must have made.

        Raises
        ------
        RunError
            The file is missing, damaged, or lacks an array; the message holds the command that makes it.
        """
        from tritag.archive import read_npz

        path = self.require(filename)
        arrays = read_or_advise(lambda again: read_npz(path, RunError, again, names), lambda: self.again(filename))
        if missing := [name for name in names if name not in arrays]:
            found = f"{path} must hold {', '.join(names)}, but lacks {', '.join(missing)}"
            raise RunError(f"{found}; {self.again(filename)}")
        return arrays

    def again(self, filename: str) -> str:
        """What to do about a damaged file of this run, for messages."""
        step = step_of(filename)
        return f"make it again with {self.command_for(step, again=True)}" if step else "remove it"

    def command_for(self, step: str, again: bool = False) -> str:
        """The command that runs ``step`` on this run as it was run; ``again``: even where its files are there."""
        if step == "train":
            return advice.training(self.call(), again)
        return step_command(step, self.directory, self.name, self.config.get("import"))

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


def runs_named(name: str) -> list[Run]:
    """Trained runs whose directories begin with exactly ``name``, newest first; unreadable ones are left out."""
    found = []
    for directory in list_runs():
        if _name_in(directory) == name and _is_there(runs_root() / directory / "weights.safetensors"):
            with suppress(RunError):
                found.append(Run.open(directory))
    return found


def _is_there(path: Path) -> bool:
    return path.is_dir() or (path.is_file() and path.stat().st_size > 0)


def _find(where: Path | str) -> list[Path]:
    """The directory at a path, or those that a name may mean, newest first."""
    text, path = str(where), Path(where)
    if not text.strip():
        raise RunError("run must be a directory or a tagger's name, got ''; name one")
    if is_zoo(where):
        return [unpacked(text)]
    if (path / "config.yaml").is_file():
        return [path]
    known = list_runs()  # newest first
    if text in known:
        return [runs_root() / text]
    names = known if "float" in text.split("-") else [n for n in known if asked_for(runs_root() / n / "config.yaml")]
    if found := [n for n in names if _name_in(n) == text] or [n for n in names if n.startswith(f"{text}-")]:
        return [runs_root() / name for name in found]
    if path.is_dir():
        raise RunError(f"a run directory must hold config.yaml, got {path}; name one that {_TRAIN} has made")
    how = f"train one with {_TRAIN}"
    if not known:
        raise RunError(f"no run {short(text)}: there are no runs in {runs_root()}; {how}")
    taggers = (_name_in(n).partition("-k")[0] for n in names)
    candidates = {*known[:10], *map(_name_in, known), *taggers}
    raise RunError(f"{unknown_name('run', text, candidates)}; {how}")


_TRAIN = advice.command("train", "TAGGER")


def _name_in(directory: str) -> str:
    match = _DIRECTORY.fullmatch(directory)
    return match["name"] if match else directory


def _read_notes(path: Path) -> dict[str, Any]:
    """Content of ``provenance.json``; nothing when it is missing or damaged, since no later step needs it."""
    try:
        notes = read_json(path, RunError, "remove it")
    except RunError:
        return {}
    return notes if isinstance(notes, dict) else {}
