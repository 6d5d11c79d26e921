"""``tritag equivariance``: what boosts, rotations and the frames' arithmetic change in the scores."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from tritag.terminal import print_json

_DEFAULT_JETS = 2000


def command(
    run: Annotated[str, typer.Argument(metavar="RUN", help="Run directory or tagger name of a quantized tagger.")],
    jets: Annotated[Path | None, typer.Option(help="Jet file (npz or HDF5); by default 2000 of the run's.")] = None,
    n_max: Annotated[int, typer.Option("--n-max", min=1, help="Number of jets.")] = _DEFAULT_JETS,
    seed: Annotated[int, typer.Option(help="Seed of the transformations.")] = 0,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Measure score changes under random boosts and rotations, before and after quantization.

    "float" is the float run that the quantized training started from, on exact momenta; "float, re-gridded" the same
    tagger on the trigger's grid; "fixed" the quantized tagger. For taggers with frames also the change of the
    score when the frames come from float64.
    """
    result = measure_run(run, jets, n_max, seed)
    if json:
        print_json(result)
    else:
        _print_tables(result)


def measure_run(where: str, jets: Path | None, n_max: int, seed: int) -> dict[str, Any]:
    """Changes and effect of the frames, also written into equivariance.json for the run's own jets."""
    import json

    from tritag.commands.train import coded_jets, open_run
    from tritag.errors import RunError
    from tritag.files import write_json
    from tritag.quant.measure.equivariance import frame_ops, measure_equivariance, measure_frame_effect
    from tritag.quant.recipe import trained_tagger

    run, recipe = open_run(where)
    if recipe.quant is None:
        raise RunError(f"{run.directory.name} must be a quantized run, but is a float one; name one trained with int8")
    if recipe.tagger.head.n_outputs > 1:
        raise RunError(
            f"{run.directory.name} must have a logit alone, but has the outputs "
            f"{list(recipe.tagger.head.output_names)}; name a run with a binary head"
        )
    tagger: Any = trained_tagger(recipe, run.require("weights.safetensors"))
    metrics = json.loads(run.require("metrics.json").read_text(encoding="utf-8"))
    float_run, float_recipe = open_run(str(run.directory.parent / str(metrics["float_run"])))
    float_tagger = trained_tagger(float_recipe, float_run.require("weights.safetensors"))
    batch = coded_jets(recipe, None if jets else "test", file=jets, n_max=n_max)
    codes, count = batch.codes.numpy()[:n_max], batch.count.numpy().reshape(-1)[:n_max]
    label = batch.label.numpy()[:n_max]
    changes = measure_equivariance(tagger, float_tagger, codes, count, seed)
    result: dict[str, Any] = {
        "run": run.directory.name,
        "float_run": float_run.directory.name,
        "jets": len(codes),
        "changes": [c.as_dict() for c in changes],
        "frames": measure_frame_effect(tagger, codes, count, label).as_dict() if frame_ops(tagger) else None,
    }
    if jets is None:
        write_json(run.path("equivariance.json"), result)
    return result


def _print_tables(result: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    table = Table("transformation", "tagger", "change of the logit", "over the logits' spread", "change of the score")
    for c in result["changes"]:
        table.add_row(
            c["transformation"],
            c["tagger"],
            f"{c['median']:.2e} / {c['high']:.2e}",
            f"{c['relative_median']:.1%} / {c['relative_high']:.1%}",
            f"{c['score_median']:.2e} / {c['score_high']:.2e}",
        )
    console.print(table)
    console.print(f"median / 99 % of {result['jets']:,} jets")
    if frames := result["frames"]:
        console.print(
            f"fixed point against the same tagger with float64 frames: {frames['score_lsb'][0]:.2g} / "
            f"{frames['score_lsb'][1]:.2g} LSB of the score (1/128), logit {frames['logit'][0]:.2e} / "
            f"{frames['logit'][1]:.2e}"
        )
        if ratio := frames["rejection"]:
            passed, n = ratio["background_passed"][0], ratio["n_background"]
            console.print(f"rejection over that with float64 frames: {_figure(ratio)} ({passed:.0f} of {n:,} QCD jets)")


def _figure(ratio: dict[str, Any]) -> str:
    value, error = ratio["value"], ratio["error"]
    text = "unknown" if value is None else f"{value:.3f}" if error is None else f"{value:.3f} ± {error:.3f}"
    return f"{text} at eps_S = {ratio['signal_efficiency']:g}"
