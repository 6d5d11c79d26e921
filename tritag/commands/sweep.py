"""``tritag sweep``: a grid or a search over taggers and designs; killed and called again, it goes on."""

from __future__ import annotations

from typing import Annotated

import typer

from tritag.commands.options import AsJson, FarmYaml, Fresh, Plugins, Processes, Retry, Scheduler
from tritag.configs import load_config
from tritag.errors import ConfigError
from tritag.farm import Farm
from tritag.modes import require_only
from tritag.terminal import print_json, print_result

_BEST = "best"
_LIMIT = "best: largest "


def command(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="SPEC|best", help="A name in configs/sweeps, a YAML file, or 'best'.")],
    sweep: Annotated[
        str | None, typer.Argument(help="best: of this sweep; by default the newest.", show_default=False)
    ] = None,
    processes: Processes = None,
    scheduler: Scheduler = None,
    farm: FarmYaml = None,
    retry: Retry = False,
    fresh: Fresh = False,
    emit: Annotated[
        str | None, typer.Option(help="Only print a workflow with a job for each point: snakemake or condor.")
    ] = None,
    point: Annotated[
        int | None, typer.Option(min=0, help="Only do this point of a grid, here; again if it failed.")
    ] = None,
    latency_ns: Annotated[float | None, typer.Option(help=f"{_LIMIT}latency in ns, at the target's clock.")] = None,
    lut_share: Annotated[float | None, typer.Option(help=f"{_LIMIT}share of the part's LUTs.")] = None,
    dsp_share: Annotated[float | None, typer.Option(help=f"{_LIMIT}share of the part's DSPs.")] = None,
    bit_operations: Annotated[float | None, typer.Option(help=f"{_LIMIT}number of bit operations.")] = None,
    objective: Annotated[
        str | None, typer.Option(help="best: by this figure; by default the sweep's first objective.")
    ] = None,
    plugin: Plugins = None,
    json: AsJson = False,
) -> None:
    """Train and schedule many points and print their Pareto front; or name the one to deploy.

    'tritag sweep best --latency-ns 500 --lut-share 0.25' names the run with the most rejection inside these limits.
    Exit status 1 when a point has failed.
    """
    limits = {"latency_ns": latency_ns, "lut_share": lut_share, "dsp_share": dsp_share}
    given = {key: most for key, most in {**limits, "bit_operations": bit_operations}.items() if most is not None}
    if name == _BEST:
        require_only(context, "best", "name", "sweep", *limits, "bit_operations", "objective", "plugin", "json")
        _print_best(sweep, given, objective, json)
        return
    if given or objective or sweep:
        raise ConfigError("limits belong to 'tritag sweep best'; give a sweep its limits as objectives in its file")
    if emit is not None:
        require_only(context, "--emit", "name", "emit", "plugin")
    elif point is not None:
        require_only(context, "--point", "name", "point", "fresh", "plugin", "json")
    load_config("sweeps", name)  # a wrong name is answered before PyTorch is imported
    where = Farm(processes, scheduler, farm)
    if emit is not None:
        from tritag.pipeline.sweep.emit import emitted

        print_result(emitted(name, emit).rstrip("\n"))
        return
    from tritag.pipeline.sweep.run import one_point, sweep_run

    if point is not None:
        print_json(one_point(name, point, fresh))
        return
    result = sweep_run(name, where, retry, fresh)
    if json:
        print_json(result.as_dict())
    else:
        print_result(result.markdown)
    result.require_done()


def _print_best(sweep: str | None, limits: dict[str, float], objective: str | None, json: bool) -> None:
    from tritag.pipeline.sweep.best import best_point

    best = best_point(sweep, limits, objective)
    if json:
        print_json(best.as_dict())
    else:
        print_result(best.text)
