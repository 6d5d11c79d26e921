"""Plug-ins: Python files of the user's own that bring taggers, layers and ops.

A plug-in is a file, or a folder with ``__init__.py``. It may import files beside it relatively (``from .layers import
Tent``); these *sources* belong to it, and everything else that it imports must be installed. Its identity is their
content: ``deep_sets.py@3fa9c1d2e0b1`` is the file ``deep_sets.py`` and the beginning of a SHA-256 digest. Equal content
is loaded once, wherever it lies; changed content is another plug-in, beside the first one.

A class in it has the *reference* ``deep_sets.py@3fa9c1d2e0b1:DeepSets``. That is what a run's settings hold; the run
keeps the sources in its folder ``plugins``, from which every later command loads them.

Packages that are installed name a module in the entry-point group ``tritag.plugins``.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import importlib.metadata
import importlib.util
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from tritag.errors import ConfigError, unknown_name
from tritag.plugin_files import INIT, PACKAGE, Plugin, files_of, read

GROUP = "tritag.plugins"
# Plug-ins by name: those that are loaded or being loaded, and the modules of those that are.
_KNOWN: dict[str, Plugin] = {}
_LOADED: dict[str, ModuleType] = {}
_REQUESTED: list[str] = []
_INSTALLED: list[str] = []


def load(path: Path | str) -> Plugin:
    """Load a plug-in, or find it when equal content is loaded already.

    Raises
    ------
    ConfigError
        It cannot be read or fails while it is imported; the message names file and line.
    """
    return _load(read(path))


def use(paths: Sequence[Path | str] | None) -> Sequence[Path | str] | None:
    """Load plug-ins whose names the recipes that are made from now on hold, and return what was given.

    This is what ``--plugin FILE`` does. In Python, call it before :func:`tritag.train`.

    Parameters
    ----------
    paths : sequence of Path or str, optional
        Python files.

    Raises
    ------
    ConfigError
        As in :func:`load`.
    """
    for path in paths or ():
        name = load(path).name
        if name not in _REQUESTED:
            _REQUESTED.append(name)
    return paths


def used() -> tuple[str, ...]:
    """Names of the plug-ins that :func:`use` has loaded."""
    return tuple(_REQUESTED)


def used_paths() -> tuple[Path, ...]:
    """Paths of the plug-ins that :func:`use` has loaded, for worker processes."""
    return tuple(_KNOWN[name].path for name in _REQUESTED)


@contextmanager
def one_call() -> Iterator[None]:
    """Within the block :func:`use` counts; what it was told is forgotten behind it."""
    before = list(_REQUESTED)
    try:
        yield
    finally:
        _REQUESTED[:] = before


def load_copy(name: str, folder: Path) -> Plugin:
    """Load the plug-in ``name`` from the copy in ``folder`` that :meth:`Plugin.copy_to` wrote, unless it is loaded.

    Raises
    ------
    ConfigError
        The copy is missing or has another content.
    """
    if name in _LOADED:
        return _KNOWN[name]
    path = folder / name / name.rpartition("@")[0]
    if not path.exists():
        raise ConfigError(f"plug-in {name} must lie in {folder}, but it is missing; train again")
    plugin = read(path)
    if plugin.name != name:
        raise ConfigError(f"{path} must be as it was trained with ({name}), but it was edited; undo it or train again")
    return _load(plugin)


def plugin_of(name: str) -> Plugin:
    """The plug-in ``name``, which must be loaded, for example to copy its sources.

    Raises
    ------
    ConfigError
        It is not loaded.
    """
    if name not in _LOADED:
        raise ConfigError(f"plug-in {name} must be loaded first; open the run that keeps it, or give its file")
    return _KNOWN[name]


def is_reference(text: str) -> bool:
    """Whether ``text`` names something in a file, ``FILE:NAME``, and not something that was registered."""
    return ":" in text


def refer(text: str, folder: Path) -> str:
    """Load the file of ``FILE.py:NAME``, relative to ``folder``, and return the reference that a run's settings hold.

    Raises
    ------
    ConfigError
        As in :func:`load`, or no such name in the file.
    """
    file, _, name = text.rpartition(":")
    if "@" in Path(file).name:
        return text
    reference = f"{load(folder / Path(file).expanduser()).name}:{name}"
    attribute(reference)
    return reference


def attribute(reference: str) -> Any:
    """What ``FILE@DIGEST:NAME`` refers to.

    Raises
    ------
    ConfigError
        The plug-in is not loaded, or has nothing of that name.
    """
    name, _, wanted = reference.rpartition(":")
    plugin = plugin_of(name)
    module = _LOADED[name]
    if not hasattr(module, wanted):
        classes = [key for key, value in vars(module).items() if getattr(value, "__module__", "") == module.__name__]
        raise ConfigError(f"{unknown_name(f'name in {plugin.path}', wanted, classes)}")
    return getattr(module, wanted)


def owner_of(thing: Any) -> str | None:
    """Name of the plug-in in which a class or function is defined; None for one of the package or of others."""
    module = getattr(thing, "__module__", None) or ""
    return next((n for n, p in _KNOWN.items() if module == p.package or module.startswith(f"{p.package}.")), None)


def is_again(known: Any, new: Any) -> bool:
    """Whether ``new`` may take the place of ``known`` in a registry: the same thing of a file that was run again.

    That is a notebook's cell, or another content of a plug-in's file.
    """
    if known is new or (known.__module__, known.__qualname__) == (new.__module__, new.__qualname__):
        return True
    files = [(owner_of(x) or "").rpartition("@")[0] for x in (known, new)]
    return bool(files[0]) and files[0] == files[1] and known.__qualname__ == new.__qualname__


def failure_in(error: BaseException) -> str | None:
    """``FILE:LINE: reason`` when an error arose in the code of a plug-in, or in what that called; None of any other."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        for plugin in _KNOWN.values():
            if any(frame.filename == str(plugin.folder / source) for source in plugin.sources):
                return f"{frame.filename}:{frame.lineno}: {_reason(plugin, error)}"
    return None


