"""``tritag train``: float training, then quantized training from its weights."""

from __future__ import annotations

from typing import Annotated

import typer

from tritag.api import train
from tritag.commands.options import AsJson, Data, Deterministic, Device, Leading, Plugins, Settings, Tagger
from tritag.errors import ConfigError
from tritag.modes import require_only
from tritag.pipeline.defaults import DEFAULT_DATA, DEFAULT_PRECISION
from tritag.terminal import print_json, print_result, print_table


def command(
    context: typer.Context,
    tagger: Tagger = None,
    data: Data = DEFAULT_DATA,
    constituents: Leading = None,
    precision: Annotated[
        str,
        typer.Option(
            help="float, or a name that --list shows: int8-asymmetric goes to firmware bit by bit, asymmetric-int8 is "
            "simulated in floats only."
        ),
    ] = DEFAULT_PRECISION,
    iterations: Annotated[int | None, typer.Option(help="Optimizer steps of each training.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of weights and batches.", show_default="1")] = None,
    settings: Settings = None,
    start: Annotated[str | None, typer.Option(help="Fine-tune: the run whose body is taken, under a new head.")] = None,
    body_rate: Annotated[float, typer.Option(help="With --start: learning rate of the body over the head's.")] = 1.0,
    off_grid: Annotated[bool, typer.Option("--off-grid", help="Float only: unrounded candidates.")] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Train again even when the run is finished.")] = False,
    device: Device = "cpu",
    deterministic: Deterministic = False,
    compiled: Annotated[bool, typer.Option("--compile", help="Compile the network with torch.compile.")] = False,
    list_taggers: Annotated[bool, typer.Option("--list", help="List all taggers and precisions and stop.")] = False,
    plugin: Plugins = None,
    json: AsJson = False,
) -> None:
    """Train a tagger into a new run directory; a killed training is continued by the same command."""
    if list_taggers:
        require_only(context, "--list", "list_taggers", "plugin", "json")
        _list(json)
        return
    if tagger is None:
        raise ConfigError("name a tagger to train; `tritag train --list` shows them")
    result = train(
        tagger,
        data,
        constituents=constituents,
        precision=precision,
        iterations=iterations,
        seed=seed,
        settings=settings or (),
        start=start,
        body_rate=body_rate,
        on_grid=not off_grid,
        fresh=fresh,
        progress=not json,
        device=device,
        deterministic=deterministic,
        compiled=compiled,
    )
    if json:
        print_json(result.as_dict())
    else:
        print_result(str(result.run.directory))


def _list(json: bool) -> None:
    from rich.table import Table

    from tritag.pipeline.taggers import list_precisions, list_taggers

    taggers = list_taggers()
    if json:
        print_json([tagger.as_dict() for tagger in taggers])
        return
    table = Table("tagger", "parameters", "K", "MACs", "summary")
    for t in taggers:
        table.add_row(t.tagger, str(t.parameters), str(t.constituents), str(t.macs), t.summary)
    print_table(table)
    recipes = Table("precision", "goes to firmware", "summary")
    for p in list_precisions():
        recipes.add_row(p.precision, "yes" if p.exact else "no", p.summary)
    print_table(recipes)
