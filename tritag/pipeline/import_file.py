"""Import: somebody's QONNX file as a run that goes on to csim, verify, rtl and synth like a trained one."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypedDict

import onnx

from tritag.errors import ConfigError, DataError
from tritag.export.executors import OnnxRuntimeExecutor
from tritag.export.feature_vectors import extreme_features, join_features, random_features, save_vectors
from tritag.export.graph import read_graph
from tritag.export.importing.importer import Imported, import_model
from tritag.export.importing.input_grid import read_grids
from tritag.export.importing.source import load_file
from tritag.export.model_file import write_model
from tritag.files import JsonObject, atomic_path, write_json, write_text
from tritag.pipeline.fingerprint import record_step
from tritag.pipeline.opened import OpenedRun, writing
from tritag.run import Run
from tritag.step_commands import INPUTS_FILE
from tritag.structured import dump_yaml, read_yaml
from tritag.terminal import print_progress

# Random inputs whose integers every firmware must give, besides the extreme ones.
_GOLDEN_INPUTS = 256


class Settings(TypedDict):
    """What a run keeps of its import: digest of the original, and the inputs' grids as their file has them."""

    sha256: str
    inputs: dict[str, JsonObject]


@dataclass(frozen=True)
class ImportResult:
    """An imported program.

    Attributes
    ----------
    run : OpenedRun
        The run.
    model : Path
        The program as the tool's own QONNX file.
    layers : int
        Layers of the firmware graph in it.
    forms : dict
        How each quantizer was written, by its node.
    notes : tuple of str
        What differs from the file, and by how much.
    """

    run: OpenedRun
    model: Path
    layers: int
    forms: dict[str, str]
    notes: tuple[str, ...]

    def as_dict(self) -> JsonObject:
        """Paths, forms and notes."""
        return {
            "run": str(self.run.directory),
            "model": str(self.model),
            "layers": self.layers,
            "quantizers": self.forms,
            "notes": list(self.notes),
        }


def import_run(file: Path, inputs: Path | None = None, name: str | None = None) -> ImportResult:
    """Make a run of a QONNX file.

    Writes ``original.onnx``, ``import.json``, ``model.qonnx.onnx``, ``graph.json`` and ``vectors.npz``, and
    ``inputs.yaml`` where grids were told.

    Parameters
    ----------
    inputs : Path, optional
        YAML file with bits, signed, lsb and unit of each input; an input with a quantizer behind it needs none.
    name : str, optional
        Name of the run; by default the file's.

    Raises
    ------
    DataError
        The file is missing, too large, or no ONNX file.
    ConfigError
        The file of inputs has another form.
    ExportError
        A node has no exact integer form; the message names it and the reason.
    """
    original = load_file(file)
    grids = read_grids(read_yaml(inputs, ConfigError)) if inputs is not None else {}
    imported = import_model(original, grids)
    content = file.read_bytes()
    config = {
        "import": {
            "sha256": hashlib.sha256(content).hexdigest(),
            "inputs": {key: asdict(grid) for key, grid in grids.items()},
        }
    }
    run = Run.create(name or _run_name(file), config)
    with writing(run):
        return _write_import(run, imported, content)


def _write_import(run: Run, imported: Imported, content: bytes) -> ImportResult:
    """Files of an imported run."""
    run.discard_from("import")
    graph = read_graph(imported.model)
    parts = random_features(graph, _GOLDEN_INPUTS), extreme_features(graph)
    vectors = join_features(*parts)
    outputs = OnnxRuntimeExecutor(graph, imported.model).run(*vectors)
    with atomic_path(run.path("original.onnx")) as path:
        path.write_bytes(content)
    if grids := run.config["import"]["inputs"]:
        write_text(run.path(INPUTS_FILE), dump_yaml(grids))
    with atomic_path(run.path("vectors.npz")) as path:
        save_vectors(path, graph, vectors, outputs)
    write_json(run.path("graph.json"), graph.summary())
    result = ImportResult(
        OpenedRun(run), run.path("model.qonnx.onnx"), len(graph.layers), imported.forms, tuple(imported.notes)
    )
    write_json(run.path("import.json"), {**result.as_dict(), "output_of_the_original": imported.final})
    record_step(run, "import")
    run.record_provenance("import")
    write_model(run.path("model.qonnx.onnx"), imported.model)  # last: it says that the step was done
    print_progress(f"{run.directory.name}: imported {len(graph.layers)} layers, graph lint passed")
    return result


def imported_again(opened: OpenedRun) -> tuple[onnx.ModelProto, Imported]:
    """The original of an imported run, and what it is imported as.

    Raises
    ------
    DataError
        The original in the run is not the file that was imported.
    """
    path = opened.run.require("original.onnx")
    settings: Settings = opened.run.config["import"]
    if hashlib.sha256(path.read_bytes()).hexdigest() != settings["sha256"]:
        raise DataError(f"{path} must be the file that was imported, but it was changed; import it again")
    grids = read_grids(settings["inputs"]) if settings["inputs"] else {}
    original = load_file(path)
    return original, import_model(original, grids)


def _run_name(file: Path) -> str:
    clean = "".join(c if (c.isalnum() and c.isascii()) or c in "._-" else "-" for c in file.stem).strip("._-")
    return clean[:60] or "imported"
