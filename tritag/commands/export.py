"""``tritag export``: one QONNX file, its description, and golden integers."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from tritag.terminal import print_json, print_progress, print_result

_GOLDEN_JETS = 256


def command(
    run: Annotated[str, typer.Option(help="Run directory or tagger name.")],
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Write model.qonnx.onnx, graph.json and vectors.npz of a trained, quantized run."""
    opened = export_run(run)
    path = opened.path("model.qonnx.onnx")
    if json:
        print_json({"run": str(opened.directory), "model": str(path)})
    else:
        print_result(str(path))


def export_run(where: str) -> Any:
    """Export the run; returns it."""
    import numpy as np
    import onnx

    from tritag.commands.train import coded_jets, open_run
    from tritag.data.jets.crafted import crafted_codes
    from tritag.errors import ExportError
    from tritag.export.executors import TorchExecutor
    from tritag.export.graph import read_graph
    from tritag.export.qonnx_file import export_model
    from tritag.files import atomic_path, write_json
    from tritag.quant.recipe import trained_tagger
    from tritag.quant.simulated.tagger import why_not_exact

    run, recipe = open_run(where)
    if recipe.quant is None:
        raise ExportError(
            f"only a quantized tagger has an exact form in firmware, got the float run {run.directory.name}; "
            f"train with --precision int8 or int8-ternary"
        )
    if not recipe.quant.exact:
        raise ExportError(why_not_exact(recipe.quant))
    weights = run.require("weights.safetensors")
    run.discard_from("export")
    tagger = trained_tagger(recipe, weights)
    model = export_model(tagger)  # type: ignore[arg-type]
    graph = read_graph(model)
    crafted, crafted_count = crafted_codes(recipe.tagger.n_constituents)
    jets = coded_jets(recipe, "val", n_max=_GOLDEN_JETS)
    codes = np.concatenate([crafted, jets.codes.numpy().astype(np.int32)])
    count = np.concatenate([crafted_count, jets.count.numpy().reshape(-1).astype(np.int32)])
    outputs = TorchExecutor(graph, tagger, model).run(codes, count)  # type: ignore[arg-type]
    with atomic_path(run.path("vectors.npz")) as path:
        np.savez_compressed(path, codes=codes, count=count, logit=outputs)
    write_json(run.path("graph.json"), graph.summary())
    with atomic_path(run.path("model.qonnx.onnx")) as path:
        onnx.save(model, str(path))
    run.record_provenance("export")
    print_progress(f"{run.directory.name}: exported {len(graph.layers)} layers, graph lint passed")
    return run
