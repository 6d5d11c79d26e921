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
    """Measure accuracy, AUC, background rejection and the response of regressed quantities, with statistical errors."""
    from tritag.commands.train import coded_jets, open_run
    from tritag.errors import ConfigError
    from tritag.files import write_json
    from tritag.models.figures.comparison import rejection_ratio
    from tritag.models.figures.head_metrics import measure_head, tag_scores
    from tritag.models.training.evaluate import scores
    from tritag.quant.recipe import trained_tagger

    found = []
    for name in (run, *([against] if against else [])):
        opened, recipe = open_run(name)
        tagger = trained_tagger(recipe, opened.require("weights.safetensors"))
        sample = coded_jets(recipe, None if jets else "test", file=jets)
        found.append((opened, recipe.tagger.head, sample, scores(tagger, sample, progress=not json)))
    opened, head, sample, given = found[0]
    metrics = measure_head(given, sample, head)
    result = {"run": opened.directory.name, "jets": str(jets) if jets else "test", **metrics.as_dict()}
    if against:
        other, other_head, other_sample, other_given = found[1]
        if other_head.classes != head.classes or other_head.qcd != head.qcd:
            raise ConfigError(
                f"taggers to compare must have the same classes, got {list(head.classes)} and "
                f"{list(other_head.classes)} (an empty list is a binary head)"
            )
        answers = tag_scores(given, sample.label.numpy(), head)
        others = tag_scores(other_given, other_sample.label.numpy(), other_head)
        ratios = {name: rejection_ratio(a, others[name][0], labels) for name, (a, labels) in answers.items()}
        # One question as before, several by the signal's name.
        figures = {name: ratio.__dict__ for name, ratio in ratios.items()}
        result["against"] = {"run": other.directory.name, **(figures["signal"] if head.binary else figures)}
    if jets is None:
        write_json(opened.path("evaluation.json"), result)
    if json:
        print_json(result)
        return
    print_result(f"{opened.directory.name}: {metrics}")
    if against:
        for name, ratio in ratios.items():
            print_result(
                f"rejection at {name} efficiency 0.3 relative to {other.directory.name}: "
                f"{ratio.value:.3f} ± {ratio.error:.3f}"
            )
