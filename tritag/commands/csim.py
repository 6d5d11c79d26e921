"""``tritag csim``: the hls4ml project, its C-simulation, and the vendor's synthesis where it is installed."""

from __future__ import annotations

from tritag import api
from tritag.arguments import one_run
from tritag.commands.options import AsJson, Interface, Name, OldRun, Run, Target, Version
from tritag.pipeline.defaults import DEFAULT_TARGET
from tritag.terminal import print_json, print_result


def command(
    run: Run = None,
    old_run: OldRun = None,
    target: Target = DEFAULT_TARGET,
    interface: Interface = "plain",
    name: Name = None,
    version: Version = None,
    json: AsJson = False,
) -> None:
    """Write and compile the hls4ml project of an exported run; check it against the golden vectors."""
    result = api.csim(one_run(run, old_run), target, interface=interface, name=name, version=version)
    if json:
        print_json(result.as_dict())
    else:
        print_result(str(result.run.directory / "hls"))
