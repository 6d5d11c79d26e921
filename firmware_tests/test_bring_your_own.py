"""The commands of docs/bring-your-own.md and docs/import.md as they stand there, on small networks.

Of a user's tagger they go from training to simulated Verilog. Its jets are the generated ones of the sample, each also
turned around the beam and mirrored.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from tests.helpers.marks import often
from tests.helpers.pages import DOCS, blocks_of, commands_of
from tritag import cli
from tritag.data.jets.jets import JetBatch
from tritag.data.jets.store import write_jets
from tritag.data.simulation.sample import read_sample

TAGGERS = DOCS.parent / "examples" / "taggers"
SMALL = {
    "deep_sets": [],
    "jedi_linear": ["sizes.channels=8", "training.learning_rate=3e-3"],
    "mlp_mixer": [],
    "linformer": ["sizes.heads=1", "sizes.keys=1"],
}
K, JETS = 2, 2000
# The tutorial's test takes Deep Sets the same way; the Mixer needs the most of Verilog.
LONG = ("deep_sets", "jedi_linear", "linformer")


def turned(jets: JetBatch, angle: float, mirrored: bool) -> JetBatch:
    """Jets turned around the beam by an angle, and mirrored along it."""
    energy, px, py, pz = np.moveaxis(jets.p4, -1, 0)
    x, y = np.cos(angle) * px - np.sin(angle) * py, np.sin(angle) * px + np.cos(angle) * py
    p4 = np.stack([energy, x, y, -pz if mirrored else pz], axis=-1).astype(np.float32)
    return replace(jets, p4=p4)


@pytest.fixture(scope="session")
def jet_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two thousand jets with splits: 400 generated ones, five times."""
    sample = read_sample()
    parts = [turned(sample, 1.1 * i, i % 2 == 1).p4 for i in range(JETS // len(sample))]
    order = np.random.default_rng(0).permutation(JETS)
    times = len(parts)
    jets = JetBatch(np.concatenate(parts), np.tile(sample.n_constituents, times), np.tile(sample.label, times))[order]
    path = tmp_path_factory.mktemp("turned jets") / "jets.h5"
    write_jets(path, jets, splits={"train": (0, 1200), "val": (1200, 1700), "test": (1700, JETS)})
    return path


@pytest.mark.parametrize("name", often(sorted(SMALL), LONG))
def test_a_users_tagger_goes_the_whole_way_by_the_commands_of_the_page(name, jet_file, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("TRITAG_RUNS", str(tmp_path))
    monkeypatch.chdir(DOCS.parent)
    changes = ["training.batch_size=256", *SMALL[name]]
    small = ["-K", str(K), "--precision", "int8", *(word for change in changes for word in ("--set", change))]
    small += ["--data", str(jet_file), "--iterations", "60"]
    done = []
    for call in commands_of("bring-your-own.md"):
        if "deep_sets" not in " ".join(call) or call[0] == "check":  # those run in tests/test_check_tagger.py
            continue
        arguments = [word.replace("deep_sets", name) for word in call]
        assert cli.run([*arguments, *(small if call[0] == "train" else [])]) == 0, capsys.readouterr().err
        done.append(call[0])
    assert done == ["train", "export", "csim", "verify", "rtl"]
    (run,) = tmp_path.glob(f"{name}-k{K}-int8-*")
    verdicts = json.loads((run / "verify.json").read_text())["entries"]
    assert {"pytorch", "onnxruntime", "qonnx", "hls4ml-csim"} <= {v["executor"] for v in verdicts}
    assert all(v["differ"] == 0 and v["jets"] >= JETS for v in verdicts)
    assert verdicts[0]["strength"]["outputs"] > 20
    scenarios = json.loads((run / "rtl.json").read_text())["scenarios"]
    assert scenarios["back_to_back"]["jets"] >= 200
    assert [s["differ"] for s in scenarios.values()] == [0] * len(scenarios)
    assert json.loads((run / "csim.json").read_text())["golden"]["differ"] == 0


def foreign_file() -> onnx.ModelProto:
    """A linear layer of four inputs and two outputs with weights of 4 bits, ReLU and a quantizer of 6 bits."""
    constants = {
        "w": np.array([[0.5, -0.25], [0.125, 0.75], [-0.875, 0.375], [0.25, 0.625]], np.float32),
        **{
            name: np.array(value, np.float32) for name, value in {"s": 0.125, "t": 0.05, "z": 0, "b": 4, "c": 6}.items()
        },
    }
    kept = {"narrow": 0, "rounding_mode": "ROUND", "domain": "qonnx.custom_op.general"}
    nodes = [
        helper.make_node("Quant", ["w", "s", "z", "b"], ["wq"], "weights", signed=1, **kept),
        helper.make_node("MatMul", ["global_in", "wq"], ["m"], "dense"),
        helper.make_node("Relu", ["m"], ["r"], "relu"),
        helper.make_node("Quant", ["r", "t", "z", "c"], ["y"], "activation", signed=0, **kept),
    ]
    ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, size]) for n, size in (("global_in", 4), ("y", 2))]
    tensors = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "net", ends[:1], ends[1:], tensors)
    opsets = [helper.make_opsetid("", 13), helper.make_opsetid("qonnx.custom_op.general", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def test_a_foreign_file_goes_the_whole_way_by_the_commands_of_the_page(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("TRITAG_RUNS", str(tmp_path / "runs"))
    monkeypatch.chdir(tmp_path)
    onnx.save(foreign_file(), tmp_path / "jets.onnx")
    (tmp_path / "grid.yaml").write_text(blocks_of("import.md", "yaml")[0])
    done = []
    for call in commands_of("import.md"):
        assert cli.run(call) == 0, capsys.readouterr().err
        done.append(call[0])
    assert done == ["check", "import", "csim", "verify", "rtl", "synth"]
    verdicts = json.loads(next((tmp_path / "runs").glob("jets-*/verify.json")).read_text())["entries"]
    assert all(v["differ"] == 0 and v["jets"] >= JETS for v in verdicts)
    assert verdicts[0]["strength"]["outputs"] > 100
