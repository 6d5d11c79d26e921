"""A head with several outputs by the commands: pretrained, exported, checked, and fine-tuned under another head."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import yaml

from tests.helpers.heads import CLASSES
from tests.helpers.jets import SAMPLE
from tritag import cli
from tritag.data.jets.store import write_jets
from tritag.data.simulation.sample import read_sample
from tritag.structured import read_json_if_there

TAGGER = {"network": "transformer", "n_constituents": 4, "sizes": {"blocks": 1, "channels": 4, "heads": 2}}
SMALL = ["--set", "training.batch_size=64", "--set", "training.validate_every=10", "--iterations", "10"]
HEAD = ["--set", f"head.classes=[{', '.join(CLASSES)}]", "--set", "head.regression=[pt, mass]"]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with a five-class set and a tagger's file."""
    root = tmp_path_factory.mktemp("heads")
    batch = read_sample()
    truth = 1.1 * batch.p4.sum(axis=1)
    five = dataclasses.replace(batch, label=np.arange(len(batch)) % 5, truth=truth, classes=CLASSES)
    write_jets(root / "five.h5", five, splits={"train": (0, 200), "val": (200, 300), "test": (300, 400)})
    (root / "tiny.yaml").write_text(yaml.safe_dump(TAGGER))
    return root


@pytest.fixture(autouse=True)
def _runs(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRITAG_RUNS", str(root / "runs"))


@pytest.fixture(scope="module")
def run(root: Path) -> Path:
    """A quantized run with five classes and two regressed quantities."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRITAG_RUNS", str(root / "runs"))
        assert train(root, "five.h5", *HEAD) == 0
    return next((root / "runs").glob("tiny-k4-int8-*"))


def train(root: Path, data: str | Path, *more: str, precision: str = "int8") -> int:
    """Exit status of a short training."""
    command = ["train", str(root / "tiny.yaml"), "--data", str(root / data), "--precision", precision, *SMALL, *more]
    return cli.run(command)


def test_figures_of_all_outputs(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    metrics = read_json_if_there(run / "metrics.json")["test"]
    assert [c["name"] for c in metrics["classes"]] == list(CLASSES)
    assert [r["quantity"] for r in metrics["regression"]] == ["pt", "mass"]
    assert np.load(run / "scores.npz")["scores"].shape == (100, 7)
    float_run = next(run.parent.glob("tiny-k4-float-*"))
    assert cli.run(["evaluate", str(run), "--against", str(float_run), "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["regression"] == metrics["regression"]
    assert set(result["against"]) == {"run", "W", "Z", "t"}
    assert cli.run(["report", str(run)]) == 0
    assert "pt: resolution" in capsys.readouterr().out


def test_exported_outputs(run: Path) -> None:
    assert cli.run(["export", str(run)]) == 0
    summary = read_json_if_there(run / "graph.json")
    assert summary["outputs"] == ["outputs"]
    assert summary["output_names"] == [*CLASSES, "pt", "mass"]
    assert summary["ports"]["outputs"]["shape"] == [1, 7]
    with np.load(run / "vectors.npz") as vectors:
        assert vectors["logit"].shape == (len(vectors["count"]), 7)


def test_equivariance_needs_a_logit(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["equivariance", str(run)]) == 2
    assert (
        "must have a logit alone, but has the outputs ['g', 'q', 'W', 'Z', 't', 'pt', 'mass']"
        in capsys.readouterr().err
    )


def test_fine_tuning_with_a_head_swap(run: Path, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    start = ["--start", run.name, "--body-rate", "0.5"]
    assert train(root, SAMPLE, *start) == 0
    fine = Path(capsys.readouterr().out.strip())
    float_run = json_of(run)["float_run"]
    config = yaml.safe_load((fine / "config.yaml").read_text())["config"]
    assert config["start"]["run"] == float_run, "a quantized run stands for the float one that it came from"
    assert config["start"]["body_rate"] == 0.5
    assert json_of(fine)["start"] == config["start"]
    assert read_json_if_there(fine / "provenance.json")["train"]["start"] == config["start"]
    assert "classes" not in json_of(fine)["test"]
    # the same command finds it; from scratch is another run
    assert train(root, SAMPLE, *start) == 0
    assert "trained already" in capsys.readouterr().err
    assert train(root, SAMPLE, precision="float") == 0
    scratch = Path(capsys.readouterr().out.strip())
    assert scratch.name not in (fine.name, json_of(fine)["float_run"])
    assert cli.run(["evaluate", str(fine), "--against", str(scratch)]) == 0
    assert "rejection at signal efficiency 0.3 relative to" in capsys.readouterr().out


def json_of(run: Path) -> dict[str, object]:
    """metrics.json of a run."""
    return read_json_if_there(run / "metrics.json")


def test_wrong_starts_are_refused(run: Path, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def error(*more: str, data: str | Path = SAMPLE) -> str:
        assert train(root, data, "--iterations", "11", *more, precision="float") == 2
        return capsys.readouterr().err

    assert "--body-rate needs --start, got 0.5" in error("--body-rate", "0.5")
    assert "unknown run 'none'" in error("--start", "none")
    assert "--start must be the whole name of a run" in error("--start", "tiny-k4-int8")
    assert "the same network and sizes, but channels is 4 in tiny-k4-float" in error(
        "--start", run.name, "--set", "sizes.channels=8"
    )
    assert "must have the head's classes" in error(*HEAD)
    assert "unknown key in head 'clases'; did you mean 'classes'" in error("--set", "head.clases=[a, b]")


def test_a_head_follows_the_classes_of_the_jets(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A binary tagger on jets of five classes gets a score for each, and says so."""
    assert train(root, "five.h5", "--iterations", "11", precision="float") == 0
    assert "five.h5 has 5 classes: the head gets a score for each (g, q, W, Z, t)" in capsys.readouterr().err


def test_a_start_with_other_weights_is_refused(run: Path, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from tritag.errors import ConfigError, RunError
    from tritag.pipeline.start import load_start, start_of

    start = start_of(str(run))
    with pytest.raises(RunError, match="must have the weights it had when the fine-tuning was named"):
        load_start(None, dataclasses.replace(start, weights="0"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRITAG_RUNS", str(root / "elsewhere"))
        with pytest.raises(ConfigError, match="--start must name a run in"):
            start_of(str(run))


def test_a_study_compares_class_by_class(run: Path, root: Path) -> None:
    from tritag.farm import Farm
    from tritag.pipeline.points.call import Call
    from tritag.pipeline.study.config import StudyConfig, StudyRow
    from tritag.pipeline.study.scheduler import do_all
    from tritag.pipeline.study.table import study_entries
    from tritag.report.study import study_rows

    rows = tuple(StudyRow(str(root / "tiny.yaml"), precision) for precision in ("int8", "float"))
    settings = (*HEAD[1::2], "training.batch_size=64", "training.validate_every=10", "training.iterations=10")
    config = StudyConfig(str(root / "five.h5"), rows, settings=settings)
    do_all(config, Farm(processes=1), Call("study", "five"))
    table = study_rows(study_entries(config))
    assert [row["tagger"].split(": ")[1] for row in table] == [f"{name} against g+q" for name in "WZt"] * 2
    assert "ratio" not in table[3]
    assert table[0]["reference"] == table[3]["tagger"]
