"""Sources as part of a run's identity: what counts of a file, and which files a tagger is made of.

Of a Python file the code counts, as Python parses it: comments, docstrings, blank lines and layout do not. The digest
is the same under every version of Python that reads the file. Of a file in another language all of the text counts.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import os
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from functools import cache, lru_cache
from pathlib import Path
from typing import TypedDict

from tritag.errors import RunError

# Fields of the syntax tree that no number depends on, or that only some versions of Python fill.
_IGNORED = {"ctx", "kind", "type_comment", "type_ignores"}
_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
# Packages whose versions stand in provenance.json; a plug-in's name holds the digest of its sources.
_LIBRARIES = {"torch", "brevitas", "builtins", "numpy", "tritag_plugins"}


class SourceDigest(TypedDict):
    """Digests of a source file: of its text, which is quick to compare, and of its code, which counts."""

    text: str
    code: str


@lru_cache(maxsize=512)
def source_digest(text: str) -> SourceDigest:
    """Digests of a source text.

    Raises
    ------
    SyntaxError
        It is no Python.

    Examples
    --------
    >>> source_digest("x = 1")["code"] == source_digest("x  =  1  # one")["code"]
    True
    >>> source_digest("x = 1")["code"] == source_digest("x = 2")["code"]
    False
    """
    code = hashlib.sha256(repr(_plain(ast.parse(text))).encode())
    return {"text": text_digest(text), "code": code.hexdigest()[:16]}


def text_digest(text: str) -> str:
    """Digest of a text, character by character."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _plain(node: object) -> object:
    """A syntax tree as nested tuples, without what does not count."""
    if isinstance(node, list):
        return tuple(_plain(item) for item in node)
    if not isinstance(node, ast.AST):
        return node
    fields = dict(ast.iter_fields(node))
    if isinstance(node, _DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
        fields["body"] = fields["body"][1:]
    kept = ((name, _plain(value)) for name, value in fields.items() if name not in _IGNORED and value not in (None, []))
    return (type(node).__name__, *kept) if not isinstance(node, ast.Constant) else ("Constant", repr(node.value))


def digest_sources(files: Iterable[Path], beside: Path) -> dict[str, SourceDigest]:
    """Digests of source files, by the names that :func:`source_file` takes.

    Parameters
    ----------
    beside : Path
        The folder that paths of files outside the package are given from, a run's directory.
    """
    return {_name(file, beside): _file_digest(file, file.read_text(encoding="utf-8")) for file in sorted(files)}


def _file_digest(file: Path, text: str) -> SourceDigest:
    """Digests of a source; in another language than Python all of its text counts."""
    return source_digest(text) if file.suffix == ".py" else {"text": text_digest(text), "code": text_digest(text)}


def changed_sources(recorded: dict[str, SourceDigest], beside: Path) -> list[str]:
    """What became of recorded sources: a phrase for each file whose code is another, or that is gone."""
    found = []
    for name, digests in recorded.items():
        try:
            file = source_file(name, beside)
            text = file.read_text(encoding="utf-8")
            if text_digest(text) == digests["text"] or _file_digest(file, text)["code"] == digests["code"]:
                continue
            found.append(f"source of {name} changed")
        except (OSError, UnicodeDecodeError):
            found.append(f"source of {name} is gone")
        except SyntaxError as error:
            found.append(f"source of {name} changed (line {error.lineno} is no Python)")
    return found


def source_file(name: str, beside: Path) -> Path:
    """Path of a source by its name: ``models/layers/linear.py`` of the package, ``./own.py`` from a run's directory."""
    if name.startswith((".", "/")):
        return beside / name
    room, _, rest = name.partition("/")
    return _room(room) / rest


def _name(file: Path, beside: Path) -> str:
    for room in _ROOMS:
        if file.is_relative_to(_room(room)):
            return (Path(room) / file.relative_to(_room(room))).as_posix()
    relative = os.path.relpath(file, beside)
    return relative if relative.startswith(".") else f"./{relative}"


_ROOMS = ("models", "quant", "data", "export", "hls_projects", "tritag")


@cache
def _room(room: str) -> Path:
    """Folder of a room; that of ``tritag`` is the front door."""
    spec = importlib.util.find_spec("tritag" if room == "tritag" else f"tritag.{room}")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent.resolve()


def closure(modules: Iterable[str], within: tuple[str, ...]) -> set[Path]:
    """Files of modules and of all that they import, directly or not, as far as it lies ``within`` some packages.

    Modules of others than tritag must be imported already; from them imports of their own package and of files beside
    them are followed.

    Parameters
    ----------
    modules : iterable of str
        Full names of the modules to begin with.
    within : tuple of str
        Packages of tritag, for example ``tritag.models.layers``.

    Raises
    ------
    RunError
        A module has no source file.
    """
    files: dict[str, Path] = {}
    waiting = [name for name in modules if name.split(".")[0] not in _LIBRARIES]
    while waiting:
        name = waiting.pop()
        if name in files or not _counts(name, within):
            continue
        files[name] = file = _file_of(name)
        waiting += [found for found in _imported(file, name) if _is_source(found, name, file)]
    return set(files.values())


def _counts(name: str, within: tuple[str, ...]) -> bool:
    return not name.startswith("tritag.") or any(name == w or name.startswith(f"{w}.") for w in within)


def _is_source(name: str, importer: str, file: Path) -> bool:
    """Whether an imported name is a module whose source is followed: of tritag, or of the importer's own kind."""
    if name.startswith("tritag."):
        return _tritag_file(name) is not None
    given = getattr(sys.modules.get(name), "__file__", None)
    top = name.split(".")[0]
    if importer.startswith("tritag.") or top in _LIBRARIES or given is None or not given.endswith(".py"):
        return False
    found = Path(given).resolve()
    return found.parent == file.parent or top == importer.split(".")[0] or not _is_installed(found)


def _is_installed(file: Path) -> bool:
    """Whether a file belongs to Python itself or to an installed package."""
    if {"site-packages", "dist-packages"} & set(file.parts):
        return True
    return any(file.is_relative_to(Path(sysconfig.get_path(kind)).resolve()) for kind in ("stdlib", "platstdlib"))


def _file_of(name: str) -> Path:
    file = _tritag_file(name) if name.startswith("tritag.") else None
    if file is None:
        given = getattr(sys.modules.get(name), "__file__", None)
        file = Path(given).resolve() if given else None
    if file is None or file.suffix != ".py" or not file.is_file():
        raise RunError(
            f"the source of module {name} must be a Python file, so that a run can tell when it changes, got "
            f"{file or 'none'}; put its classes into a file and import that"
        )
    return file


@cache
def _tritag_file(name: str) -> Path | None:
    """Source file of a module of tritag, found without importing it."""
    _, room, *rest = name.split(".")
    if room not in _ROOMS:
        return None
    path = _room(room).joinpath(*rest)
    if path.with_suffix(".py").is_file() and rest:
        return path.with_suffix(".py")
    return path / "__init__.py" if (path / "__init__.py").is_file() else None


def _imported(file: Path, name: str) -> tuple[str, ...]:
    """Full names of everything that a source imports when it runs: modules, and what may be one or a name in one."""
    package = name if file.name == "__init__.py" else name.rpartition(".")[0]
    return _imports_in(file.read_text(encoding="utf-8"), package)


@lru_cache(maxsize=512)
def _imports_in(text: str, package: str) -> tuple[str, ...]:
    return tuple(_imports(ast.parse(text), package))


def _imports(tree: ast.AST, package: str) -> Iterator[str]:
    for node in _run_nodes(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            origin = ".".join([*above, *([node.module] if node.module else [])])
            yield origin
            yield from (f"{origin}.{alias.name}" for alias in node.names)


def _run_nodes(tree: ast.AST) -> Iterator[ast.AST]:
    """All nodes but those under ``if TYPE_CHECKING``."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        typing_alone = isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        waiting += node.orelse if typing_alone else ast.iter_child_nodes(node)  # type: ignore[attr-defined]
