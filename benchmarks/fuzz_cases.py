"""One small whole file of every format that tritag reads, and how it is read."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import awkward
import h5py
import numpy as np
import pyarrow
import pyarrow.csv
import pyarrow.parquet
import torch
import uproot

from benchmarks.fuzz_case import Case, digest, in_folder
from benchmarks.fuzz_results import RESULTS, write_results
from tests.helpers.foreign import Mlp, exported
from tests.helpers.taggers import TINY, calibrated_tagger
from tests.helpers.vendor import CSYNTH, TIMING, UTILIZATION
from tritag import plugin_files
from tritag.configs import load_config, plain_settings
from tritag.data.jets.candidate_grid import load_grid
from tritag.data.jets.jets import JetBatch
from tritag.data.jets.store import read_jets, write_jets
from tritag.data.readers.fields import FieldMap, parse_map
from tritag.data.readers.formats import read_any
from tritag.data.simulation.config import load_data_config
from tritag.errors import ConfigError, RunError
from tritag.export.executors import OnnxRuntimeExecutor
from tritag.export.feature_vectors import load_vectors
from tritag.export.graph import read_graph
from tritag.export.importing.importer import import_model
from tritag.export.importing.input_grid import read_grids
from tritag.export.importing.source import load_file
from tritag.export.model_file import read_model, write_model
from tritag.export.qonnx_file import export_model
from tritag.files import write_json
from tritag.hls_projects.target import load_target
from tritag.hls_projects.vendor_reports import read_vendor_report
from tritag.models.nets.registry import TaggerConfig, load_tagger_config, make_tagger, sizes_of
from tritag.models.training.checkpoint import TrainingState, append_history, read_history, resume, write_checkpoint
from tritag.models.training.config import TrainingConfig
from tritag.models.training.weights import read_weights, write_weights
from tritag.run import Run
from tritag.structured import parse_yaml, read_json, read_yaml

ROOT = Path(__file__).parents[1]
SAMPLE = ROOT / "data" / "sample" / "jets400.h5"
MAP = parse_map(["pt=c_pt eta=c_eta phi=c_phi label=kind classes=qcd,top"])


def of_batch(batch: JetBatch) -> str:
    """Short hash of jets."""
    return digest(batch.p4, batch.n_constituents, batch.label, batch.classes)


def _jets(mapping: FieldMap | None = None) -> Callable[[Path], str]:
    return lambda path: of_batch(read_any(path, mapping=mapping))


def _tagger() -> torch.nn.Module:
    torch.manual_seed(0)
    return make_tagger(TaggerConfig("transformer", 4, dict(TINY)))


def _optimizer(model: torch.nn.Module) -> torch.optim.Optimizer:
    return torch.optim.AdamW(model.parameters(), lr=0.01)


def _of_model(model: torch.nn.Module) -> str:
    return digest(*(tensor.detach().numpy() for tensor in model.state_dict().values()))


def _read_weights(path: Path) -> str:
    model = _tagger()
    read_weights(path, model)
    return _of_model(model)


def _read_checkpoint(path: Path) -> str:
    model = _tagger()
    optimizer = _optimizer(model)
    folder = in_folder(path, "checkpoint.pt")
    state = resume(folder, {"a": 1}, model, optimizer)
    tensors = [x.numpy() for s in optimizer.state_dict()["state"].values() for x in s.values()]
    return digest(_of_model(model), vars(state) if state else None, *tensors)


def _read_history(path: Path) -> str:
    folder = in_folder(path, "history.jsonl")
    return digest(read_history(folder))


def _read_run(path: Path) -> str:
    folder = in_folder(path, "config.yaml")
    return digest(Run.open(folder).config)


def _read_model(path: Path) -> str:
    model = read_model(path)
    graph = read_graph(model)
    codes, count = np.zeros((2, 4, 3), np.int64), np.array([4, 2])
    codes[:, :, 0] = np.arange(40, 36, -1)
    return digest(OnnxRuntimeExecutor(graph, model).run(codes, count))


def _read_vectors(path: Path) -> str:
    graph = read_graph(path.parent / "model.onnx")
    inputs, expected = load_vectors(path, graph)
    return digest(*inputs, expected)


def _read_tagger(path: Path) -> str:
    config = load_tagger_config(path, 4)
    sizes = sizes_of(config)
    return digest(plain_settings(config), sizes)


def _read_plugin(path: Path) -> str:
    folder = in_folder(path, "plugin.py")  # a name that a module can have
    return digest(plugin_files.read(folder / "plugin.py").sources)


def _read_report(path: Path) -> str:
    return digest(read_vendor_report(path).as_dict())


CASES: dict[str, Case] = {
    "jets (ours)": Case("own.h5", _jets(), own=True),
    "HDF5 arrays": Case("arrays.h5", _jets()),
    "HDF5 table": Case("table.h5", _jets()),
    "npz p4": Case("p4.npz", _jets()),
    "npz pt, eta, phi": Case("polar.npz", _jets()),
    "ROOT TTree": Case("tree.root", _jets(MAP)),
    "ROOT RNTuple": Case("ntuple.root", _jets(MAP)),
    "CSV": Case("table.csv", _jets()),
    "Parquet": Case("table.parquet", _jets()),
    "YAML tagger": Case("tagger.yaml", _read_tagger),
    "YAML data": Case("data.yaml", lambda path: digest(load_data_config(path))),
    "YAML target": Case("target.yaml", lambda path: digest(load_target(path))),
    "YAML map": Case("map.yaml", lambda path: digest(parse_map([str(path)]))),
    "YAML of a run": Case("config.yaml", _read_run, own=True),
    "YAML of --set": Case("set.yaml", lambda path: digest(parse_yaml(path.read_bytes().decode("latin-1"), "--set"))),
    "YAML of a plug-in's tagger": Case("own-tagger.yaml", _read_tagger),
    "YAML grid": Case("grid.yaml", lambda path: digest(load_grid(path))),
    "YAML of --inputs": Case("inputs.yaml", lambda path: digest(read_grids(read_yaml(path, ConfigError)))),
    "plug-in": Case("plugin.py", _read_plugin),
    "JSON": Case("step.json", lambda path: digest(read_json(path, RunError, "make it again")), own=True),
    "history": Case("history.jsonl", _read_history),
    "vendor's utilization": Case("utilization.rpt", _read_report),
    "vendor's timing": Case("timing.rpt", _read_report),
    "vendor's csynth.xml": Case("csynth.xml", _read_report),
    "ONNX": Case("model.onnx", _read_model, own=True),
    "ONNX to import": Case(
        "foreign.onnx", lambda path: digest(import_model(load_file(path)).model.SerializeToString())
    ),
    "vectors": Case("vectors.npz", _read_vectors),
    "weights": Case("weights.safetensors", _read_weights, own=True),
    "checkpoint": Case("checkpoint.pt", _read_checkpoint, own=True),
    **RESULTS,
}


def write_seeds(folder: Path) -> None:
    """Write a whole file of every format."""
    folder.mkdir(parents=True, exist_ok=True)
    batch = read_jets(SAMPLE, n_max=12).leading(8)
    _write_jet_files(folder, batch)
    for kind, name in (("taggers", "transformer-2k"), ("data", "tiny"), ("targets", "vu13p-360mhz")):
        settings = load_config(kind, name)
        (folder / f"{kind.removesuffix('s')}.yaml").write_text(json.dumps(settings, indent=1))
    (folder / "map.yaml").write_text("pt: a\neta: b\nphi: c\nlabel: d\nclasses: [qcd, top]\nunit: MeV\n")
    (folder / "set.yaml").write_text("{qcd: 1, top: 2.5, w: [1, 2, 3]}\n")
    (folder / "grid.yaml").write_text(json.dumps(load_config("grids", "cms-puppi"), indent=1))
    entry = {"bits": 16, "signed": True, "lsb": "2**-10", "unit": "GeV"}
    grids = {"x": entry, "y": {"bits": 8, "signed": False, "lsb": ["1/64", 0.5], "features": ["pt", "eta"]}}
    (folder / "inputs.yaml").write_text(json.dumps(grids, indent=1))
    own = ROOT / "examples" / "taggers" / "deep_sets"
    for name in ("deep_sets.py", "plugin.py"):
        shutil.copy(own.with_suffix(".py"), folder / name)
    shutil.copy(own.with_suffix(".yaml"), folder / "own-tagger.yaml")
    for name, text in (("utilization.rpt", UTILIZATION), ("timing.rpt", TIMING), ("csynth.xml", CSYNTH)):
        (folder / name).write_text(text)
    _write_run_files(folder)
    write_results(folder)


def _write_jet_files(folder: Path, batch: JetBatch) -> None:
    write_jets(folder / "own.h5", batch, splits={"train": (0, 8), "test": (8, 12)}, settings={"a": [1, 2]}, seed=3)
    arrays = {"p4": batch.p4, "n_constituents": batch.n_constituents, "label": batch.label}
    np.savez(folder / "p4.npz", **arrays)
    with h5py.File(folder / "arrays.h5", "w") as file:
        for name, values in arrays.items():
            file.create_dataset(name, data=values, compression="gzip" if name == "p4" else None)
        file.attrs["classes"] = '["qcd", "top"]'
    pt = np.hypot(batch.p4[..., 1], batch.p4[..., 2])
    fields = {"pt": pt, "eta": np.arcsinh(batch.p4[..., 3] / np.where(pt > 0, pt, 1))}
    fields["phi"] = np.arctan2(batch.p4[..., 2], batch.p4[..., 1])
    np.savez_compressed(folder / "polar.npz", **fields, label=np.array(["qcd", "top"])[batch.label])
    rows = np.zeros(12, [("index", "<i8"), ("values_block_0", "<f4", (804,)), ("values_block_1", "<i8", (2,))])
    rows["values_block_0"][:, :800] = batch.leading(200).p4.reshape(12, 800)
    rows["values_block_1"][:, 1] = batch.label
    with h5py.File(folder / "table.h5", "w") as file:
        file.create_dataset("table/table", data=rows, chunks=(5,), compression="gzip")
    lists = {f"c_{name}": awkward.unflatten(x[batch.mask], batch.n_constituents) for name, x in fields.items()}
    with uproot.recreate(folder / "tree.root") as file:
        types = {**dict.fromkeys(lists, "var * float32"), "kind": "int32"}
        file.mktree("Jets", types).extend({**lists, "kind": batch.label.astype(np.int32)})
    with uproot.recreate(folder / "ntuple.root") as file:
        file.mkrntuple("Jets", {**lists, "kind": batch.label})
    jet = np.repeat(np.arange(12), batch.n_constituents)
    table = pyarrow.table(
        {"jet": jet, **{name: x[batch.mask] for name, x in fields.items()}, "label": batch.label[jet]}
    )
    pyarrow.csv.write_csv(table, folder / "table.csv")
    pyarrow.parquet.write_table(table, folder / "table.parquet")


def _write_run_files(folder: Path) -> None:
    settings = plain_settings(TrainingConfig()) | {"sizes": {"blocks": 1, "channels": [4, 8]}}
    run = Run.create("fuzz", {"training": settings, "data": "top-demo"})
    shutil.copy(run.path("config.yaml"), folder / "config.yaml")
    figures = {"auc": {"value": 0.97, "error": 0.002}, "rejections": [[0.3, 812.5], [0.5, 211.0]], "name": "top"}
    write_json(folder / "step.json", figures)
    (folder / "history.jsonl").unlink(missing_ok=True)
    for i in range(1, 5):
        append_history(folder, {"step": 10 * i, "loss": 0.5 / i, "auc": 0.9})
    model = _tagger()
    write_weights(folder / "weights.safetensors", model)
    optimizer = _optimizer(model)
    sum(p.sum() for p in model.parameters()).backward()
    optimizer.step()
    write_checkpoint(folder, {"a": 1}, TrainingState(3, 0.5, 3, {"step": 2}), model, optimizer)
    tagger = export_model(calibrated_tagger(4, "ternary", TINY))
    write_model(folder / "model.onnx", tagger)
    (folder / "foreign.onnx").write_bytes(exported(Mlp(per_channel=False), 6).SerializeToString())
    codes, count = np.zeros((5, 4, 3), np.int16), np.full(5, 4)
    np.savez(folder / "vectors.npz", codes=codes, count=count, logit=np.arange(5)[:, None, None])
