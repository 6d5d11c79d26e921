"""What the arguments of a command line mean together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tritag.errors import ConfigError
from tritag.numbers_as_written import number_of, whole_of
from tritag.run import list_runs
from tritag.zoo import PREFIX, zoo_names


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


def complete_run(incomplete: str) -> list[str]:
    """Names of runs and of the zoo that begin with what was typed, for the shell; the newest runs first."""
    names = [*list_runs(), *(PREFIX + name for name in zoo_names())]
    return [name for name in names if name.startswith(incomplete)]


def with_numbers_as_written(command: Any) -> Any:
    """The command, its options of whole numbers reading ``1e3`` and ``1_000``, too; its own commands likewise."""
    for child in getattr(command, "commands", {}).values():
        with_numbers_as_written(child)
    kinds = {p: getattr(getattr(p, "type_descriptor", None), "annotation", None) for p in command.params}
    options = {option for parameter, kind in kinds.items() if kind is int for option in parameter.opts}
    parse = command.parse_args
    command.parse_args = lambda ctx, args: parse(ctx, _in_digits(args, options))
    return command


def _in_digits(args: Sequence[str], options: set[str]) -> list[str]:
    """The command line, the value of each of ``options`` in plain digits where it is a whole number."""
    result: list[str] = []
    for argument in args:
        option, equals, value = argument.partition("=")
        if result and result[-1] in options:
            result.append(_digits(argument))
        else:
            result.append(f"{option}={_digits(value)}" if equals and option in options else argument)
    return result


def _digits(text: str) -> str:
    number = number_of(text)
    whole = None if number is None else whole_of(number)
    return text if whole is None else str(whole)
