"""A run says when something that it was made of has changed: a source, a byte of its jets, a constant of the grid."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import h5py
import pytest

from tests.helpers.jets import SAMPLE
from tritag import cli
from tritag.data.jets.trigger_grid import TriggerGrid
from tritag.files import write_json
from tritag.pipeline.evaluate import evaluate_run
from tritag.pipeline.fingerprint import FILE, check_shown, record_step
from tritag.pipeline.opened import OpenedRun, open_run
from tritag.pipeline.sources import changed_sources, digest_sources, source_digest
from tritag.run import Run
from tritag.structured import read_json_if_there

SMALL = ["--set", "training.batch_size=64", "--set", "training.validate_every=4", "--iterations", "4", "-K", "3"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on a jet file of its own, ``own.h5`` in the folder above the runs."""
    root = tmp_path_factory.mktemp("identity")
    shutil.copy(SAMPLE, root / "own.h5")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        patch.setenv("TRITAG_RUNS", "runs")
        assert cli.run(["train", "transformer-2k", "--data", "own.h5", *SMALL]) == 0
        assert cli.run(["export", "transformer-2k"]) == 0
    return root


@pytest.fixture(autouse=True)
def _folder(trained: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(trained)
    monkeypatch.setenv("TRITAG_RUNS", "runs")


def _run(trained: Path) -> Path:
    return next(trained.glob("runs/transformer-2k-k3-int8-*"))


def _refused(message: str, capsys: pytest.CaptureFixture[str]) -> None:
    for command in (
        ["train", "transformer-2k", "--data", "own.h5", *SMALL],
        ["evaluate", "transformer-2k"],
        ["export", "transformer-2k"],
        ["verify", "transformer-2k"],
    ):
        capsys.readouterr()
        assert cli.run(command) == 2, command
        error = " ".join(capsys.readouterr().err.split())
        assert message in error, (command, error)
        assert "--fresh" in error


@pytest.mark.parametrize(
    "name", ["models/nets/transformer.py", "models/layers/attention.py", "quant/ops/attention.py", "quant/ops/gelu.py"]
)
def test_another_source_is_said(name: str, trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The digest of the source is what it was when the run was trained, as if the file had been edited since."""
    path = _run(trained) / FILE
    whole = path.read_text()
    recorded = read_json_if_there(path)
    assert name in recorded["train"]["sources"]
    recorded["train"]["sources"][name] = source_digest("x = 1")
    write_json(path, recorded)
    try:
        _refused(f"source of {name} changed since {_run(trained).name} was trained", capsys)
    finally:
        path.write_text(whole)


def test_another_byte_of_the_jets_is_said(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with h5py.File("own.h5", "r+") as file:
        file["px"][-1] += 1
    try:
        _refused("the content of own.h5 (test) changed since", capsys)
    finally:
        shutil.copy(SAMPLE, "own.h5")


def test_another_constant_of_the_grid_is_said(
    trained: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(TriggerGrid, "PT_LSB_GEV", 0.5)
    _refused("the trigger grid's PT_LSB_GEV (0.25 -> 0.5) changed since", capsys)


def test_the_same_jets_elsewhere_are_the_same_run(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("else").mkdir()
    shutil.copy(SAMPLE, "else/where.h5")
    assert cli.run(["train", "transformer-2k", "--data", "else/where.h5", *SMALL]) == 0
    assert "trained already" in capsys.readouterr().err


def test_comments_and_docstrings_do_not_count() -> None:
    text = 'def f(x):\n    """Say."""\n    return x\n'
    assert source_digest(text)["code"] == source_digest("# more\n" + text.replace("Say", "Tell"))["code"]
    assert source_digest(text)["code"] != source_digest(text.replace("return x", "return -x"))["code"]
    assert source_digest(text)["code"] == "19eddc94538b5d9a"


def test_fresh_trains_the_float_tagger_again(trained: Path) -> None:
    weights = list(trained.glob("runs/*/weights.safetensors"))
    assert len(weights) == 2
    before = {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in weights}
    assert cli.run(["train", "transformer-2k", "--data", "own.h5", *SMALL, "--fresh"]) == 0
    assert all((path.stat().st_ino, path.stat().st_mtime_ns) != before[path] for path in weights)
    assert cli.run(["export", "transformer-2k"]) == 0  # for the other tests


def test_a_report_does_not_show_what_other_sources_made(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = _run(trained) / FILE
    whole = path.read_text()
    recorded = read_json_if_there(path)
    recorded["export"]["sources"]["export/graph.py"] = source_digest("x = 1")
    write_json(path, recorded)
    try:
        assert cli.run(["report", "transformer-2k"]) == 2
        assert "source of export/graph.py changed since" in " ".join(capsys.readouterr().err.split())
    finally:
        path.write_text(whole)
    assert cli.run(["report", "transformer-2k"]) == 0


def test_costs_of_another_counting_are_counted_again(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What ``cost`` kept is read only while the counting is the same; older tritags recorded none of it."""
    call, run = ["cost", "--run", "transformer-2k", "--json"], _run(trained)
    counts, path = run / "cost.json", run / FILE
    assert cli.run(call) == 0
    right = counts.read_text()
    other = {"export/cost.py": source_digest("x = 1")}
    for change, said in ((other, "source of export/cost.py changed"), (None, "an older tritag counted it")):
        recorded = read_json_if_there(path)
        if change is None:
            del recorded["cost"]
        else:
            recorded["cost"]["sources"].update(change)
        write_json(path, recorded)
        write_json(counts, {"macs": 0})
        capsys.readouterr()
        assert cli.run(call) == 0
        assert said in " ".join(capsys.readouterr().err.split())
        assert counts.read_text() == right
    assert cli.run(call) == 0
    assert "again" not in capsys.readouterr().err


def test_another_float_run_is_said(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    weights = next(trained.glob("runs/transformer-2k-k3-float-*")) / "weights.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    try:
        assert cli.run(["report", "transformer-2k"]) == 2
        assert "the float run that it starts from changed since" in " ".join(capsys.readouterr().err.split())
        shutil.move(weights.parent, "aside")
        assert cli.run(["report", "transformer-2k"]) == 2
        assert "needs the float run that it began with, transformer-2k-k3-float-" in capsys.readouterr().err
        shutil.move("aside", weights.parent)
    finally:
        weights.write_bytes(whole)


def test_fresh_forgets_the_checkpoint_at_once(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The new fingerprint must not stand beside weights of the old sources when the command is killed."""
    shutil.copytree("runs", "again")
    monkeypatch.setenv("TRITAG_RUNS", "again")
    checkpoints = [path.parent / "checkpoint.pt" for path in Path("again").glob("*/config.yaml")]
    for path in checkpoints:
        path.write_bytes(b"of other sources")

    def interrupted(*arguments: object, **named: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("tritag.pipeline.train.coded_jets", interrupted)
    cli.run(["train", "transformer-2k", "--data", "own.h5", *SMALL, "--fresh"])
    assert len(checkpoints) == 2
    assert not any(path.exists() for path in checkpoints)


@pytest.mark.parametrize(
    ("step", "source", "done"),
    [
        ("csim", "hls_projects/csim.py", "compiled"),
        ("csim", "hls_projects/nnet_utils/tritag_integer.h", "compiled"),
        ("verify", "hls_projects/emulator/arithmetic.h", "verified"),
        ("verify", "hls_projects/emulator/library.py", "verified"),
    ],
)
def test_verdicts_of_other_sources_are_shown_by_nobody(
    step: str, source: str, done: str, checked: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Page, table and package refuse a C-simulation and a bit check of other sources, headers among them."""
    run = Run.open(checked)
    check_shown(run)
    whole = run.path(FILE).read_text()
    recorded = read_json_if_there(run.path(FILE))
    assert source in recorded[step]["sources"]
    recorded[step]["sources"][source] = {"text": "0" * 16, "code": "0" * 16}
    write_json(run.path(FILE), recorded)
    refused = checked.parents[1] / "refused.tar.gz"
    for command in (["report"], ["compare"], ["package", "--out", str(refused)]):
        capsys.readouterr()
        assert cli.run([command[0], str(checked), *command[1:]]) == 2, command
        error = " ".join(capsys.readouterr().err.split())
        assert f"{source} changed since {checked.name} was {done}; put it back, or run 'tritag {step}" in error
    assert not refused.exists()
    run.path(FILE).write_text(whole)


def test_a_bit_check_that_an_older_tritag_made_is_said(checked: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It cannot be compared, and is no reason to refuse."""
    run = Run.open(checked)
    whole = run.path(FILE).read_text()
    recorded = read_json_if_there(run.path(FILE))
    del recorded["verify"]
    write_json(run.path(FILE), recorded)
    check_shown(run)
    assert f"{checked.name} has a bit check that is not in {FILE}" in " ".join(capsys.readouterr().err.split())
    run.path(FILE).write_text(whole)


@pytest.fixture(scope="module")
def checked(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another such run, with Verilog, a bit check and what a C-simulation writes."""
    runs = tmp_path_factory.mktemp("checked") / "runs"
    shutil.copytree(trained / "runs", runs)
    directory = next(runs.glob("transformer-2k-k3-int8-*"))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(trained)
        assert cli.run(["rtl", str(directory), "--jets", "0"]) == 0
        run = Run.open(directory)
        write_json(run.path("csim.json"), {"golden": {"executor": "hls4ml-csim", "jets": 200, "differ": 0}})
        record_step(run, "csim")
        assert cli.run(["verify", str(directory), "--executors", "pytorch,onnxruntime", "--n-max", "20"]) == 0
    return directory


def test_of_a_header_all_of_the_text_counts(tmp_path: Path) -> None:
    header = tmp_path / "own.h"
    header.write_text("// rounds half up\n")
    digests = digest_sources([header], tmp_path)
    assert changed_sources(digests, tmp_path) == []
    header.write_text("// rounds half down\n")
    assert changed_sources(digests, tmp_path) == ["source of ./own.h changed"]


def test_another_run_answers_to_the_same_jets(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of the first run, wherever the other's own jets are."""
    opened = open_run(_run(trained))
    other = OpenedRun(dataclasses.replace(opened.run, config={**opened.run.config, "data": "elsewhere.h5"}))
    result = evaluate_run(opened, None, other)
    assert result.against.ratios["signal"].value == 1
