"""Advice in messages is a command that works: it is run as it was printed, and then the step that failed goes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml

from tests.helpers.advised import advised
from tests.helpers.jets import SAMPLE
from tests.helpers.vendor import UTILIZATION
from tritag import cli
from tritag.configs import load_config
from tritag.data.simulation.sample import read_sample
from tritag.export.naming import Naming

SMALL = ["--data", str(SAMPLE), "-K", "2", "--set", "training.batch_size=64", "--set", "training.validate_every=4"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trained and exported run, under a path with a blank and a quote."""
    root = tmp_path_factory.mktemp("advice") / "it's my runs"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRITAG_RUNS", str(root))
        assert cli.run(["train", "transformer-2k", *SMALL, "--iterations", "8"]) == 0
        directory = next(root.glob("transformer-2k-k2-int8-ternary-*"))
        assert cli.run(["export", str(directory)]) == 0
    return directory


@pytest.fixture(autouse=True)
def _runs(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRITAG_RUNS", str(run.parent))


def follow(command: list[str], capsys: pytest.CaptureFixture[str], filled: dict[str, list[str]] | None = None) -> None:
    """``command`` is refused; the first advice in its message is run, and then it goes."""
    capsys.readouterr()
    assert cli.run(command) == 2
    message = capsys.readouterr().err
    words = [w for word in advised(message)[0] for w in (filled or {}).get(word, [word])]
    assert cli.run(words) == 0, (message, words)
    assert cli.run(command) == 0, message


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize(
    ("file", "damage", "command"),
    [
        (
            "model.qonnx.onnx",
            Path.unlink,
            ["score", "{run}", "--jets", str(SAMPLE), "--executor", "onnxruntime", "--out"],
        ),
        ("weights.safetensors", cut, ["evaluate", "{run}"]),
        ("scores.npz", cut, ["report", "{run}"]),
        ("fingerprint.json", cut, ["evaluate", "{run}"]),
        pytest.param("weights.safetensors", Path.unlink, ["evaluate", "{run}"], marks=pytest.mark.long),
        pytest.param("metrics.json", Path.unlink, ["report", "{run}"], marks=pytest.mark.long),
    ],
)
def test_what_is_missing_or_damaged_is_made_again(run, tmp_path, capsys, file, damage, command):
    damage(run / file)
    words = [word.format(run=run) for word in command]
    follow([*words, str(tmp_path / "scores.h5")] if words[-1] == "--out" else words, capsys)
    assert cli.run(["export", str(run)]) == 0


def test_a_jet_file_is_converted(run, tmp_path, capsys):
    jets, made = tmp_path / "jets.npz", tmp_path / "own jets.h5"
    batch = read_sample("test")
    np.savez(jets, p4=batch.p4, n_constituents=batch.n_constituents, label=batch.label)
    follow(["data", "info", str(made)], capsys, {"make": ["convert"], "CONFIG": [str(jets), str(made)]})


def test_names_are_listed(run, capsys):
    assert cli.run(["cost", "paper"]) == 2
    assert [cli.run(words) for words in advised(capsys.readouterr().err)] == [0]


def test_the_first_training(run, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("TRITAG_RUNS", str(tmp_path / "none"))
    assert cli.run(["runs"]) in (0, 2)
    shown = capsys.readouterr()
    (words,) = advised(shown.out + shown.err)
    assert words == ["train", "TAGGER"]
    assert cli.run(["train", "transformer-2k", *SMALL, "--iterations", "4", "--precision", "float"]) == 0
    assert cli.run(["runs"]) == 0


@pytest.mark.long
def test_jets_are_made(run, tmp_path, capsys):
    few, made = tmp_path / "few.yaml", tmp_path / "few.h5"
    sizes = {split: {"signal": 4, "background": 4} for split in ("train", "val", "test")}
    few.write_text(yaml.safe_dump(load_config("data", "tiny") | sizes))
    follow(["data", "info", str(made)], capsys, {"CONFIG": [str(few), "--out", str(made)]})


@pytest.mark.long
def test_verilog_is_made(run, tmp_path, capsys):
    follow(["package", str(run), "--out", str(tmp_path / "tagger.tar.gz")], capsys)


@pytest.mark.long
def test_a_vendor_s_report_finds_the_verilog(run, tmp_path, capsys):
    (run / "rtl.json").unlink(missing_ok=True)
    report = tmp_path / "utilization.rpt"
    report.write_text(UTILIZATION.replace("tag_v1", Naming.of_run(run.name).full))
    follow(["rtl", str(run), "--vendor-report", str(report)], capsys)
