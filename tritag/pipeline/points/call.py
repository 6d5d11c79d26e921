"""The call that has points done: what it does once more of what earlier calls left, and how to ask for that."""

from __future__ import annotations

import os
from dataclasses import dataclass

from tritag import advice, plugins


@dataclass(frozen=True)
class Call:
    """A call of ``tritag study`` or ``tritag sweep``, or of the functions of these names.

    Attributes
    ----------
    command : str
        ``study`` or ``sweep``.
    name : str
        What it does: a name, or a YAML file.
    retry : bool
        Try again what failed in an earlier call.
    fresh : bool
        Train anew what is trained, but stale (:mod:`tritag.pipeline.points.stale`).
    """

    command: str
    name: str
    retry: bool = False
    fresh: bool = False

    def advice(self, option: str) -> str:
        """The same call with one more option, with its plug-ins: a command in quotes, or the call of the function.

        Examples
        --------
        >>> Call("study", "my study.yaml").advice("retry")
        "tritag.study('my study.yaml', retry=True)"
        """
        if not advice.on_command_line():
            return f"tritag.{self.command}({self.name!r}, {option}=True)"
        given = [word for path in plugins.used_paths() for word in ("--plugin", os.path.relpath(path))]
        return advice.command(self.command, self.name, *given, f"--{option}")
