"""Names out of files become paths, C++, Verilog and Tcl: what could end a word or a comment is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from onnx import helper

from tests.helpers.forgery import one_op_file
from tests.helpers.op_cases import OP_CASES
from tritag.errors import ConfigError, ExportError, RunError
from tritag.export.graph import read_graph
from tritag.export.naming import Naming
from tritag.export.qonnx_file import METADATA_OUTPUTS
from tritag.hls_projects.target import load_target
from tritag.models.nets.registry import load_tagger_config
from tritag.quant.integer.tracer import Tracer
from tritag.run import Run

ODD = ("a\nb", 'a"b', "a;exit", "[exit]", "$a", "a{b", "a}b", "a\\b", "*/ x /*", "`define", "", "a\0")
WORDS = (*ODD, " ", "a b", "a'b", "../a", "ü", "a/b")


@pytest.mark.parametrize("part", WORDS)
def test_the_part_of_a_target(part: str, tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(yaml.safe_dump({"part": part, "clock_period_ns": 2.5, "interval_cycles": 54}), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"part must be a part's full name"):
        load_target(path)


@pytest.mark.parametrize("key", ["clock_period_ns", "interval_cycles", "clock_uncertainty_percent"])
@pytest.mark.parametrize("value", ODD)
def test_the_numbers_of_a_target(key: str, value: str, tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    settings = {"part": "p", "clock_period_ns": 2.5, "interval_cycles": 54, key: value}
    path.write_text(yaml.safe_dump(settings), encoding="utf-8")
    with pytest.raises(ConfigError, match=key):
        load_target(path)


@pytest.mark.parametrize("name", WORDS)
def test_names_of_artefacts_and_programs(name: str) -> None:
    with pytest.raises(ConfigError, match="--name must be letters, digits and '_'"):
        Naming(name)
    t = Tracer(name, 1)
    t.output("y", t.input("x", 0, 3))
    with pytest.raises(ExportError, match="must be named by letters, digits and _"):
        read_graph(one_op_file(t.program, 1))


@pytest.mark.parametrize("name", [*ODD, "../a"])
def test_names_of_classes(name: str, tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(
        yaml.safe_dump({"network": "transformer", "head": {"classes": ["qcd", name], "background": ["qcd"]}})
    )
    if name != "../a":  # stands in comments and tables alone
        with pytest.raises(ConfigError, match=r"must be named by 1 to 100 printable characters"):
            load_tagger_config(path)
    bound, rows = OP_CASES["mean_pool_n5"]()
    model = one_op_file(bound.program, rows)
    helper.set_model_props(
        model, {p.key: p.value for p in model.metadata_props} | {METADATA_OUTPUTS: json.dumps([name])}
    )
    with pytest.raises(ExportError, match="graph lint"):
        read_graph(model)


@pytest.mark.parametrize("name", [n for n in WORDS if n != "a'b"])
def test_names_of_runs(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRITAG_RUNS", str(tmp_path))
    with pytest.raises(RunError, match="a run's name must begin with a letter or digit"):
        Run.create(name, {"seed": 1})
    assert not list(tmp_path.iterdir())
