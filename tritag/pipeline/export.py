"""Export: the tagger as one QONNX file, its description, and golden integers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tritag.errors import ExportError
from tritag.export.executors import TorchExecutor
from tritag.export.feature_vectors import save_vectors
from tritag.export.graph import read_graph
from tritag.export.model_file import write_model
from tritag.export.qonnx_file import export_model
from tritag.files import JsonObject, atomic_path, write_json
from tritag.models.layers.tagger import Tagger
from tritag.pipeline.fingerprint import record_step
from tritag.pipeline.golden import golden_jets, require_golden
from tritag.pipeline.jets import coded_jets, integer_codes, with_crafted
from tritag.pipeline.opened import OpenedRun, writing
from tritag.quant.layers.tagger import QuantTagger
from tritag.quant.simulated.tagger import why_not_exact
from tritag.terminal import print_progress

# Jets of the run's validation split whose integers every firmware must give, besides the crafted ones.
_GOLDEN_JETS = 256


@dataclass(frozen=True)
class ExportResult:
    """An exported run.

    Attributes
    ----------
    run : OpenedRun
        The run.
    model : Path
        The QONNX file, complete in itself.
    layers : int
        Layers of the firmware graph in it.
    golden_jets : int
        Jets in ``vectors.npz``, each with the integers that PyTorch gave.
    """

    run: OpenedRun
    model: Path
    layers: int
    golden_jets: int

    def as_dict(self) -> JsonObject:
        """Paths of the run directory and of the file."""
        return {"run": str(self.run.directory), "model": str(self.model)}


def ensure_exported(opened: OpenedRun) -> None:
    """Export a run that is not exported (:func:`export_run`); another command that does so is waited for."""
    with writing(opened.run):
        if not opened.run.path("model.qonnx.onnx").is_file():
            _exported(opened)


def export_run(opened: OpenedRun) -> ExportResult:
    """Write ``model.qonnx.onnx``, ``graph.json`` and ``vectors.npz`` of a trained, quantized run.

    Raises
    ------
    ExportError
        The run is float, or its recipe has no exact form in firmware.
    RunError
        The run is not trained to its end.
    CheckFailed
        The run comes from the zoo, and its golden integers differ.
    """
    with writing(opened.run):
        return _exported(opened)


def _exported(opened: OpenedRun) -> ExportResult:
    run, recipe = opened.run, opened.recipe
    if recipe.quant is None:
        raise ExportError(
            f"only a quantized tagger has an exact form in firmware, got the float run {opened.name}; "
            f"train with --precision int8 or int8-ternary"
        )
    if not recipe.quant.exact:
        raise ExportError(why_not_exact(recipe.quant))
    run.require("weights.safetensors")
    run.discard_from("export")
    tagger = exact(opened.tagger())
    model = export_model(tagger)
    graph = read_graph(model)
    codes, count = golden_jets(opened) or with_crafted(
        *integer_codes(coded_jets(recipe, "val", n_max=_GOLDEN_JETS)), first=True, candidates=recipe.tagger.candidates
    )
    outputs = TorchExecutor(graph, tagger, model).run(codes, count)
    require_golden(opened, outputs)
    record_step(run, "export")
    run.record_provenance("export")
    with atomic_path(run.path("vectors.npz")) as path:
        save_vectors(path, graph, (codes, count), outputs)
    write_json(run.path("graph.json"), graph.summary())
    write_model(run.path("model.qonnx.onnx"), model)  # last: it says that the step was done
    print_progress(f"{opened.name}: exported {len(graph.layers)} layers, graph lint passed")
    return ExportResult(opened, run.path("model.qonnx.onnx"), len(graph.layers), len(count))


def exact(tagger: Tagger) -> QuantTagger:
    """The same tagger, when its numbers are integers.

    Raises
    ------
    ExportError
        It is float, or a study's without exact form.
    """
    if not isinstance(tagger, QuantTagger):
        raise ExportError(
            f"only a quantized tagger has an exact form in firmware, got {type(tagger).__name__}; "
            "train with --precision int8 or int8-ternary"
        )
    return tagger
