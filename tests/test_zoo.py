"""The zoo: entries give their golden integers, and become the same C++ and Verilog as when they were made."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.helpers import zoo
from tests.helpers.marks import often
from tests.helpers.tolerances import FLOAT32_LOGIT
from tritag import api
from tritag.data.jets.crafted import crafted_codes
from tritag.errors import CheckFailed, ConfigError, DataError, RunError
from tritag.export.model_file import read_model
from tritag.export.rtl.text.delays import DelayModel
from tritag.models.figures.metrics import measure
from tritag.models.nets.registry import load_tagger_config, make_tagger
from tritag.pipeline.equivariance import equivariance_run
from tritag.pipeline.evaluate import evaluate_run
from tritag.pipeline.export import ensure_exported
from tritag.pipeline.recipes import call_of, recipe_of
from tritag.pipeline.report import report_run
from tritag.pipeline.start import load_start, start_of
from tritag.quant.integer.planner import Planner
from tritag.quant.integer.tracer import Tracer
from tritag.quant.ops.op import bind
from tritag.run import Run
from tritag.structured import read_json
from tritag.zoo import FILES, FLOAT, GOLDEN, PREFIX, exact_names, name_in_entry, zoo_names

FAST = "lloca-trigger-fast-2k"
HELD = read_json(zoo.DIGESTS, RunError, "write it with python -m tests.helpers.zoo")


@pytest.fixture(autouse=True)
def _runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRITAG_RUNS", str(tmp_path / "runs"))


@pytest.fixture
def programs_anew() -> Iterator[None]:
    """No op's program is kept from other tests, or for them."""
    bind.cache_clear()
    yield
    bind.cache_clear()


@pytest.mark.parametrize("name", often(exact_names(), {*exact_names()} - {FAST}))
def test_an_entry_becomes_what_it_was(name, tmp_path, monkeypatch):
    monkeypatch.setenv("TRITAG_CACHE", str(tmp_path / "no jets here"))
    exported = api.export(f"{PREFIX}{name}").run  # compares the golden integers
    assert zoo.entry_digests(exported) == HELD[name]
    # a rule of the schedule
    monkeypatch.setattr(DelayModel, "adder", lambda self, bits: self.carry_ns + self.carry_bit_ns * (bits + 2))
    changed = zoo.entry_digests(exported)
    assert {key for key in changed if changed[key] != HELD[name][key]} >= {"verilog"}
    assert (changed["model"], changed["project"]) == (HELD[name]["model"], HELD[name]["project"])


def test_a_new_entry_has_the_figures_of_its_run(tmp_path, monkeypatch):
    exported = api.export(f"{PREFIX}transformer-2k").run
    monkeypatch.setattr(zoo, "ZOO", tmp_path)
    entry = zoo.make_entry(str(exported.run.directory), "again")
    assert sorted(path.name for path in entry.iterdir()) == sorted(name_in_entry(filename) for filename in FILES)
    assert sorted(path.name for path in tmp_path.iterdir() if path.name != "runs") == ["again", "again-float"]
    with np.load(entry / "scores.npz") as file:
        rounded = measure(file["scores"], file["labels"])
    for ours, of_run in zip(rounded.rejections, exported.metrics()["test"]["rejections"], strict=True):
        assert abs(ours.value - of_run["value"]) < 0.1 * of_run["error"]
        assert ours.n_background == of_run["n_background"]


@pytest.mark.parametrize("name", [name for name in zoo_names() if name.endswith(FLOAT)])
def test_a_float_entry_gives_its_golden_logits(name):
    exact = api.open_run(f"{PREFIX}{name.removesuffix(FLOAT)}")
    float_run = exact.float_run()
    assert float_run.directory == api.open_run(f"{PREFIX}{name}").directory
    golden = exact.run.read_npz(GOLDEN, ("codes", "count"))
    expected = float_run.run.read_npz(GOLDEN, ("logit",))["logit"]
    found = zoo.float_logits(float_run, *golden.values())
    assert found.shape == expected.shape
    # in float32 a crafted jet may have an axis of rounding alone
    generated = slice(len(crafted_codes(golden["codes"].shape[1])[1]), None)
    np.testing.assert_allclose(found[generated], expected[generated], rtol=0, atol=FLOAT32_LOGIT)
    assert np.ptp(expected[generated]) > 10


def test_a_training_starts_from_an_entry(tmp_path):
    start = start_of("zoo:transformer-2k")
    assert start == start_of("zoo:transformer-2k-float")
    call = call_of("transformer-2k", recipe_of("transformer-2k", "top-demo", 16, "float", [], start=start))
    assert call["start"] == "zoo:transformer-2k-float"
    shutil.rmtree(tmp_path / "runs")  # tritag clean, or another machine
    network = make_tagger(load_tagger_config("transformer-2k", 16))
    load_start(network, start)
    trained = api.open_run("zoo:transformer-2k-float").tagger().state_dict()
    assert [name for name, own in network.state_dict().items() if not torch.equal(own, trained[name])] == [
        "head.weight",
        "head.bias",
    ]
    with pytest.raises(ConfigError, match=r"the same network and sizes, but heads is 2 in zoo-.* and 4 in the tagger"):
        recipe_of("transformer-2k", "top-demo", 16, "float", ["sizes.heads=4"], start=start)
    with pytest.raises(ConfigError, match="the same network and sizes, but network is transformer in zoo-"):
        recipe_of("lloca-seed-2k", "top-demo", 16, "float", [], start=start)
    recipe_of(FAST, "top-demo", 16, "float", ["sizes.axes=gram"], start=start_of(f"zoo:{FAST}"))
    with pytest.raises(ConfigError, match="must be a run with its float run, got zoo-part-20k-"):
        start_of("zoo:part-20k")


