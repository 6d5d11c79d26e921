"""Run directories: naming, opening, missing and damaged files, other versions."""

from __future__ import annotations

import enum
import getpass
import json
import os
import platform
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tritag.commands import COMMANDS
from tritag.environment import cache_folder, runs_root
from tritag.errors import RunError
from tritag.files import write_json
from tritag.run import Run, list_runs
from tritag.steps import STEPS, steps_built_on
from tritag.structured import read_json_if_there

CONFIG = {"tagger": {"network": "transformer", "n_constituents": 16}, "rate": 1e-3, "seed": 1}


@pytest.fixture(autouse=True)
def _runs_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TRITAG_RUNS", raising=False)


def _make_older(run: Run, seconds: int) -> None:
    path = run.path("config.yaml")
    stamp = path.stat().st_mtime - seconds
    os.utime(path, (stamp, stamp))


def test_create_then_open_gives_the_same_run():
    run = Run.create("transformer-2k", CONFIG)
    assert run.directory == Path("runs") / f"transformer-2k-{run.digest}"
    for where in (run.directory, str(run.directory), run.directory.name, "transformer-2k"):
        assert Run.open(where) == run
    assert run.config == CONFIG
    assert yaml.safe_load(run.path("config.yaml").read_text())["run_format"] == 2


def test_the_same_settings_give_the_same_directory_and_others_another():
    first = Run.create("t", CONFIG)
    assert Run.create("t", dict(reversed(CONFIG.items()))).directory == first.directory
    assert Run.create("t", {**CONFIG, "seed": 2}).directory != first.directory


def test_the_runs_folder_comes_from_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("TRITAG_RUNS", str(tmp_path / "elsewhere"))
    assert Run.create("t", CONFIG).directory.parent == tmp_path / "elsewhere"


def test_settings_are_stored_as_plain_yaml():
    class Mode(enum.StrEnum):
        FAST = "fast"

    @dataclass(frozen=True)
    class Inner:
        bits: tuple[int, ...] = (4, 8)
        path: Path = Path("a/b")
        mode: Mode = Mode.FAST

    run = Run.create("t", {"inner": Inner(), "none": None, "tiny": 1e-30, "text": "1e-3", "yes": "no"})
    expected = {"inner": {"bits": [4, 8], "path": "a/b", "mode": "fast"}, "none": None, "tiny": 1e-30}
    assert Run.open(run.directory).config == {**expected, "text": "1e-3", "yes": "no"}


def test_settings_that_yaml_cannot_hold_are_refused():
    with pytest.raises(RunError, match=r"settings must be numbers, texts, lists and mappings, got .* \(object\)"):
        Run.create("t", {"thing": object()})
    assert list_runs() == []


@pytest.mark.parametrize("name", ["", "../up", "a/b", ".hidden", "with space", "-x"])
def test_a_name_that_is_no_directory_name_is_refused(name):
    with pytest.raises(RunError, match="run's name must begin with a letter or digit"):
        Run.create(name, CONFIG)


def test_a_taggers_name_opens_its_newest_run():
    old, new, other = (
        Run.create("t", {"seed": 1}),
        Run.create("t", {"seed": 2}),
        Run.create("t-long", {"seed": 3}),
    )
    _make_older(old, 100)
    _make_older(new, 50)
    assert Run.open("t") == new
    assert list_runs() == [other.directory.name, new.directory.name, old.directory.name]


def test_an_unknown_run_lists_the_candidates_and_the_command():
    run = Run.create("transformer-2k", CONFIG)
    pattern = (
        rf"unknown run 'transfomer-2k'; did you mean 'transformer-2k'\? Valid: .*{run.directory.name}.*tritag train"
    )
    with pytest.raises(RunError, match=pattern):
        Run.open("transfomer-2k")


def test_many_runs_give_a_short_message():
    for seed in range(40):
        Run.create("t", {"seed": seed})
    with pytest.raises(RunError) as caught:
        Run.open("x")
    assert str(caught.value).count("t-") <= 10


def test_without_runs_the_message_says_how_to_make_one():
    with pytest.raises(RunError, match=r"there are no runs in runs; make it|train one with 'tritag train TAGGER'"):
        Run.open("transformer-2k")


@pytest.mark.parametrize("where", ["", " "])
def test_an_empty_name_is_refused(where):
    with pytest.raises(RunError, match="must be a directory or a tagger's name"):
        Run.open(where)


def test_a_folder_that_is_no_run_is_refused(tmp_path):
    (tmp_path / "models").mkdir()
    with pytest.raises(RunError, match=r"must hold config.yaml, got models"):
        Run.open("models")


@pytest.mark.parametrize(
    ("filename", "command"),
    [
        ("weights.safetensors", r"tritag.train\('t'"),
        ("metrics.json", r"tritag.train\('t'"),
        ("vectors.npz", "tritag export runs/t-"),
        ("csim.json", "tritag csim runs/t-"),
        ("hls/firmware/myproject.cpp", "tritag csim runs/t-"),
        ("report.html", "tritag report runs/t-"),
    ],
)
def test_a_missing_file_names_the_command_that_makes_it(filename, command):
    run = Run.create("t", CONFIG)
    with pytest.raises(RunError, match=rf"{filename} must be in .*, but it is missing; make it with '?{command}"):
        run.require(filename)


