"""Advice in messages: commands that work as they are printed, in the language of whoever reads them.

Whoever called the command line is told options (``--fresh``), whoever called a function its arguments (``fresh=True``).
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

_ON_COMMAND_LINE: ContextVar[bool] = ContextVar("on_command_line", default=False)


@contextmanager
def command_line(on: bool = True) -> Iterator[None]:
    """Within the block the reader is one of the command line."""
    token = _ON_COMMAND_LINE.set(on)
    try:
        yield
    finally:
        _ON_COMMAND_LINE.reset(token)


def on_command_line() -> bool:
    """Whether messages are read by a user of the command line, and not by one of the functions."""
    return _ON_COMMAND_LINE.get()


def command(*words: object) -> str:
    """A command of tritag in quotes, ready to be copied into a shell.

    >>> command("export", "runs/my run")
    "'tritag export 'runs/my run''"
    """
    return f"'tritag {shlex.join(map(str, words))}'"


def fresh() -> str:
    """How to ask for a new training: the option ``--fresh`` of the command line, ``fresh=True`` of the function."""
    return "--fresh" if on_command_line() else "fresh=True"


def training(call: Mapping[str, object], again: bool = False) -> str:
    """The call that trains a run: a command in quotes, or the call of the function.

    Parameters
    ----------
    call : mapping
        ``tagger``, and of the options of ``tritag train`` those that differ from their defaults, by their names in
        Python: ``data``, ``constituents``, ``precision``, ``on_grid``, ``settings``, ``start``, ``body_rate``; and
        ``plugin``, files that were given with that option.
    again : bool
        Discard what is there.

    Examples
    --------
    >>> training({"tagger": "transformer-2k", "precision": "int8"}, again=True)
    "tritag.train('transformer-2k', precision='int8', fresh=True)"
    >>> with command_line():
    ...     training({"tagger": "transformer-2k", "precision": "int8"}, again=True)
    "'tritag train transformer-2k --precision int8 --fresh'"
    """
    options = {name: value for name, value in call.items() if name != "tagger"} | ({"fresh": True} if again else {})
    if not on_command_line():
        options.pop("plugin", None)  # in Python they are used before the call
        arguments = [repr(call["tagger"]), *(f"{name}={value!r}" for name, value in options.items())]
        return f"tritag.train({', '.join(arguments)})"
    return command("train", call["tagger"], *(word for name, value in options.items() for word in _words(name, value)))


def _words(name: str, value: object) -> list[str]:
    """An argument of :func:`tritag.train` as words of a command line."""
    if name == "on_grid":
        return ["--off-grid"]
    if value is True:
        return [f"--{name.replace('_', '-')}"]
    option = {"settings": "--set"}.get(name, f"--{name.replace('_', '-')}")
    values = value if isinstance(value, Sequence) and not isinstance(value, str) else [value]
    return [word for item in values for word in (option, str(item))]
