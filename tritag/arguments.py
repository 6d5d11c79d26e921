"""What the arguments of a command line mean together."""

from __future__ import annotations

from tritag.errors import ConfigError


def one_run(argument: str | None, option: str | None) -> str:
    """The run that a command works on, named by its argument or by ``--run``, the older form.

    Raises
    ------
    ConfigError
        Both or neither are given.
    """
    if argument is not None and option is not None:
        raise ConfigError(f"name one run, got {argument!r} and --run {option!r}; leave --run out")
    given = argument if option is None else option
    if given is None:
        raise ConfigError("name a run: RUN is its directory or the tagger's name, for example transformer-2k")
    return given
