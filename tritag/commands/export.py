"""``tritag export``: one QONNX file, its description, and golden integers."""

from __future__ import annotations

from tritag import api
from tritag.arguments import one_run
from tritag.commands.options import AsJson, OldRun, Run
from tritag.terminal import print_json, print_result


def command(run: Run = None, old_run: OldRun = None, json: AsJson = False) -> None:
    """Write model.qonnx.onnx, graph.json and vectors.npz of a trained, quantized run."""
    result = api.export(one_run(run, old_run))
    if json:
        print_json(result.as_dict())
    else:
        print_result(str(result.model))
