"""Modes of a command, such as ``tritag rtl --clocks``: options that a mode would ignore are refused."""

from __future__ import annotations

import typer

from tritag.errors import ConfigError


def require_only(context: typer.Context, mode: str, *used: str) -> None:
    """Refuse what stands on the command line and decides nothing in a mode, also where it asks for the default.

    Parameters
    ----------
    context : typer.Context
        The call; settings from environment variables are not looked at, they are for many calls.
    mode : str
        What chose the mode, for the message: ``"--clocks"``.
    used : str
        Names of the parameters that decide something in this mode; the one that chose it among them.

    Raises
    ------
    ConfigError
        With what is too much, and with all that may stand beside the mode.
    """
    shown = [parameter for parameter in context.command.params if not getattr(parameter, "hidden", False)]
    names = {str(parameter.name): max(parameter.opts, key=len) for parameter in shown}
    sources = {name: context.get_parameter_source(name) for name in names}
    given = [name for name, source in sources.items() if source is not None and source.name == "COMMANDLINE"]
    surplus = [names[name] for name in given if name not in used]
    if surplus:
        fitting = [names[name] for name in used if names[name].startswith("--") and names[name] != mode]
        beside = f"only {', '.join(fitting)} can" if fitting else "nothing can"
        raise ConfigError(f"{beside} be given with {mode}, got {', '.join(surplus)}; leave it out")