def test_json_of_an_earlier_step_is_read():
    run = Run.create("t", CONFIG)
    write_json(run.path("csim.json"), {"compile_s": 3.5})
    assert run.read_json("csim.json") == {"compile_s": 3.5}
    with pytest.raises(RunError, match=r"verify.json must be in .*; make it with 'tritag verify runs/t-"):
        run.read_json("verify.json")


@pytest.mark.parametrize(
    ("filename", "command"),
    [("csim.json", "tritag csim runs/t-.*"), ("metrics.json", r"tritag.train\('t', .*fresh=True\)")],
)
def test_damaged_json_names_the_command_that_makes_it_again(filename, command):
    run = Run.create("t", CONFIG)
    run.path(filename).write_text('{"compile_s": ')
    with pytest.raises(
        RunError, match=rf"{filename} must be JSON, .* damaged \(.*\); make it again with '?{command}'?$"
    ):
        run.read_json(filename)


def test_an_empty_file_counts_as_missing():
    run = Run.create("t", CONFIG)
    run.path("vectors.npz").touch()
    with pytest.raises(RunError, match="but it is empty; make it with 'tritag export"):
        run.require("vectors.npz")


def test_require_returns_files_and_folders():
    run = Run.create("t", CONFIG)
    write_json(run.path("metrics.json"), {})
    run.path("hls").mkdir()
    assert run.require("metrics.json") == run.path("metrics.json")
    assert run.require("hls").is_dir()


@pytest.mark.parametrize("number", [1, 7])
def test_a_run_of_another_format_is_refused(number):
    run = Run.create("t", CONFIG)
    path = run.path("config.yaml")
    path.write_text(path.read_text().replace("run_format: 2", f"run_format: {number}"))
    with pytest.raises(
        RunError,
        match=rf"was written in run format {number}, this tritag reads format 2; train again or",
    ):
        Run.open("t")


@pytest.mark.parametrize("keep", range(0, 128, 8))
def test_a_truncated_config_is_refused(keep):
    run = Run.create("t", CONFIG)
    path = run.path("config.yaml")
    text = path.read_text()
    assert keep < len(text.rstrip())
    path.write_text(text[:keep])
    with pytest.raises(RunError, match=r"config\.yaml must .*(train again|was edited)"):
        Run.open(run.directory)


@pytest.mark.parametrize(
    "content", [b"\xff\xfe\x00garbage", b"a: [1", b"- 1\n- 2\n", b"run_format: true\n", b"\x00\x00"]
)
def test_a_corrupt_config_is_refused(content):
    run = Run.create("t", CONFIG)
    run.path("config.yaml").write_bytes(content)
    with pytest.raises(RunError, match=r"config\.yaml"):
        Run.open(run.directory)


def test_an_edited_config_is_refused():
    run = Run.create("t", CONFIG)
    path = run.path("config.yaml")
    path.write_text(path.read_text().replace("seed: 1", "seed: 2"))
    with pytest.raises(RunError, match=r"must be as training wrote it .* but it was edited"):
        Run.open("t")


def test_discard_removes_a_step_and_what_is_built_on_it():
    run = Run.create("t", CONFIG)
    for step in STEPS.values():
        for filename in step.files:
            run.path(filename).touch()
    run.path("hls").unlink()
    (run.path("hls") / "firmware").mkdir(parents=True)
    run.log_file("csim").write_text("noise")
    run.discard_from("export")
    kept = {path.name for path in run.directory.iterdir()}
    stay = ("train", "import", "evaluate", "cost", "equivariance")
    assert kept == {"config.yaml", "logs", *(name for step in stay for name in STEPS[step].files)}
    assert not run.log_file("csim").exists()


def test_steps_are_commands_in_an_order_that_can_be_run():
    done: set[str] = set()
    for name, step in STEPS.items():
        assert name in COMMANDS
        assert set(step.after) <= done
        done.add(name)
    assert steps_built_on("train") == [name for name in STEPS if name != "import"]
    assert steps_built_on("import") == ["import", "export", "csim", "verify", "rtl", "synth", "report"]
    assert steps_built_on("csim") == ["csim", "verify", "report"]


def test_provenance_names_versions_seed_and_digest_but_nobody():
    run = Run.create("t", CONFIG)
    run.record_provenance("train", seed=5)
    run.record_provenance("export")
    text = run.path("provenance.json").read_text()
    notes = json.loads(text)
    assert notes["train"]["seed"] == 5
    assert notes["export"]["config_digest"] == run.digest
    assert {"torch", "brevitas", "qonnx", "onnx", "onnxruntime", "hls4ml", "numpy", "tritag"} == set(
        notes["train"]["packages"]
    )
    assert all(notes["train"]["packages"].values())
    for secret in {platform.node(), getpass.getuser(), str(Path.home()), str(run.directory.resolve())} - {""}:
        assert f'"{secret}"' not in text
        assert f"/{secret}/" not in text


def test_damaged_provenance_does_not_stop_a_step():
    run = Run.create("t", CONFIG)
    run.path("provenance.json").write_text('{"train": ')
    run.record_provenance("export")
    assert set(read_json_if_there(run.path("provenance.json"))) == {"export"}


def test_a_variable_that_is_set_to_nothing_counts_as_not_set(monkeypatch):
    for name in ("TRITAG_CACHE", "TRITAG_RUNS"):
        monkeypatch.setenv(name, "")
    assert (cache_folder("csim"), runs_root()) == (Path("cache/csim"), Path("runs"))
