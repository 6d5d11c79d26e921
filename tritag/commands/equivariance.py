"""``tritag equivariance``: what boosts, rotations and the frames' arithmetic change in the scores."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tritag.arguments import one_run
from tritag.commands.options import AsJson, OldRun, Plugins, Run
from tritag.pipeline.defaults import EQUIVARIANCE_JETS
from tritag.pipeline.opened import is_quantized, open_run
from tritag.terminal import print_json, print_table

if TYPE_CHECKING:
    from tritag.pipeline.equivariance import EquivarianceResult


def command(
    run: Run = None,
    old_run: OldRun = None,
    jets: Annotated[Path | None, typer.Option(help="Jet file (npz or HDF5); by default 2000 of the run's.")] = None,
    n_max: Annotated[int, typer.Option("--n-max", min=1, help="Number of jets.")] = EQUIVARIANCE_JETS,
    seed: Annotated[int, typer.Option(help="Seed of the transformations.")] = 0,
    plugin: Plugins = None,
    json: AsJson = False,
) -> None:
    """Measure score changes under random boosts and rotations, before and after quantization.

    "float" is the float run that the quantized training started from, on exact momenta; "float, re-gridded" the same
    tagger on the trigger's grid; "fixed" the quantized tagger. For taggers with frames also the change of the
    score when the frames come from float64.
    """
    opened = open_run(one_run(run, old_run), needs=("weights.safetensors",), jets=jets is None, suits=is_quantized)
    from tritag.pipeline.equivariance import equivariance_run

    result = equivariance_run(opened, jets, n_max, seed)
    if json:
        print_json(result.as_dict())
    else:
        _print(result)


def _print(result: EquivarianceResult) -> None:
    from rich.table import Table

    table = Table("transformation", "tagger", "change of the logit", "over the logits' spread", "change of the score")
    for c in result.changes:
        table.add_row(
            c.transformation,
            c.tagger,
            f"{c.median:.2e} / {c.high:.2e}",
            f"{c.relative_median:.1%} / {c.relative_high:.1%}",
            f"{c.score_median:.2e} / {c.score_high:.2e}",
        )
    print_table(table)
    print_table(f"median / 99 % of {result.jets:,} jets")
    if frames := result.frames:
        print_table(
            f"fixed point against the same tagger with float64 frames: {frames.score_lsb[0]:.2g} / "
            f"{frames.score_lsb[1]:.2g} LSB of the score (1/128), logit {frames.logit[0]:.2e} / "
            f"{frames.logit[1]:.2e}"
        )
        if ratio := frames.rejection:
            print_table(f"rejection over that with float64 frames: {ratio}")
