"""Manners of the command line: what runs there are, what may be removed, quiet calls, completion, widths."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from tritag import cli
from tritag.arguments import complete_run
from tritag.build_cache import built
from tritag.files import write_json
from tritag.helper_files import HELPERS, only_one
from tritag.pipeline.clean import clean
from tritag.pipeline.runs import MARKS, summarise_runs
from tritag.progress import Progress
from tritag.run import Run
from tritag.steps import STEPS
from tritag.terminal import print_progress
from tritag.zoo import copied_to


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Empty folders for runs and cache, with a blank in their path."""
    root = tmp_path / "my place"
    monkeypatch.setenv("TRITAG_RUNS", str(root / "runs"))
    monkeypatch.setenv("TRITAG_CACHE", str(root / "cache"))
    return root


def _run(name: str = "toy", teacher: bool = False, **files: object) -> Run:
    run = Run.create(name, {"seed": 1}, teacher=teacher)
    for filename, content in files.items():
        write_json(run.path(filename.replace("__", ".")), content)
    return run


def test_runs_say_what_each_has(places, capsys):
    run = _run(metrics__json={}, csim__json=[], verify__json=[{"differ": 3}])
    _run("toy-float", teacher=True, metrics__json={})
    assert cli.run(["runs"]) == 0
    printed = capsys.readouterr()
    name, facts = printed.out.splitlines()
    assert name == run.directory.name
    assert facts.endswith("trained, csim, DIFFERS")
    assert max(map(len, printed.out.splitlines())) <= 80
    assert "and a float run that quantized ones began from" in printed.err
    assert cli.run(["runs", "--all", "--json"]) == 0
    found = {entry["name"]: entry for entry in json.loads(capsys.readouterr().out)}
    assert len(found) == 2
    verdict = run.path("verify.json")
    verdict.write_text(verdict.read_text().replace('"differ": 3', '"differ": 0'))
    assert "DAMAGED" in summarise_runs()[0].has + summarise_runs()[1].has
    assert found[run.directory.name]["size_bytes"] == sum(p.stat().st_size for p in run.directory.iterdir())


def test_runs_without_any_say_how_to_get_one(places, capsys):
    assert cli.run(["runs"]) == 0
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "tritag train TAGGER" in printed.err


def test_every_step_has_its_mark():
    assert {step: mark in STEPS[step].files for step, (mark, _) in MARKS.items()} == dict.fromkeys(STEPS, True)


def test_clean_touches_nothing_unless_asked(places, capsys):
    run = _run(metrics__json={})
    (run.directory / "hls").mkdir()
    before = sorted(run.directory.rglob("*"))
    assert cli.run(["clean", run.directory.name]) == 0
    printed = capsys.readouterr()
    assert str(run.path("metrics.json")) in printed.out
    assert "nothing was touched" in printed.err
    assert sorted(run.directory.rglob("*")) == before
    assert cli.run(["clean", run.directory.name, "--remove"]) == 0
    assert not run.directory.exists()


def test_clean_leaves_what_tritag_did_not_make(places, tmp_path):
    run = _run(metrics__json={}, csim__json=[])
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "data").write_text("mine")
    run.path("notes.txt").write_text("mine")
    run.path("rtl").symlink_to(outside)
    run.path("hls").mkdir()
    (run.path("hls") / "vivado.log").write_text("mine")
    os.utime(run.path("hls") / "vivado.log", (time.time() + 60,) * 2)
    result = clean([run.directory.name], remove=True)
    assert sorted(path.name for path in run.directory.iterdir()) == ["hls", "notes.txt"]
    assert (outside / "data").read_text() == "mine"
    assert [line.partition(": ")[2] for line in result.kept] == [
        "holds 1 files newer than csim.json, which tritag did not write",
        "not made by tritag",
    ]


def test_clean_takes_whole_names_of_runs_at_rest(places, capsys):
    run = _run(metrics__json={})
    assert cli.run(["clean", "toy", "--remove"]) == 2
    assert "give the whole name" in capsys.readouterr().err
    for name in ("steps",):
        with only_one(run.path(name)):
            assert cli.run(["clean", run.directory.name, "--remove"]) == 2
        assert "another command is writing it" in capsys.readouterr().err
    assert run.path("metrics.json").exists()


def test_clean_takes_the_copy_of_an_entry_of_the_zoo(places, capsys):
    name = "zoo:transformer-2k"
    assert name in complete_run("zoo:")
    assert cli.run(["clean", name]) == 2
    assert f"{name} must have been opened to be removed, but" in " ".join(capsys.readouterr().err.split())
    directory = Run.open(name).directory
    assert cli.run(["clean", name, "--remove"]) == 0
    assert not directory.exists()
    assert [path.name for path in directory.parent.iterdir() if "config.yaml" in os.listdir(path)] == [
        copied_to("zoo:transformer-2k-float")  # an entry of its own
    ]
    assert cli.run(["clean", "zoo:transformer-2"]) == 2
    assert "did you mean 'transformer-2k'" in " ".join(capsys.readouterr().err.split())


