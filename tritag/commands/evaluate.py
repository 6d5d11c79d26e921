"""``tritag evaluate``: physics figures of a run on any labelled jets."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tritag.arguments import one_run
from tritag.commands.options import AsJson, Deterministic, Device, OldRun, Plugins, Run
from tritag.pipeline.opened import open_run
from tritag.terminal import print_json, print_result


def command(
    run: Run = None,
    old_run: OldRun = None,
    jets: Annotated[Path | None, typer.Option(help="Labelled jet file; by default the run's test jets.")] = None,
    against: Annotated[str | None, typer.Option(help="Another run: the ratio of rejections on the same jets.")] = None,
    device: Device = "cpu",
    deterministic: Deterministic = False,
    plugin: Plugins = None,
    json: AsJson = False,
) -> None:
    """Measure accuracy, AUC, background rejection and the response of regressed quantities, with statistical errors."""
    opened = open_run(one_run(run, old_run), needs=("weights.safetensors",), jets=jets is None)
    other = open_run(against, needs=("weights.safetensors",), jets=jets is None) if against else None
    from tritag.models.training.compute import Compute
    from tritag.pipeline.evaluate import evaluate_run

    result = evaluate_run(opened, jets, other, not json, Compute(device, deterministic))
    if json:
        print_json(result.as_dict())
        return
    print_result(f"{opened.name}: {result.metrics}")
    if result.against is not None:
        for name, ratio in result.against.ratios.items():
            print_result(f"rejection at {name} efficiency 0.3 relative to {result.against.run.name}: {ratio.figure}")