def place_of(thing: Any) -> str:
    """File and line where a class or function is defined, for messages; its module where they are not known."""
    import inspect

    try:
        file = inspect.getsourcefile(thing)
        return f"{file}:{inspect.getsourcelines(thing)[1]}"
    except (TypeError, OSError):
        return str(getattr(thing, "__module__", "?"))


def load_installed() -> None:
    """Load the plug-ins of installed packages: modules in the entry-point group ``tritag.plugins``, once.

    Raises
    ------
    ConfigError
        One of them cannot be found or fails; the message names the package.
    """
    for point in importlib.metadata.entry_points(group=GROUP):
        if point.value in _INSTALLED:
            continue
        package = point.dist.name if point.dist is not None else "?"
        try:
            spec = importlib.util.find_spec(point.module)
        except ImportError:
            spec = None
        if spec is None or spec.origin is None:
            raise ConfigError(f"plug-in {point.name!r} of package {package} must be a module, got {point.value}")
        try:
            load(Path(spec.origin))
        except ConfigError as error:
            raise ConfigError(f"plug-in {point.name!r} of package {package}: {error}") from error
        _INSTALLED.append(point.value)


def _load(plugin: Plugin) -> Plugin:
    if plugin.name in _LOADED:
        return _KNOWN[plugin.name]
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())
    _KNOWN[plugin.name] = plugin
    try:
        _LOADED[plugin.name] = importlib.import_module(plugin.module)
    except BaseException as error:
        failed = failure_in(error) or f"{plugin.path}: {_reason(plugin, error)}"
        del _KNOWN[plugin.name]
        for module in [m for m in sys.modules if m == plugin.package or m.startswith(f"{plugin.package}.")]:
            del sys.modules[module]
        if not isinstance(error, Exception):
            raise
        raise ConfigError(f"plug-in {failed}") from error
    return plugin


def _reason(plugin: Plugin, error: BaseException) -> str:
    text = " ".join(str(error).split())
    missing = (error.name or "").split(".")[0] if isinstance(error, ModuleNotFoundError) else ""
    if missing and list(files_of(plugin.folder, Path(), missing)):
        return f"{text}; write 'from .{missing} import ...' for a file beside it"
    return text if isinstance(error, ConfigError) else f"{type(error).__name__}: {text}"


class _Finder(importlib.abc.MetaPathFinder):
    """Finds the modules of plug-ins among their sources as they were read, and not on the disk."""

    def find_spec(self, name: str, path: Any, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        """Spec of a module ``tritag_plugins....``; None for all others."""
        if name == PACKAGE:
            return importlib.machinery.ModuleSpec(name, None, is_package=True)
        plugin = next((p for p in _KNOWN.values() if name == p.package or name.startswith(f"{p.package}.")), None)
        if plugin is None:
            return None
        parts = name.removeprefix(plugin.package).strip(".").replace(".", "/")
        for relative in (f"{parts}.py", f"{parts}/{INIT}".lstrip("/")):
            if relative in plugin.sources:
                loader = _Loader(name, str(plugin.folder / relative), plugin.sources[relative])
                return importlib.util.spec_from_file_location(
                    name,
                    plugin.folder / relative,
                    loader=loader,
                    submodule_search_locations=[] if relative.endswith(INIT) else None,
                )
        inside = any(source.startswith(f"{parts}/") for source in plugin.sources) if parts else True
        return importlib.machinery.ModuleSpec(name, None, is_package=True) if inside else None


class _Loader(importlib.machinery.SourceFileLoader):
    """Runs a source from memory: what was hashed, and no compiled file of an earlier content."""

    def __init__(self, name: str, path: str, content: bytes) -> None:
        super().__init__(name, path)
        self.content = content

    def get_code(self, fullname: str) -> Any:
        """Compile the content."""
        return compile(self.content, self.path, "exec", dont_inherit=True)
