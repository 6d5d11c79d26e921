"""``tritag check TAGGER``: costs by module of an untrained network, and refusals that name module, file and line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.helpers.pages import commands_of
from tritag import cli
from tritag.export.cost import count_cost
from tritag.pipeline import check_tagger as step
from tritag.pipeline.check_costs import module_costs
from tritag.pipeline.check_tagger import TaggerCheck, check_tagger

EXAMPLES = Path(__file__).resolve().parents[1] / "examples" / "taggers"
NETWORKS = """
import torch
from torch import nn
from tritag.models.layers.linear import Linear
from tritag.models.layers.pool import MeanPool
from tritag.models.layers.scalars import N_SCALARS, JetScalars
from tritag.models.layers.tagger import Tagger
from tritag.quant.formats.tensor import FixedTensor
from tritag.quant.layers.factory import quantizes


class Lonely(nn.Module):
    def forward(self, x):
        return x.abs()


class Sigmoid(nn.Module):
    def forward(self, x):
        return torch.sigmoid(x)


class InFloats(nn.Module):
    def forward(self, x):
        return FixedTensor(torch.sigmoid(x.value), x.grid)


@quantizes(Sigmoid)
def in_floats(layers):
    return InFloats()


class Base(Tagger):
    def __init__(self, layers, n_constituents: int) -> None:
        super().__init__()
        self.scalars, self.pool = layers(JetScalars, n_constituents), layers(MeanPool, n_constituents)
        self.embed = layers(Linear, N_SCALARS, 2, role="input")
        self.head = layers(Linear, 2, layers.n_outputs, role="output")
        self.more = nn.ModuleList(self.made(layers))

    def made(self, layers):
        return []

    def inputs(self, codes, count):
        return self.scalars(codes, count)

    def score(self, inputs, count):
        x = self.embed(inputs)
        for part in self.more:
            x = part(x)
        return self.head(self.pool(x, count))


class NoForm(Base):
    def made(self, layers):
        return [layers(Lonely), layers(Lonely)]  # here A


class Plain(Base):
    def made(self, layers):
        return [nn.Linear(2, 2)]


class Unknown(Base):
    def made(self, layers):
        return [layers(Sigmoid)]  # here B
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("my networks")
    (made / "nets.py").write_text(NETWORKS)
    for name in ("NoForm", "Plain", "Unknown"):
        (made / f"{name}.yaml").write_text(f"network: nets.py:{name}\n")
    return made


def check(folder: Path, name: str) -> TaggerCheck:
    return check_tagger(str(folder / f"{name}.yaml"), constituents=2)


def line(text: str) -> int:
    return next(n for n, row in enumerate(NETWORKS.splitlines(), 1) if text in row)


def test_every_kind_without_a_quantized_form_is_named_with_the_line_that_asks_for_it(folder):
    found = check(folder, "NoForm")
    assert [(r.step, r.module, r.kind) for r in found.refused] == [
        ("quantized form", "more.0", "Lonely"),
        ("quantized form", "more.1", "Lonely"),
    ]
    assert {r.place for r in found.refused} == {f"{folder}/nets.py:{line('here A')}"}
    assert "write one with @quantizes(Lonely)" in found.refused[0].reason


def test_a_module_made_without_the_factory_is_named_with_the_line_that_calls_it(folder):
    (refusal,) = check(folder, "Plain").refused
    assert (refusal.step, refusal.module, refusal.kind) == ("forward pass", "more.0", "Linear")
    assert refusal.place == f"{folder}/nets.py:{line('x = part(x)')}"
    assert "make a layer of this with layers(...)" in refusal.reason


def test_a_node_without_firmware_is_named_by_its_module(folder):
    (refusal,) = check(folder, "Unknown").refused
    assert (refusal.step, refusal.module, refusal.kind) == ("export", "more.0", "Sigmoid")
    assert refusal.place == f"{folder}/nets.py:{line('here B')}"
    assert "Sigmoid 'more_0_sigmoid' must have or be one of: MatMul" in refusal.reason


def test_widths_that_no_tensor_holds_are_named_by_their_layer():
    wide = ["quant.activation_bits=16", "quant.bias_bits=16", "sizes.channels=4"]
    (refusal,) = check_tagger("transformer-2k", constituents=2, settings=wide).refused
    assert refusal.module == "blocks.0.attention"
    assert "integers must fit 24 bits" in refusal.reason


def test_costs_are_those_of_the_exported_file_and_its_verilog(monkeypatch):
    seen = []
    monkeypatch.setattr(step, "module_costs", lambda *given: seen.append(given) or module_costs(*given))
    found = check_tagger(str(EXAMPLES / "jedi_linear.yaml"), constituents=2, settings=["sizes.channels=2"])
    found.require_accepted()
    ((graph, _, _, design),) = seen
    assert sum(m.multiplications for m in found.modules) == count_cost(graph)["macs"]
    assert sum(m.lut or 0 for m in found.modules) == sum(k.cost.lut * k.instances for k in design.kernels)
    assert found.design is not None
    assert found.design["estimate"] == design.estimate()
    assert max(m.ready_cycle or 0 for m in found.modules) <= found.latency_cycles == design.latency_cycles
    names = [m.module for m in found.modules]
    assert names == ["scalars", "embed", "first", "own", "mean", "others", "add", "second", "pool", "head", ""]
    own = found.modules[names.index("own")]
    source = (EXAMPLES / "jedi_linear.py").read_text().splitlines()
    assert own.kind == "Linear"
    assert "self.own" in source[int(own.place.rpartition(":")[2]) - 1]


def test_the_commands_of_the_page_print_and_end_with_a_status(folder, capsys, monkeypatch):
    monkeypatch.chdir(EXAMPLES.parents[1])
    calls = [call for call in commands_of("bring-your-own.md") if call[0] == "check"]
    assert len(calls) == 2
    for call in calls:
        assert cli.run([*call, "-K", "2", "--set", "sizes.channels=2"]) == 0
        shown = capsys.readouterr().out
        assert "goes the whole way" in shown
        assert "│ embed" in shown
    assert "on xcu250-figd2104-2L-e" in shown
    assert "at the assumed 250 MHz, II 25" in shown
    call = calls[0]
    assert cli.run(["check", str(folder / "Plain.yaml"), "-K", "2", "--json"]) == 1
    printed = capsys.readouterr()
    assert json.loads(printed.out)["refused"][0]["module"] == "more.0"
    assert "has no firmware as it is; refused: 1" in printed.err
    assert cli.run([*call, "--beats", "99"]) == 2
    assert "beats must lie in [1, 54]" in capsys.readouterr().err
    assert cli.run([*call, "--precision", "float"]) == 2
    assert cli.run([*call, "--inputs", "grid.yaml"]) == 2
    assert cli.run(["check", "transformer-2j"]) == 2
    assert "did you mean 'transformer-2k'?" in capsys.readouterr().err
