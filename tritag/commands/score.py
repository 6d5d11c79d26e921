"""``tritag score``: the integers of the firmware for all jets of a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tritag import api
from tritag.arguments import one_run
from tritag.commands.options import AsJson, FirstJets, OldRun, Run, Split, Target
from tritag.pipeline.defaults import DEFAULT_TARGET
from tritag.terminal import print_json, print_result


def command(
    jets: Annotated[Path, typer.Option(help="Jet file of any known kind; .npz of its inputs for an imported program.")],
    out: Annotated[Path, typer.Option(help="File of scores, .h5 or .npz; it must not exist.")],
    run: Run = None,
    old_run: OldRun = None,
    executor: Annotated[
        str, typer.Option(help="emulator (the fastest), pytorch, onnxruntime, qonnx or csim.")
    ] = "emulator",
    split: Split = None,
    n_max: FirstJets = None,
    target: Target = DEFAULT_TARGET,
    json: AsJson = False,
) -> None:
    """Score the jets of a file in constant memory; an interrupted scoring is continued by the same command."""
    where = one_run(run, old_run)
    result = api.score_file(
        where, jets, out, executor=executor, split=split, n_max=n_max, target=target, progress=not json
    )
    if json:
        print_json(result.as_dict())
    else:
        print_result(str(result.out))
