"""``tritag completion``: the shell's part of completing commands, options and names of runs."""

from __future__ import annotations

from typing import Annotated

import typer
from typer._completion_shared import get_completion_script

from tritag.errors import ConfigError, unknown_name
from tritag.terminal import print_result

_SHELLS = ("bash", "zsh", "fish")


def command(shell: Annotated[str, typer.Argument(metavar="SHELL", help="bash, zsh or fish.")]) -> None:
    """Print the lines that complete commands, options and names of runs.

    For bash put ``eval "$(tritag completion bash)"`` into ``~/.bashrc``, for zsh the same with ``zsh`` into
    ``~/.zshrc``; for fish ``tritag completion fish | source`` into ``~/.config/fish/config.fish``.
    """
    if shell not in _SHELLS:
        raise ConfigError(unknown_name("shell", shell, _SHELLS))
    print_result(get_completion_script(prog_name="tritag", complete_var="_TRITAG_COMPLETE", shell=shell))
