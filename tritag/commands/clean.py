"""``tritag clean``: says what may be removed, and removes it when asked to."""

from __future__ import annotations

from typing import Annotated

import typer

from tritag.arguments import complete_run
from tritag.commands.options import AsJson
from tritag.terminal import in_bytes, print_json, print_progress, print_result


def command(
    runs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[RUN]...",
            help="Whole names of runs, or zoo:NAME, to remove; without any, leftovers and old entries of the cache.",
            show_default=False,
            autocompletion=complete_run,
        ),
    ] = None,
    older_than: Annotated[float, typer.Option(min=0, help="Days after which what is not needed is old.")] = 30.0,
    remove: Annotated[bool, typer.Option("--remove", help="Remove it; without this, only say what.")] = False,
    json: AsJson = False,
) -> None:
    """Say what of tritag's own files may be removed; with --remove, remove it.

    Files that tritag did not make, and jets, are never touched. What the cache held is made again when it is needed.
    """
    from tritag.pipeline.clean import clean

    result = clean(runs or (), older_than_days=older_than, remove=remove)
    if json:
        print_json(result.as_dict())
        return
    for entry in result.found:
        print_result(f"{in_bytes(entry.size_bytes):>8}  {entry.path}  ({entry.why})")
    for line in result.kept:
        print_progress(f"   stays  {line}")
    done = "removed" if remove else "may be removed"
    print_result(f"{len(result.found)} things, {in_bytes(result.size_bytes)}, {done}")
    if result.found and not remove:
        print_progress("nothing was touched; --remove removes them")
