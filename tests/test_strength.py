"""Verdicts say how strong they are; a comparison of nothing, and a tagger that gives a constant, have not passed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.helpers.jets import SAMPLE, random_jets
from tritag import cli
from tritag.data.jets.crafted import crafted_codes
from tritag.errors import CheckFailed, DataError
from tritag.export.firmware_layers import FirmwareGraph
from tritag.pipeline.strength import strength_of
from tritag.quant.formats.fixed import Grid
from tritag.quant.ops.jet_scalars import CODE_GRID

K = 3


@pytest.fixture
def rng() -> np.random.Generator:
    """The same numbers in every session."""
    return np.random.default_rng(3)


@pytest.fixture
def graph() -> FirmwareGraph:
    """Inputs of a tagger, without layers."""
    grids = {"codes": CODE_GRID, "count": Grid(0, K, 0)}
    return FirmwareGraph(inputs=["codes", "count"], grids=grids, shapes={"codes": (K, 3), "count": (1,)})


def test_a_verdict_says_what_was_compared(graph, rng):
    codes, count = random_jets(rng, 50, K)
    codes, count = np.clip(codes, -600, 600), np.maximum(count, 1)
    count[:5] = 0
    codes[:, 0, 0] = 100 + np.arange(50)
    codes[10, 0, 0] = CODE_GRID.high
    codes[11, 2], count[11] = CODE_GRID.high, 1  # behind the count: no input of the tagger
    (crafted, number), answers = crafted_codes(K), np.arange(60)
    inputs = np.concatenate([codes, crafted[1:11]]), np.concatenate([count, number[1:11]])
    strength = strength_of(graph, inputs, answers // 2)
    assert (strength.jets, strength.crafted, strength.empty, strength.different) == (60, 10, 5, 55)
    assert strength.saturated >= 1
    assert strength_of(graph, (codes, count), answers[:50]).saturated == 1
    assert strength.outputs == len(np.unique(answers[5:] // 2))
    assert f"compared 60 jets: {10 / 60:.1%} crafted, {5 / 60:.1%} empty, " in str(strength)
    assert "28 different answers to 55 different jets" in str(strength)
    assert strength.as_dict()["crafted_share"] == 10 / 60
    strength.require_enough()


def test_a_comparison_of_nothing_has_not_passed(graph, rng):
    codes, _ = random_jets(rng, 20, K)
    for n in (0, 20):
        strength = strength_of(graph, (codes[:n], np.zeros(n, np.int64)), np.zeros(n, np.int64))
        with pytest.raises(DataError, match=f"must compare jets with candidates, got {n} jets, {n} of them empty"):
            strength.require_enough()


def test_a_constant_has_not_passed(graph, rng):
    codes, count = random_jets(rng, 40, K)
    count[4:] = np.maximum(count[4:], 1)
    answers = np.where(count == 0, -512, 7)
    with pytest.raises(CheckFailed, match=r"but all \d+ have one answer, so that equal integers show nothing"):
        strength_of(graph, (codes, count), answers).require_enough()
    same = np.repeat(codes[5:6], 40, axis=0), np.repeat(count[5:6], 40)
    strength_of(graph, same, np.zeros(40, np.int64)).require_enough()  # one jet, one answer


def test_a_constant_tagger_is_a_failed_training(tmp_path, monkeypatch, capsys):
    """All widths 2: every jet gets one score, which was exit status 0 and AUC 0.5."""
    monkeypatch.setenv("TRITAG_RUNS", str(tmp_path))
    widths = [f"quant.{name}_bits=2" for name in ("activation", "residual", "attention", "bias")]
    changes = [*widths, "quant_training.learning_rate=1", "training.batch_size=64", "training.validate_every=20"]
    call = ["train", "transformer-2k", "--data", str(SAMPLE), "-K", "2", "--precision", "int8", "--iterations", "10"]
    assert cli.run([*call, *(word for change in changes for word in ("--set", change))]) == 1
    told = capsys.readouterr().err.replace("\n", " ")
    assert "a trained tagger must answer jets differently, but gives all " in told
    assert "test jets" in told
    runs = [path for path in Path(tmp_path).glob("*-int8-*") if (path / "metrics.json").exists()]
    assert not runs, "a failed training is none that a name finds"
    assert cli.run(["export", "transformer-2k"]) == 2
    assert "metrics.json must be in" in capsys.readouterr().err


def test_files_of_verdicts_hold_their_strength():
    """What verify.json, csim.json and rtl.json say is plain JSON."""
    grids = {"codes": CODE_GRID, "count": Grid(0, K, 0)}
    graph = FirmwareGraph(inputs=["codes", "count"], grids=grids, shapes={"codes": (K, 3), "count": (1,)})
    codes, count = crafted_codes(K)
    plain = strength_of(graph, (codes, count), np.arange(len(count))).as_dict()
    assert json.loads(json.dumps(plain)) == plain
    assert plain["crafted_share"] == 1.0
