"""``tritag data`` from the command line."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.helpers.jets import SAMPLE
from tritag.cli import run
from tritag.data.jets.jets import JetBatch
from tritag.data.jets.store import read_info, write_jets
from tritag.data.simulation.sample import read_sample

from .conftest import random_batch


@pytest.fixture
def path(tmp_path: Path, batch: JetBatch) -> Path:
    """A small jet file."""
    write_jets(tmp_path / "jets.h5", batch, splits={"train": (0, 15), "test": (15, 20)}, settings={"a": 1}, seed=3)
    return tmp_path / "jets.h5"


def test_info(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["data", "info", str(path)]) == 0
    text = capsys.readouterr().out
    assert "jets: 20" in text
    assert "(verified)" in text
    assert run(["data", "info", str(path), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["splits"] == {"train": [0, 15], "test": [15, 20]}
    assert sum(facts["counts"]["train"].values()) == 15


def test_check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_jets(tmp_path / "sample.h5", read_sample())
    # the sample holds the leading 64 constituents only, which the check notices
    assert run(["data", "check", str(tmp_path / "sample.h5"), "--json"]) == 1
    captured = capsys.readouterr()
    assert {row["verdict"] for row in json.loads(captured.out)} == {"ok", "off"}
    assert "figures differ from the public top-tagging set" in captured.err
    assert run(["data", "check", str(tmp_path / "sample.h5")]) == 1
    assert "verdict" in capsys.readouterr().out


def test_check_and_compare_of_other_classes(
    tmp_path: Path, batch: JetBatch, capsys: pytest.CaptureFixture[str]
) -> None:
    jets = random_batch(1, 150)
    five = replace(jets, label=np.arange(150) % 5, classes=tuple("gqWZt"))
    cuts = {"jet_pt_min_gev": 0.5, "jet_pt_max_gev": 5000.0, "jet_abs_eta_max": 9.0}
    write_jets(tmp_path / "five.h5", five[five.n_constituents > 0], settings=cuts)
    assert run(["data", "check", str(tmp_path / "five.h5")]) == 0
    captured = capsys.readouterr()
    assert "no target" in captured.out
    assert "no public figures are known for the classes g, q, W, Z, t" in captured.err
    cuts["jet_pt_max_gev"] = 1.0
    write_jets(tmp_path / "hard.h5", five, settings=cuts)
    assert run(["data", "check", str(tmp_path / "hard.h5")]) == 1
    assert "differ from its settings: jets outside pT 0..1 GeV (all)" in capsys.readouterr().err
    write_jets(tmp_path / "two.h5", batch)
    assert run(["data", "compare", str(tmp_path / "five.h5"), str(tmp_path / "two.h5")]) == 2
    error = capsys.readouterr().err
    assert "sets to compare must have the same classes, got g, q, W, Z, t and background, signal" in error


def test_compare(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_jets(tmp_path / "jets.h5", read_sample())
    # a set cannot be told from itself, and cross-validation even anticorrelates with equal jets
    assert run(["data", "compare", *[str(tmp_path / "jets.h5")] * 2, "--json"]) == 0
    results = json.loads(capsys.readouterr().out)
    assert set(results) == {"QCD", "top"}
    assert all(result["auc"] < 0.6 and result["n_jets"] == 200 for result in results.values())


def test_convert(path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "cut.h5"
    assert run(["data", "convert", str(path), str(target), "--leading", "4"]) == 0
    assert "20 jets" in capsys.readouterr().out
    assert read_info(target).n_constituents <= 80
    assert run(["data", "convert", str(path), str(target)]) == 2
    assert "must not exist yet" in capsys.readouterr().err


def test_convert_says_that_a_part_has_no_splits(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And the command that it names makes them."""
    part = tmp_path / "part.h5"
    assert run(["data", "convert", str(SAMPLE), str(part), "--n-max", "390"]) == 0
    said = " ".join(capsys.readouterr().err.split())
    assert "the splits train, val, test are left out, since 390 of 400 jets are copied; 'tritag data join" in said
    command = shlex.split(said.partition("'tritag ")[2].partition("' makes")[0])
    assert run(command) == 0
    assert set(read_info(tmp_path / "part-with-splits.h5").splits) == {"train", "val", "test"}
    assert run(["data", "convert", str(SAMPLE), str(tmp_path / "test.h5"), "--n-max", "5", "--split", "test"]) == 0
    assert "left out" not in capsys.readouterr().err


def test_make(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("pythia8mc", reason="pythia8mc is not installed")
    pytest.importorskip("fastjet", reason="fastjet is not installed")
    config = tmp_path / "few.yaml"
    config.write_text(
        "train: {signal: 2, background: 2}\nval: {signal: 0, background: 0}\ntest: {signal: 1, background: 1}\n"
        "multiparton_interactions: false\nevents_per_batch: 30\n"
    )
    arguments = ["data", "make", str(config), "--out", str(tmp_path / "few.h5"), "--processes", "1"]
    assert run(arguments) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "few.h5")
    assert read_info(tmp_path / "few.h5").n_jets == 6
    assert run(arguments) == 0


def test_errors_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.savez(tmp_path / "odd.npz", p4=np.zeros((2, 3)), n_constituents=np.zeros(2))
    for arguments, message in (
        (["check", str(tmp_path / "none.h5")], "jet file must exist"),
        (["check", str(tmp_path / "odd.npz")], "p4 must have shape"),
        (["info", str(tmp_path / "odd.npz")], "truncated or damaged"),
        (["make", "topp"], "did you mean 'top'?"),
    ):
        assert run(["data", *arguments]) == 2
        error = capsys.readouterr().err
        assert message in error
        assert "Traceback" not in error
