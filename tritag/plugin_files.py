"""Files of plug-ins as they lie on the disk: their sources, read without running them, and what names their content."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tritag.closed import closed
from tritag.errors import ConfigError, one_line
from tritag.files import write_text

PACKAGE = "tritag_plugins"
INIT = "__init__.py"


@dataclass(frozen=True)
class Plugin:
    """A plug-in as it was read, loaded or not.

    Attributes
    ----------
    name : str
        File (or folder) name, ``@``, and the digest of its sources.
    path : Path
        Where it was read.
    sources : dict
        Content of each file that belongs to it, by its path below the folder.
    """

    name: str
    path: Path
    sources: Mapping[str, bytes]

    @property
    def package(self) -> str:
        """Name of the package that its modules get, which no other plug-in has."""
        stem, _, digest = self.name.rpartition("@")
        return f"{PACKAGE}.{_word(stem.removesuffix('.py'))}_{digest}"

    @property
    def module(self) -> str:
        """Name of its module."""
        return self.package if self.path.is_dir() else f"{self.package}.{self.path.stem}"

    @property
    def folder(self) -> Path:
        """Folder in which its sources lie."""
        return self.path if self.path.is_dir() else self.path.parent

    def copy_to(self, folder: Path) -> None:
        """Write its sources into ``folder``, below its name, where :func:`load_copy` finds them."""
        for relative, content in self.sources.items():
            below = Path(self.path.name) / relative if self.path.is_dir() else Path(relative)
            write_text(folder / self.name / below, content.decode("utf-8"))


def read(path: Path | str) -> Plugin:
    """Read a plug-in without running it.

    Raises
    ------
    ConfigError
        No such file or folder, or a source that is no Python text.
    """
    path = Path(path)
    path = path.parent if path.name == INIT else path
    with closed(one_line(str(path)), ConfigError, "a Python file or a folder", "check the path"):
        there = (path.is_file() and path.suffix == ".py") or (path / INIT).is_file()
    if not there:
        raise ConfigError(f"a plug-in must be a Python file or a folder with {INIT}, got {path}; check the path")
    path = path.resolve()
    if not (path.stem.isidentifier() and path.suffix in (".py", "")):
        raise ConfigError(f"a plug-in's name must be one of a Python module, got {path.name!r}; rename it")
    folder, first = (path, INIT) if path.is_dir() else (path.parent, path.name)
    sources: dict[str, bytes] = {}
    _collect(folder, Path(first), sources)
    digest = hashlib.sha256()
    for relative, content in sorted(sources.items()):
        digest.update(f"{relative} {len(content)} ".encode() + content)
    return Plugin(f"{path.name}@{digest.hexdigest()[:12]}", path, sources)


def _collect(folder: Path, relative: Path, sources: dict[str, bytes]) -> None:
    """Add a source, and those that it imports relatively, to ``sources``."""
    if str(relative.as_posix()) in sources:
        return
    path = folder / relative
    try:
        sources[relative.as_posix()] = content = path.read_bytes()
        tree = ast.parse(content.decode("utf-8"), str(path))
    except OSError as error:
        raise ConfigError(f"plug-in source {path} cannot be read: {error.strerror or error}") from error
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None) or 1
        raise ConfigError(f"plug-in {path}:{line}: {type(error).__name__}: {error.args[0]}") from error
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level:
            if node.level > len(relative.parts):
                raise ConfigError(f"plug-in {path}:{node.lineno}: relative imports must stay in {folder}")
            base = Path(*relative.parts[: len(relative.parts) - node.level])
            names = [node.module] if node.module else []
            names += [f"{node.module or ''}.{alias.name}".lstrip(".") for alias in node.names]
            for name in names:
                for found in files_of(folder, base, name):
                    _collect(folder, found, sources)


def files_of(folder: Path, base: Path, name: str) -> Iterator[Path]:
    """Files below ``folder`` that importing the dotted ``name`` from ``base`` runs."""
    for part in name.split("."):
        if (folder / base / f"{part}.py").is_file():
            yield base / f"{part}.py"
            return
        base /= part
        if (folder / base / INIT).is_file():
            yield base / INIT


def _word(text: str) -> str:
    return "".join(c if c.isalnum() else "_" for c in text)
