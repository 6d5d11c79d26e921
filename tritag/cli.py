"""The console entry point: finds the subcommand, prints errors without a traceback, sets the exit status.

Exit status: 0 every check held; 1 a check failed; 2 the call or its input is wrong; 3 a fault of tritag itself
(with traceback); 130 interrupted.
"""

from __future__ import annotations

import copy
import errno
import importlib
import shutil
import sys
import traceback
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from tritag import plugins
from tritag.advice import command_line
from tritag.arguments import with_numbers_as_written
from tritag.commands import COMMANDS
from tritag.errors import CheckFailed, TritagError, short
from tritag.terminal import degrade, print_error, print_progress, print_result
from tritag.verbosity import WANTED, one_call, without_colours

# what a user can mend: no space, no permission, read-only, quota
_USER_OS_ERRORS = {errno.ENOSPC, errno.EACCES, errno.EPERM, errno.EROFS, errno.EDQUOT}
# what is wrong with a path that was typed
_PATH_ERRORS = {errno.ENAMETOOLONG, errno.ELOOP}


class LazyGroup(TyperGroup):
    """Lists the commands of :data:`COMMANDS` by their one-line help and imports the one that is called."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        for name, (_, line) in COMMANDS.items():
            self.commands[name] = TyperCommand(name, help=line)

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """Replace the listed placeholder by the command itself."""
        name, command, rest = super().resolve_command(ctx, args)
        if name is None or command is None:
            return name, command, rest
        manners = [p for p in self.params if p.name in ("quiet", "verbose", "no_colour")]
        return name, with_manners(load_command(name), manners), rest


def load_command(name: str) -> Any:
    """Import the module of command ``name`` and return its click command."""
    module = importlib.import_module(COMMANDS[name][0])
    if hasattr(module, "app"):
        return with_numbers_as_written(typer.main.get_group(module.app))
    single = typer.Typer(add_completion=False)
    single.command(name)(module.command)
    return with_numbers_as_written(typer.main.get_command(single))


def with_manners(command: Any, options: Sequence[Any]) -> Any:
    """The command, which takes the options of ``tritag`` itself, too: behind it is where one types them."""
    for child in getattr(command, "commands", {}).values():
        with_manners(child, options)
    taken = {option for p in command.params for option in p.opts}
    for option in options:
        if not taken & set(option.opts):
            own = copy.copy(option)
            own.expose_value, own.hidden = False, True
            command.params.append(own)
    return command


app = typer.Typer(
    cls=LazyGroup,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(value: bool) -> None:
    if value:
        from tritag import __version__

        print_result(f"tritag {__version__}")
        raise typer.Exit


def _be_quiet(value: bool) -> None:
    WANTED.quiet |= value


def _be_verbose(value: bool) -> None:
    WANTED.verbose |= value


def _no_colour(value: bool) -> None:
    if value:
        without_colours()


@app.callback()
def _tritag(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version and exit.")
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", callback=_be_quiet, help="Only results and errors: no progress.")
    ] = False,
    verbose: Annotated[
        bool,
        typer.Option(
            "--verbose", "-v", callback=_be_verbose, help="Times, progress lines more often, where an error was raised."
        ),
    ] = False,
    no_colour: Annotated[
        bool,
        typer.Option(
            "--no-colour", "--no-color", callback=_no_colour, is_eager=True, help="No colours; NO_COLOR=1 does it, too."
        ),
    ] = False,
) -> None:
    """Ultra-mini jet taggers from PyTorch to bit-exact FPGA trigger firmware."""


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command line ``arguments`` (``sys.argv`` by default) and return the exit status."""
    with one_call():
        return _run(arguments)


def _run(arguments: Sequence[str] | None) -> int:
    try:
        with plugins.one_call(), command_line():
            status = app(args=arguments, prog_name="tritag", standalone_mode=False)
    except TritagError as error:
        if WANTED.verbose:
            traceback.print_exc()
        print_error(str(error))
        return 1 if isinstance(error, CheckFailed) else 2
    except typer.TyperException as error:
        _print_usage_error(error)
        return 2
    except (KeyboardInterrupt, typer.Abort):
        status = 130
    except shutil.Error as error:  # of a copied folder: a list of (from, to, why)
        print_error(f"cannot copy {len(error.args[0])} files: {error.args[0][0][-1]}; free space or check permissions")
        return 2
    except OSError as error:
        if error.errno in _PATH_ERRORS:
            print_error(f"{error.strerror}: {short(error.filename)}; check the path")
            return 2
        if error.errno not in _USER_OS_ERRORS:
            return _print_fault()
        print_error(f"{error.strerror}: {error.filename or 'output'}; free space or check permissions")
        return 2
    except Exception as error:
        return _print_fault(plugins.failure_in(error))
    if status == 130:
        print_error("interrupted; files that were complete are kept")
    return status if isinstance(status, int) else 0


def _print_usage_error(error: typer.TyperException) -> None:
    near = getattr(error, "possibilities", None)
    message = f"{error.message}; did you mean {', '.join(map(repr, near))}?" if near else error.format_message()
    if not message:  # a call without arguments: its help is printed already
        return
    print_error(message)
    context = getattr(error, "ctx", None)
    print_progress(f"see '{context.command_path if context else 'tritag'} --help'")


def _print_fault(in_plugin: str | None = None) -> int:
    traceback.print_exc()
    if in_plugin is not None:
        print_error(f"plug-in {in_plugin}")
        return 2
    print_error("this is a fault of tritag, not of your call; please report it with the lines above")
    return 3


def main() -> None:
    """Console entry point."""
    degrade(sys.stdout, sys.stderr)
    sys.exit(run())
