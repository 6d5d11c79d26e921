"""``tritag study``: many trainings, one table; killed and called again, it goes on with what is missing."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tritag.commands.options import AsJson, FarmYaml, Fresh, Plugins, Processes, Retry, Scheduler
from tritag.configs import load_config
from tritag.farm import Farm
from tritag.terminal import print_json, print_result


def command(
    name: Annotated[str, typer.Argument(help="A name in configs/studies, or a YAML file.")],
    write: Annotated[Path | None, typer.Option(help="Markdown file whose section of this study is replaced.")] = None,
    figures: Annotated[Path | None, typer.Option(help="Folder for figures of rejection against cost.")] = None,
    also_jets: Annotated[
        Path | None, typer.Option(help="Labelled jet file on which every row's AUC is measured, too.")
    ] = None,
    so_far: Annotated[bool, typer.Option("--so-far", help="Train nothing: a table of the rows that are done.")] = False,
    processes: Processes = None,
    scheduler: Scheduler = None,
    farm: FarmYaml = None,
    retry: Retry = False,
    fresh: Fresh = False,
    plugin: Plugins = None,
    json: AsJson = False,
) -> None:
    """Train every row of a study with every seed and print the table of test figures.

    Exit status 1 when firmware of a row differs, or when all its jets have one answer.
    """
    load_config("studies", name)  # a wrong name is answered before PyTorch is imported
    where = Farm(processes, scheduler, farm)
    from tritag.pipeline.study.run import study_run

    result = study_run(name, write, figures, where, retry, also_jets, so_far, fresh)
    if json:
        print_json(result.as_list())
    else:
        print_result(result.markdown)
    result.require_equal()