def test_a_run_from_the_zoo_does_not_generate_its_jets(tmp_path, monkeypatch):
    monkeypatch.setenv("TRITAG_CACHE", str(tmp_path / "no jets here"))
    opened = api.open_run("zoo:transformer-2k")
    for step in (evaluate_run, equivariance_run):
        with pytest.raises(DataError, match="its own jets, 605,000 of top-large, which are not in the cache; give"):
            step(opened)


def test_the_float_run_of_an_entry_comes_back(tmp_path):
    opened = api.open_run("zoo:transformer-2k")
    shutil.rmtree(opened.float_run().directory)
    again = api.open_run(opened.directory)  # by its path, so that nothing was copied
    assert again.float_run().directory.name.startswith("zoo-transformer-2k-float-")
    (tmp_path / "elsewhere").mkdir()
    assert api.open_run(shutil.copytree(opened.directory, tmp_path / "elsewhere" / opened.name)).float_run() is not None


def test_the_report_of_an_entry_compares_no_single_jets():
    curves = report_run(api.open_run(f"{PREFIX}{FAST}")).summary["curves"]["signal"]
    assert sorted(curves["taggers"]) == ["float", "quantized"]
    assert [*curves] == ["taggers"]


def test_two_commands_export_an_entry_once(monkeypatch):
    made = []
    entry = f"{PREFIX}transformer-2k"

    def exported(opened):
        made.append(opened.name)
        opened.run.path("model.qonnx.onnx").write_bytes(b"0")

    monkeypatch.setattr("tritag.pipeline.export._exported", exported)
    opened = api.open_run(entry)
    ensure_exported(opened)
    ensure_exported(opened)  # as a command that found nothing, and waited
    assert made == [opened.name]


@pytest.mark.usefixtures("programs_anew")
def test_one_entry_of_a_table_is_seen(monkeypatch):
    def declare(self, name, entries, size=None):
        found = declared(self, name, entries, size)
        values = list(self.program.tables[name])
        values[len(values) // 2] += 1
        self.program.tables[name] = tuple(values) if self.program.name == "gelu" else self.program.tables[name]
        return found

    declared = Tracer.table
    monkeypatch.setattr(Tracer, "table", declare)
    monkeypatch.setattr("tritag.pipeline.export.require_golden", lambda opened, outputs: None)
    exported = api.export(f"{PREFIX}{FAST}").run
    model = read_model(exported.run.path("model.qonnx.onnx"))
    assert zoo.digest_of(model.SerializeToString(deterministic=True)) != HELD[FAST]["model"]


@pytest.mark.usefixtures("programs_anew")
def test_a_rounding_is_seen(monkeypatch):
    monkeypatch.setattr(Planner, "rsh", Planner.shr)
    with pytest.raises(CheckFailed, match=r"golden integers, but [1-9]\d* of 462 jets differ"):
        api.export(f"{PREFIX}{FAST}")


def test_names_and_files(tmp_path):
    with pytest.raises(RunError, match="lloca-trigger-fast-2k"):
        Run.open(f"{PREFIX}lloca-triger-fast-2k")
    opened = api.open_run(f"{PREFIX}{FAST}")
    assert opened.directory.parent == tmp_path / "runs"
    assert opened.name.startswith(f"zoo-{FAST}-")
    assert Run.open(opened.name).directory == opened.directory
    assert opened.float_run().name.startswith(f"zoo-{FAST}-float-")
    assert api.open_run(f"{PREFIX}part-20k").float_run() is None
    with opened.run.path("weights.safetensors").open("ab") as file:
        file.write(b"0")
    with pytest.raises(RunError, match=r"weights.safetensors must be as this tritag's zoo has it, .*; remove "):
        api.open_run(f"{PREFIX}{FAST}")


def test_entries_are_small_and_say_where_they_come_from():
    sizes = {name: sum(f.stat().st_size for f in (zoo.ZOO / name).iterdir()) for name in zoo_names()}
    assert sorted(HELD) == exact_names()
    assert {name.removesuffix(FLOAT) for name in sizes} == {*HELD}
    assert max(sizes.values()) <= zoo.LARGEST_ENTRY_BYTES
    assert sum(sizes.values()) <= zoo.LARGEST_ZOO_BYTES
    for name in sizes:
        assert sorted(f.name for f in (zoo.ZOO / name).iterdir()) == sorted(map(name_in_entry, zoo.FILES))
        trained = json.loads((zoo.ZOO / name / "provenance.json").read_text())["train"]
        assert len(trained["git_commit"]) == 40
        assert trained["git_changed"] is False
        assert (zoo.ZOO / name / GOLDEN).is_file()


def test_the_page_shows_the_entries():
    assert zoo.page() == zoo.PAGE.read_text(encoding="utf-8")
