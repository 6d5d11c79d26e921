"""A head and a reader of jet files in files of the user's own: used, kept by the run, refused in one line."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.helpers.jets import SAMPLE
from tritag import cli, plugins
from tritag.data.jets.store import read_jets
from tritag.data.readers import own
from tritag.data.simulation.sample import read_sample
from tritag.models.nets.head import HeadConfig
from tritag.pipeline.opened import open_run

HEAD = """
import torch
from torch import nn
from torch.nn import functional as F
from tritag.models.layers.activations import Relu
from tritag.models.layers.linear import Linear
from tritag.models.layers.pool import MeanPool
from tritag.models.layers.scalars import N_SCALARS, JetScalars
from tritag.models.layers.tagger import Tagger


def focal(outputs, wanted):
    given = F.binary_cross_entropy_with_logits(outputs[:, 0], wanted[:, 0], reduction="none")
    return (1 - torch.exp(-given)) ** 2 * given


def mean(outputs, wanted):
    return focal(outputs, wanted).mean()


class HiddenHead(nn.Module):
    def __init__(self, layers, channels):
        super().__init__()
        self.hidden, self.relu = layers(Linear, channels, channels), layers(Relu)
        self.last = layers(Linear, channels, layers.n_outputs, role="output")

    def forward(self, x):
        return self.last(self.relu(self.hidden(x)))


class Net(Tagger):
    def __init__(self, layers, n_constituents):
        super().__init__()
        self.scalars, self.pool = layers(JetScalars, n_constituents), layers(MeanPool, n_constituents)
        self.head = HiddenHead(layers, N_SCALARS)

    def inputs(self, codes, count):
        return self.scalars(codes, count)

    def score(self, inputs, count):
        return self.head(self.pool(inputs, count))
"""
READER = """
import numpy as np
from tritag.data.readers.own import reads


@reads(".momenta")
def momenta(path):
    table = np.loadtxt(path, ndmin=2)
    fields = table[:, 1:].reshape(len(table), -1, 3)
    return {"label": table[:, 0].astype(int), "pt": fields[..., 0], "eta": fields[..., 1], "phi": fields[..., 2]}
"""


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A process that has loaded no plug-in yet, and no run."""
    for name in ("_KNOWN", "_LOADED"):
        monkeypatch.setattr(plugins, name, {})
    monkeypatch.setattr(plugins, "_REQUESTED", [])
    monkeypatch.setattr(own, "_READERS", {})
    monkeypatch.setenv("TRITAG_RUNS", str(tmp_path / "runs"))


def forget() -> None:
    """Become another process: modules of plug-ins are gone."""
    for name in [name for name in sys.modules if name.startswith("tritag_plugins.")]:
        del sys.modules[name]
    plugins._KNOWN.clear()
    plugins._LOADED.clear()


def test_a_head_with_a_hidden_layer_and_a_loss_of_its_own(tmp_path, capsys):
    (tmp_path / "net.py").write_text(HEAD)
    tagger = tmp_path / "mine.yaml"
    tagger.write_text(
        "network: net.py:Net\nhead: {own_loss: net.py:focal}\ntraining: {batch_size: 64, iterations: 2}\n"
    )
    call = ["train", str(tagger), "--data", str(SAMPLE), "-K", "3", "--precision", "int8", "--json"]
    assert cli.run(call) == 0
    run = Path(json.loads(capsys.readouterr().out)["run"])
    forget()
    (tmp_path / "net.py").unlink()
    recipe = open_run(run).recipe
    assert recipe.tagger.head.own_loss.startswith("net.py@")
    outputs, wanted = torch.tensor([[0.0], [2.0]]), torch.tensor([[1.0], [1.0]])
    plain = torch.log1p(torch.exp(-outputs[:, 0]))
    focal = (1 - torch.exp(-plain)) ** 2 * plain
    torch.testing.assert_close(recipe.tagger.head.loss(outputs, wanted), focal.sum())
    weights = torch.tensor([3.0, 0.5])
    torch.testing.assert_close(recipe.tagger.head.loss(outputs, wanted, weights), (weights * focal).sum())
    assert cli.run(["export", str(run)]) == 0
    layers = [layer["name"] for layer in json.loads((run / "graph.json").read_text())["layers"]]
    assert "head_hidden_cut" in layers
    assert "head_relu" in layers


def test_a_loss_that_is_none_is_refused_with_its_place(tmp_path, capsys):
    (tmp_path / "net.py").write_text(HEAD)
    tagger = tmp_path / "mine.yaml"
    tagger.write_text("network: net.py:Net\ntraining: {batch_size: 64, iterations: 2}\n")
    call = ["train", str(tagger), "--data", str(SAMPLE), "-K", "3", "--precision", "float"]
    assert cli.run([*call, "--set", f"head.own_loss={tmp_path / 'net.py'}:mean"]) == 2
    assert "must give a loss for each of 64 jets, shape (64,), got () in" in capsys.readouterr().err
    assert cli.run([*call, "--set", f"head.own_loss={tmp_path / 'net.py'}:fokal"]) == 2
    assert "did you mean 'focal'?" in capsys.readouterr().err
    with pytest.raises(Exception, match=r"no effect with head\.own_loss"):
        HeadConfig(regression=("pt",), regression_loss="mse", own_loss="net.py@1:focal")


def test_a_reader_of_ones_own_is_checked_like_any_other(tmp_path, capsys):
    (tmp_path / "reader.py").write_text(READER)
    jets = read_sample("val").leading(4)
    px, py, pz = (jets.p4[..., i] for i in (1, 2, 3))
    pt = np.hypot(px, py)
    eta = np.arcsinh(np.divide(pz, pt, out=np.zeros_like(pz), where=pt > 0))
    fields = np.stack([pt, eta, np.arctan2(py, px)], axis=-1).reshape(len(jets), -1)
    np.savetxt(tmp_path / "jets.momenta", np.column_stack([jets.label, fields]))
    plugin = ["--plugin", str(tmp_path / "reader.py")]
    given, made = str(tmp_path / "jets.momenta"), str(tmp_path / "jets.h5")
    assert cli.run(["data", "convert", given, made]) == 2
    assert "must be a whole HDF5" in capsys.readouterr().err
    assert cli.run(["data", "convert", given, made, *plugin]) == 0
    read = read_jets(Path(made))
    np.testing.assert_array_equal(read.n_constituents, jets.n_constituents)
    np.testing.assert_array_equal(read.label, jets.label)
    np.testing.assert_allclose(read.p4[..., 1:3], jets.p4[..., 1:3], rtol=1e-4, atol=1e-4)
    capsys.readouterr()
    (tmp_path / "jets.momenta").write_text("1 40.0 0.1\n")
    assert cli.run(["data", "convert", given, str(tmp_path / "other.h5"), *plugin]) == 2
    error = capsys.readouterr().err
    assert f"jets.momenta must be readable by momenta, but {tmp_path}/reader.py:9: ValueError: cannot reshape" in error
    assert len(error.strip().splitlines()) == 1
