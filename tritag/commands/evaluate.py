"""``tritag evaluate``: physics figures of a run on any labelled jets."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tritag.terminal import print_json, print_result


def command(
    run: Annotated[str, typer.Option(help="Run directory or tagger name.")],
    jets: Annotated[Path | None, typer.Option(help="Labelled jet file; by default the run's test jets.")] = None,
    against: Annotated[str | None, typer.Option(help="Another run: the ratio of rejections on the same jets.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Measure accuracy, AUC and background rejection, with statistical errors."""
    from tritag.commands.train import coded_jets, open_run
    from tritag.files import write_json
    from tritag.models.comparison import rejection_ratio
    from tritag.models.evaluate import scores
    from tritag.models.metrics import measure
    from tritag.quant.recipe import trained_tagger

    found = []
    for name in (run, *([against] if against else [])):
        opened, recipe = open_run(name)
        tagger = trained_tagger(recipe, opened.require("weights.safetensors"))
        sample = coded_jets(recipe, None if jets else "test", file=jets)
        found.append((opened, scores(tagger, sample, progress=not json), sample.label.numpy()))
    opened, given, labels = found[0]
    metrics = measure(given, labels)
    result = {"run": opened.directory.name, "jets": str(jets) if jets else "test", **metrics.as_dict()}
    if against:
        ratio = rejection_ratio(given, found[1][1], labels)
        result["against"] = {"run": found[1][0].directory.name, **ratio.__dict__}
    if jets is None:
        write_json(opened.path("evaluation.json"), result)
    if json:
        print_json(result)
        return
    print_result(f"{opened.directory.name}: {metrics}")
    if against:
        print_result(
            f"rejection at signal efficiency 0.3 relative to {found[1][0].directory.name}: "
            f"{ratio.value:.3f} ± {ratio.error:.3f}"
        )
