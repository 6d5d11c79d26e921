"""``tritag verify``: the same jets through every executor, compared as integers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from tritag.terminal import print_json

_LAYER_JETS = 64
_DEFAULT_JETS = 10_000


def command(
    run: Annotated[str, typer.Argument(metavar="RUN", help="Run directory or tagger name.")],
    jets: Annotated[Path | None, typer.Option(help="Jet file (npz or HDF5); by default 10 000 of the run's.")] = None,
    n_max: Annotated[int | None, typer.Option("--n-max", min=1, help="Only the first jets.")] = None,
    layers: Annotated[bool, typer.Option("--layers", help="Name the first layer that differs.")] = False,
    target: Annotated[str, typer.Option(help="A name in configs/targets, or a YAML file.")] = "vu13p-360mhz",
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare PyTorch, ONNX Runtime, QONNX and hls4ml's C-simulation; exit status 1 when an integer differs."""
    from tritag.hls_projects.verify import require_equal

    verdicts = verify_run(run, jets, n_max, layers, target, progress=not json)
    if json:
        print_json([v.as_dict() for v in verdicts])
    else:
        print_verdicts(verdicts)
    require_equal(verdicts)


def verify_run(
    where: str,
    jets: Path | None = None,
    n_max: int | None = None,
    layers: bool = False,
    target_name: str = "vu13p-360mhz",
    progress: bool = True,
) -> Any:
    """Run the bit check on jets of a file, or on jets of the run's data with the crafted ones; returns the verdicts.

    The result of the default jets goes into verify.json.
    """
    import numpy as np

    from tritag.commands.train import coded_jets, open_run
    from tritag.data.jets.crafted import crafted_codes
    from tritag.files import write_json
    from tritag.hls_projects.verify import compare, different_jets

    run, recipe = open_run(where)
    executors = run_executors(run, recipe, target_name)
    k = recipe.tagger.n_constituents
    batch = coded_jets(recipe, None, file=jets, n_max=n_max or (None if jets else _DEFAULT_JETS))
    codes = batch.codes.numpy().astype(np.int32)
    count = batch.count.numpy().reshape(-1).astype(np.int32)
    if jets is None:
        crafted, crafted_count = crafted_codes(k)
        codes, count = np.concatenate([codes, crafted]), np.concatenate([count, crafted_count])
    results = {e.name: _run_with_bar(e, codes, count, progress) for e in executors}
    reference = executors[0]
    verdicts = []
    for executor in executors:
        first = None
        wrong = different_jets(results[reference.name], results[executor.name])
        if layers and len(wrong):
            chosen = wrong[:_LAYER_JETS]
            first = _first_layer(run, recipe, executor, reference, codes[chosen], count[chosen], target_name)
        verdicts.append(compare(executor.name, results[reference.name], results[executor.name], first))
    if jets is None:
        write_json(run.path("verify.json"), [v.as_dict() for v in verdicts])
        run.record_provenance("verify")
    return verdicts


def run_executors(run: Any, recipe: Any, target_name: str, trace: bool = False) -> list[Any]:
    """All executors of an exported run; PyTorch, the reference, first."""
    import onnx

    from tritag.export.executors import OnnxRuntimeExecutor, QonnxExecutor, TorchExecutor
    from tritag.export.graph import read_graph
    from tritag.hls_projects.csim import CsimExecutor, compile_project
    from tritag.hls_projects.target import load_target
    from tritag.quant.recipe import trained_tagger

    path = run.require("model.qonnx.onnx")
    model = onnx.load(path)
    graph = read_graph(model)
    tagger = trained_tagger(recipe, run.require("weights.safetensors"))
    project = compile_project(graph, load_target(target_name), trace=trace, log=run.log_file("verify"))
    return [
        TorchExecutor(graph, tagger, model),  # type: ignore[arg-type]
        OnnxRuntimeExecutor(graph, model),
        QonnxExecutor(graph, model),
        CsimExecutor(graph, project),
    ]


def print_verdicts(verdicts: Any) -> None:
    """Print one line per executor."""
    from rich.console import Console
    from rich.table import Table

    table = Table("executor", "jets compared", "jets that differ", "largest difference", "first layer that differs")
    for v in verdicts:
        first = v.first_layer or ("-" if not v.differ else "not searched (--layers)")
        table.add_row(v.executor, f"{v.jets:,}", f"{v.differ:,}", f"{v.largest_lsb} LSB", first)
    Console().print(table)


def _first_layer(
    run: Any, recipe: Any, executor: Any, reference: Any, codes: Any, count: Any, target_name: str
) -> str | None:
    from tritag.hls_projects.csim import CsimExecutor
    from tritag.hls_projects.verify import first_different_layer

    if isinstance(executor, CsimExecutor):
        executor = run_executors(run, recipe, target_name, trace=True)[-1]
    return first_different_layer(reference, executor, codes, count)


def _run_with_bar(executor: Any, codes: Any, count: Any, show: bool) -> Any:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    from rich.console import Console

    with Progress(*columns, console=Console(stderr=True), disable=not show, transient=True) as bar:
        task = bar.add_task(executor.name, total=len(count))
        return executor.run(codes, count, lambda n: bar.advance(task, n))