def test_clean_finds_leftovers_and_old_entries(places):
    run = _run(metrics__json={})
    left = run.directory / HELPERS / ("0" * 16)
    left.mkdir(parents=True)
    (left / "alive").touch()
    (left / "half").write_text("x" * 10)
    lock = places / "runs" / HELPERS / "toy.lock"
    lock.parent.mkdir()
    lock.touch()
    old, new = (places / "cache" / "csim" / (digit * 16) for digit in "ab")
    for entry in (old, new):
        built(entry, lambda folder: bool((folder / "program").write_text("1")) and {})
    counted, young, foreign = (
        places / "cache" / "rtl" / "synthesis" / f"{n}.json" for n in ("c" * 16, "d" * 16, "mine")
    )
    digests = places / "cache" / "digests" / f"{'e' * 32}-intact.json"
    for file in (counted, young, foreign, digests):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("{}")
    for path in (old, counted, foreign, digests):
        os.utime(path, (time.time() - 40 * 86400,) * 2)
    (places / "cache" / "csim" / "mine").mkdir()
    (places / "cache" / "data").mkdir()
    (places / "cache" / "data" / "jets.h5").touch()
    with only_one(places / "cache" / "csim" / "held"):
        result = clean(remove=True)
    assert {entry.path for entry in result.found} == {left, lock, old, counted, digests}
    assert not any(path.exists() for path in (left, lock, old, counted, digests))
    assert new.exists()
    assert young.exists()
    assert (places / "cache" / "data" / "jets.h5").exists()
    assert [Path(line.partition(": ")[0]).name for line in result.kept] == ["mine", "mine.json"]
    assert clean().found == ()


def test_clean_finds_what_sweeps_leave_of_runs_that_are_gone(places):
    run, runs = _run(metrics__json={}), places / "runs"
    here, gone = run.directory.name, "gone-12345678"
    points = {
        **{f"{name}.{'a' * 8}.json": {"name": f"{name}.{'a' * 8}", "figures": {}} for name in (here, gone)},
        **{
            f"{name}.failed.json": {"name": name, "error": "no", "traceback": ""}
            for name in ("old-1", f"{here}.firmware")
        },
        "mine.json": {"name": "another", "figures": {}},
    }
    for name, content in points.items():
        write_json(runs / "points" / name, content)
    for name, of in (("a-1", gone), ("b-2", gone), ("c-3", here), ("d-4", gone)):
        write_json(runs / "sweeps" / name / "table.json", {"points": [{"run": of}, {"run": None}]})
        if name != "d-4":
            os.utime(runs / "sweeps" / name / "table.json", (time.time() - 40 * 86400,) * 2)
    (runs / "sweeps" / "b-2" / "notes.txt").touch()
    (runs / "sweeps" / "plots").mkdir()
    os.utime(runs / "points" / "old-1.failed.json", (time.time() - 40 * 86400,) * 2)
    left = runs / "points" / HELPERS / ("0" * 16)
    left.mkdir(parents=True)
    (left / "alive").touch()
    result = clean(remove=True)
    assert {str(entry.path.relative_to(runs)) for entry in result.found} == {
        f"points/{gone}.{'a' * 8}.json",
        "points/old-1.failed.json",
        f"points/{HELPERS}/{'0' * 16}",
        "sweeps/a-1",
        "sweeps/b-2/table.json",
    }
    assert not any(entry.path.exists() for entry in result.found)
    assert [Path(line.partition(": ")[0]).name for line in result.kept] == ["mine.json", "notes.txt", "plots"]
    whole = clean([here], remove=True)
    assert {entry.path.name for entry in whole.found} >= {f"{here}.{'a' * 8}.json", f"{here}.firmware.failed.json"}
    assert sorted(path.name for path in (runs / "points").iterdir()) == ["mine.json"]


@pytest.mark.parametrize("before", [True, False])
def test_a_quiet_call_prints_results_alone(places, capsys, before):
    _run("toy-float", teacher=True)
    assert cli.run(["-q", "runs"] if before else ["runs", "-q"]) == 0
    assert capsys.readouterr() == ("", "")
    print_progress("the next call")
    assert capsys.readouterr().err == "the next call\n"


def test_a_quiet_call_shows_no_progress(monkeypatch, capsys):
    from tritag.verbosity import WANTED

    monkeypatch.setattr(WANTED, "quiet", True)
    with Progress("jets", 3, line_period_s=0, closing=True) as shown:
        shown.advance(3)
    assert capsys.readouterr() == ("", "")


def test_a_verbose_call_says_where_an_error_was_raised(places, capsys):
    assert cli.run(["export", "nothing", "-v"]) == 2
    printed = capsys.readouterr().err
    assert "Traceback" in printed
    assert printed.splitlines()[-1].startswith("error: no run")
    assert cli.run(["export", "nothing"]) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_colours_are_off_when_asked(places, monkeypatch, capsys):
    for name in ("NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("FORCE_COLOR", "1")
    for arguments, coloured in ((["export", "x"], True), (["--no-colour", "export", "x"], False)):
        assert cli.run(arguments) == 2
        assert ("\x1b[1;31m" in capsys.readouterr().err) == coloured
    assert "NO_COLOR" not in os.environ


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script(shell, capsys):
    assert cli.run(["completion", shell]) == 0
    assert "_TRITAG_COMPLETE" in capsys.readouterr().out


def test_completion_of_an_unknown_shell(capsys):
    assert cli.run(["completion", "bsh"]) == 2
    assert "did you mean 'bash'?" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("tritag ver", "verify"),
        ("tritag verify to", "toy-"),
        ("tritag report x to", "toy-"),
        ("tritag verify --la", "--layers"),
    ],
)
def test_completion_of_commands_options_and_runs(places, monkeypatch, capsys, words, expected):
    _run()
    monkeypatch.setenv("_TRITAG_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(len(words.split()) - 1))
    with pytest.raises(SystemExit):
        cli.run([])
    assert capsys.readouterr().out.startswith(expected)


@pytest.mark.parametrize("name", ["train", "data", "rtl", "clean"])
def test_help_fits_eighty_columns(name, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert cli.run([name, "--help"]) == 0
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 80
