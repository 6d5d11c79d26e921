"""Sweeps: the same table wherever and however often it is done, and the run to deploy."""

from __future__ import annotations

import csv
import json
import math
import os
import re
import signal
import threading
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from tests.helpers.jets import SAMPLE
from tritag import cli, plugins
from tritag.configs import config_names
from tritag.errors import ConfigError, RunError
from tritag.farm import Farm
from tritag.files import JsonObject, write_json
from tritag.hls_projects.target import load_target
from tritag.models.nets.registry import count_parameters, make_tagger
from tritag.pipeline.points import designs, trainings
from tritag.pipeline.points.call import Call
from tritag.pipeline.sweep import engine
from tritag.pipeline.sweep.best import BestPoint, best_point, read_sweep
from tritag.pipeline.sweep.config import grid, load_sweep, point_of
from tritag.pipeline.sweep.emit import emitted
from tritag.pipeline.sweep.place import folder_of
from tritag.pipeline.sweep.rows import SweepRow, _mean, best_first, on_front
from tritag.pipeline.sweep.run import sweep_run
from tritag.pipeline.train import TrainResult
from tritag.quant.recipe import Recipe
from tritag.report.pareto import front_numbers

TINY = """
data: {data}
axes:
  tagger: [transformer-2k]
  constituents: [2]
  precision: {precisions}
  training.learning_rate: [0.003, 0.01]
  sizes.channels: [4]
settings: [training.iterations=3, training.batch_size=32, training.validate_every=3, quant_training.iterations=2,
           sizes.blocks=1, sizes.heads=1]
objectives: {objectives}
"""


def write_sweep(path: Path, precisions: str = "[float]", objectives: str = "[auc]", more: str = "") -> Path:
    text = TINY.format(data=SAMPLE, precisions=precisions, objectives=objectives) + more
    path.write_text(text.replace("quant_training.iterations=2,", "") if precisions == "[float]" else text)
    return path


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TRITAG_RUNS", str(tmp_path / "runs"))
    return tmp_path / "runs"


def tables(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in ("table.csv", "table.parquet", "table.json", "report.html")}


@pytest.mark.parametrize("name", config_names("sweeps"))
def test_every_sweep_is_valid(name: str) -> None:
    config = load_sweep(name)
    points = grid(config)
    assert len(points) >= 30
    assert point_of(config, points[0]).recipe().precision == points[0]["precision"]


def test_fronts_in_any_number_of_objectives() -> None:
    assert front_numbers([(1, 2), (2, 1), (2, 2), (1, 2), (3, 3)]) == [0, 0, 1, 0, 2]
    assert front_numbers([]) == []
    rows = [SweepRow(i, {}, 1.0, figures={"auc": a, "latency_ns": t}) for i, (a, t) in enumerate([(0.9, 5), (0.8, 6)])]
    rows.append(SweepRow(2, {}, 1.0, "failed"))
    rows.append(SweepRow(3, {}, 1.0, figures={"auc": 0.99, "latency_ns": None}))
    assert on_front(rows, ("auc", "latency_ns")) == {0}
    assert [row.number for row in best_first(rows, ("auc", "latency_ns"))] == [0, 1]
    assert on_front(rows, ("auc",)) == {3}


def test_the_table_does_not_depend_on_where_it_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In this process; on a cluster of two workers of which one is killed in the middle; interrupted and resumed."""
    spec = write_sweep(tmp_path / "tiny.yaml", "[float]", "[auc, rejection_0.5]")
    spec.write_text(spec.read_text() + "halving: {shares: [0.5]}\n")
    monkeypatch.setenv("TRITAG_RUNS", str(tmp_path / "one"))
    began = []
    whole = trainings.train_run

    def interrupted(*given: object, **named: object) -> object:
        began.append(given)
        if len(began) == 2:
            raise KeyboardInterrupt
        return whole(*given, **named)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(trainings, "train_run", interrupted)
        with pytest.raises(KeyboardInterrupt):
            sweep_run(str(spec), Farm(processes=1))
    weights = {path: path.stat().st_mtime_ns for path in (tmp_path / "one").glob("*/weights.safetensors")}
    assert len(weights) == 1
    one = sweep_run(str(spec), Farm(processes=1))
    assert all(path.stat().st_mtime_ns == at for path, at in weights.items())
    assert [line["status"] for line in one.points].count("stopped") == 1
    monkeypatch.setenv("TRITAG_RUNS", str(tmp_path / "two"))
    killed: list[int] = []
    killer = threading.Thread(target=_kill_a_worker, args=(tmp_path / "two", killed))
    killer.start()
    two = sweep_run(str(spec), Farm(processes=2))
    killer.join()
    assert killed
    assert tables(one.folder) == tables(two.folder)
    names = [{path.name for path in (tmp_path / where).iterdir()} - {".tritag"} for where in ("one", "two")]
    assert names[0] == names[1]
    assert not list((tmp_path / "two" / "points").glob("*.failed.json"))


def _kill_a_worker(runs: Path, killed: list[int]) -> None:
    """Kill the first worker that trains."""
    until = time.monotonic() + 120
    while not killed and time.monotonic() < until:
        time.sleep(0.05)
        locks = {str(lock.resolve()) for lock in runs.glob("*/.tritag/steps.lock")}
        children = [path.read_text().split() for path in Path("/proc/self/task").glob("*/children")] if locks else []
        for pid in {pid for found in children for pid in found}:
            with suppress(OSError):
                if locks & {os.readlink(fd) for fd in Path(f"/proc/{pid}/fd").iterdir()}:
                    os.kill(int(pid), signal.SIGKILL)
                    killed.append(int(pid))
                    return


def test_a_search_proposes_the_same_points_again(tmp_path: Path, runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("optuna", reason="optuna is not installed")
    spec = write_sweep(tmp_path / "search.yaml", more="search: optuna\ntrials: 3\nbatch: 2\n")
    spec.write_text(spec.read_text().replace("[0.003, 0.01]", "{from: 0.001, to: 0.01, log: true}"))
    first = sweep_run(str(spec), Farm(processes=1))
    rates = [line["training.learning_rate"] for line in first.points]
    assert len(set(rates)) == 3
    assert all(0.001 <= float(str(rate)) <= 0.01 for rate in rates)
    monkeypatch.setattr(trainings, "train_run", lambda *_, **__: pytest.fail("trained twice"))
    assert sweep_run(str(spec), Farm(processes=1)).points == first.points
    with pytest.raises(ConfigError, match="must be a grid without halving to be done point by point"):
        emitted(str(spec), "condor")


def test_the_run_to_deploy(
    tmp_path: Path, runs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Points done one by one, as an emitted workflow does them, are found by the sweep; its table names the best."""
    monkeypatch.chdir(tmp_path)
    write_sweep(tmp_path / "a b.yaml", "[float, int8]", "[auc, latency_ns]", "target: vu13p-360mhz\n")
    (tmp_path / "a b.yaml").write_text((tmp_path / "a b.yaml").read_text().replace("[0.003, 0.01]", "[0.01]"))
    assert cli.run(["sweep", "a b.yaml", "--emit", "condor"]) == 0
    condor = capsys.readouterr().out
    assert "queue 2" in condor
    assert cli.run(["sweep", "a b.yaml", "--emit", "snakemake"]) == 0
    rules = capsys.readouterr().out
    assert "sweep 'a b.yaml' --point {wildcards.number}" in rules
    with monkeypatch.context() as patch:  # a worker with other sources
        patch.setattr(designs, "write_json", lambda path, made: write_json(path, {**made, "made_of": "other"}))
        assert cli.run(["sweep", "a b.yaml", "--point", "1"]) == 1
    assert "by the sources of this command, but a worker made another; install the same" in capsys.readouterr().err
    assert cli.run(["sweep", "a b.yaml", "--point", "1"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert cli.run(["sweep", "a b.yaml", "--point", "2"]) == 2
    assert "--point must be 0..1" in capsys.readouterr().err
    monkeypatch.setattr(trainings, "train_run", lambda *_, **__: pytest.fail("trained twice"))
    assert cli.run(["sweep", "a b.yaml", "--processes", "1"]) == 0
    (line,) = [line for line in read_sweep("a b")[2] if line["front"]]
    assert printed.items() <= line.items()
    with next((runs / "sweeps").glob("a b-*/table.csv")).open() as file:
        rows = list(csv.DictReader(file))
    assert [row["precision"] for row in rows] == ["float", "int8"]
    assert [row["latency_ns"] != "" for row in rows] == [False, True]
    config = load_sweep("a b.yaml")
    n_trained = count_parameters(make_tagger(point_of(config, grid(config)[0]).recipe().tagger))
    assert [row["parameters"] for row in rows] == [str(n_trained)] * 2
    capsys.readouterr()
    assert cli.run(["sweep", "best", "--latency-ns", "5000", "--lut-share", "0.9"]) == 0
    (folder,) = (runs / "sweeps").glob("a b-*")
    assert capsys.readouterr().out.startswith(f"{line['run']}\nsweep: {folder}\n")
    assert cli.run(["sweep", "best", "a b", "--latency-ns", "1", "--json"]) == 2
    assert "has latency_ns <= 1 with a known auc; the nearest has latency_ns = " in capsys.readouterr().err


def test_a_point_that_fails_keeps_its_error(
    tmp_path: Path, runs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = str(write_sweep(tmp_path / "tiny.yaml"))
    whole = trainings.train_run

    def fails(tagger: str, recipe: Recipe, **named: bool) -> TrainResult:
        if recipe.training.learning_rate == 0.01:
            raise RunError("no luck")
        return whole(tagger, recipe, **named)

    with monkeypatch.context() as patch:
        patch.setattr(trainings, "train_run", fails)
        assert cli.run(["sweep", spec, "--processes", "1"]) == 1
        assert "1 of 2 points failed" in capsys.readouterr().err
        assert cli.run(["sweep", spec, "--point", "1"]) == 1
        assert "point 1 of" in capsys.readouterr().err
    assert cli.run(["sweep", spec, "--processes", "1"]) == 1
    assert f"point 1: no luck; 'tritag sweep {spec} --retry' tries them again" in capsys.readouterr().err
    assert cli.run(["sweep", spec, "--point", "1"]) == 0  # a job that is started again
    assert cli.run(["sweep", spec, "--processes", "1"]) == 0


def test_an_emitted_workflow_has_the_plug_ins_of_its_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    spec, plugin = str(write_sweep(tmp_path / "tiny.yaml")), tmp_path / "my layers" / "plug.py"
    plugin.parent.mkdir()
    plugin.write_text("NAME = 1\n")
    said = []
    for kind in ("condor", "snakemake"):
        with plugins.one_call():
            assert cli.run(["sweep", spec, "--emit", kind, "--plugin", str(plugin)]) == 0
        said.append(capsys.readouterr().out)
    condor, snakemake = said
    assert f"\"sweep '{spec}' '--plugin' '{plugin}' --point $(Process)\"" in condor
    assert f"when all have ended: tritag sweep {spec} --plugin '{plugin}'\n" in condor
    assert f"sweep {spec} --plugin '{plugin}' --point {{wildcards.number}}\"\n" in snakemake
    assert f"sweep {spec} --plugin '{plugin}'\"\n" in snakemake


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("tagger: [transformer-2k]", "taggers: [transformer-2k]"), "unknown axis 'taggers'; did you mean 'tagger'"),
        (("[auc]", "[auk]"), "unknown objective 'auk'; did you mean 'auc'"),
        (("[0.003, 0.01]", "[]"), r"axes.training.learning_rate must be different values, got \[\]"),
        (("[0.003, 0.01]", "{from: 1, to: 2}"), "axes.training.learning_rate must have a step in a grid"),
        (("[0.003, 0.01]", "{from: 2, to: 1, step: 1}"), "must go upwards in steps above 0"),
        (("objectives", "halving: {shares: [0.5, 0.2]}\nobjectives"), "halving.shares must rise"),
        (
            ("sizes.channels", "training.seed"),
            "seeds are set by the axis seed, got training.seed; it would",
        ),
        (("sizes.blocks=1", "training.seed=3"), "seeds are set by the axis seed, got training.seed=3"),
        (("constituents: [2]", "constituents: [4.7]"), "axes.constituents must be whole numbers from 1 on, got 4.7"),
        (("constituents: [2]", "constituents: [all]"), "axes.constituents must be whole numbers from 1 on, got 'all'"),
        (("constituents: [2]", "beats: [auto]"), "axes.beats must be whole numbers from 1 on, got 'auto'"),
        (("constituents: [2]", "beats: {from: 2, to: 4, step: 0.5}"), "axes.beats must be whole numbers from 1 on"),
        (("constituents: [2]", "target: [vu13p-360mhz, vu14p]"), "unknown target 'vu14p'"),
        (("constituents: [2]", "target: {from: 1, to: 2, step: 1}"), "axes.target must be a list of names"),
        (
            ("[0.003, 0.01]", "{from: 0, to: 0.1, log: true}\nsearch: optuna\ntrials: 1"),
            "axes.training.learning_rate must begin above 0 with log",
        ),
        (("objectives", "trials: 5\nbatch: 4\nseed: 3\nobjectives"), "trials, batch, seed must stand beside 'search: "),
        (("sizes.heads=1", "training.iterations=9"), "training.iterations must be given once, got '3' and '9'"),
        (("sizes.blocks=1", "sizes.channels=8"), "sizes.channels must be an axis or one of the settings, got both"),
        (
            ("[0.003, 0.01]", "{from: 0.01, to: 0.1, step: 0.01, log: true}\nsearch: optuna\ntrials: 1"),
            "axes.training.learning_rate must have a step or log, got both",
        ),
        (("constituents: [2]", "seed: [null]"), "axes.seed must be whole numbers from 0 on, got None"),
        (("precision: [float]", "precision: [null]"), r"axes.precision must be a list of names, got \[None\]"),
        (("[auc]", "[auc, latency_ns]"), "but latency_ns belong to exact precisions, got float alone"),
        (("sizes.blocks=1", "quant.bit_penalty=1"), "quant.bit_penalty would have none with precision float alone"),
        (("constituents: [2]", "beats: [1, 2]"), "but beats would have none with precision float alone"),
        (("objectives: [auc]", ""), "but latency_ns, lut_share belong to exact precisions, got float alone"),
        (("sizes.channels: [4]", "sizes.channel: [4]"), "no point of the sweep can be trained; the first: "),
    ],
)
def test_wrong_sweeps(
    tmp_path: Path, runs: Path, capsys: pytest.CaptureFixture[str], change: tuple[str, str], message: str
) -> None:
    spec = write_sweep(tmp_path / "tiny.yaml")
    text = spec.read_text().replace(*change)
    if "optuna" in text:  # a key of the sweep among its axes
        text = text.replace("\nsearch: optuna\ntrials: 1", "") + "search: optuna\ntrials: 1\n"
    spec.write_text(text)
    assert cli.run(["sweep", str(spec), "--processes", "1"]) == 2
    assert re.search(message, capsys.readouterr().err)


def test_a_search_goes_on_after_a_batch_of_wrong_points(
    tmp_path: Path, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("optuna", reason="optuna is not installed")
    spec = write_sweep(tmp_path / "search.yaml", "[float, flaot]", more="search: optuna\ntrials: 8\nbatch: 1\n")
    monkeypatch.setattr(engine, "train_points", lambda points, *_: dict.fromkeys(points, "not trained"))
    lines = sweep_run(str(spec), Farm(processes=1)).points
    assert {(line["run"] is None, str(line["error"])[:11]) for line in lines} == {
        (True, "unknown pre"),
        (False, "not trained"),
    }
    spec.write_text(spec.read_text().replace("[float, flaot]", "[flaot]"))
    with pytest.raises(ConfigError, match="no point of the sweep can be trained; the first: unknown precision"):
        sweep_run(str(spec), Farm(processes=1))


def test_what_is_wrong_with_one_design_is_the_error_of_its_point(
    tmp_path: Path, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here a file of a target that is gone since the sweep was read."""
    config = load_sweep(str(write_sweep(tmp_path / "tiny.yaml", "[int8]")))
    config = replace(config, axes={**config.axes, "target": ["vu13p-360mhz", "gone.yaml"]})
    for name in ("train_points", "do_jobs"):
        monkeypatch.setattr(engine, name, lambda *_: {})
    monkeypatch.setattr(engine, "figures_of", lambda run, design: {"auc": 0.9})
    rows = engine.run_grid(config, Farm(processes=1), Call("sweep", "tiny"))
    assert [row.status for row in rows] == ["done", "failed"] * 2
    assert "gone.yaml" in rows[1].error


def test_a_rejection_without_end_is_the_best_and_costs_that_are_unknown_are_none(
    tmp_path: Path, runs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The points of a sweep where no background jet passes in one of them."""
    assert _mean("rejection_0.3", [(math.inf, math.inf)]) == {"rejection_0.3": math.inf, "rejection_0.3_error": None}
    assert _mean("auc", [(math.nan, 0.1)]) == {"auc": None, "auc_error": None}
    spec = write_sweep(tmp_path / "tiny.yaml", objectives="[rejection_0.3]", more="halving: {shares: [0.5]}\n")
    monkeypatch.setattr(engine, "train_points", lambda *_: {})
    found = iter([40.0, math.inf, math.inf])
    monkeypatch.setattr(engine, "figures_of", lambda *_: {"rejection_0.3": next(found), "rejection_0.3_error": None})
    assert cli.run(["sweep", str(spec), "--processes", "1"]) == 0
    assert "| 1 | 0.01 | infinite |" in capsys.readouterr().out
    lines = read_sweep("tiny")[2]
    assert [(line["status"], line["front"]) for line in lines] == [("stopped", False), ("done", True)]
    assert 'data value="inf"' in next(runs.glob("sweeps/*/report.html")).read_text()
    assert {line["error"] for line in lines} == {""}
    spec.write_text(spec.read_text().replace("[rejection_0.3]", "[auc, bit_operations]").replace("[float]", "[int8]"))
    monkeypatch.setattr(engine, "figures_of", lambda *_: {"auc": 0.9})
    assert cli.run(["sweep", str(spec), "--processes", "1"]) == 2
    assert (
        "halving must have points with all of the objectives, but none of 2 has them; point 0 has no bit_operations"
        in (capsys.readouterr().err)
    )


def test_what_halving_cannot_compare_says_what_it_lacks(
    tmp_path: Path, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    more = "halving: {shares: [0.5]}\n"
    spec = write_sweep(tmp_path / "tiny.yaml", "[int8]", "[auc, bit_operations]", more)
    monkeypatch.setattr(engine, "train_points", lambda *_: {})
    found = iter([{"auc": 0.9}, {"auc": 0.8, "bit_operations": 300.0}, {"auc": 0.8, "bit_operations": 300.0}])
    monkeypatch.setattr(engine, "figures_of", lambda *_: next(found))
    lines = sweep_run(str(spec), Farm(processes=1)).points
    why = "has no bit_operations: halving cannot compare it with others"
    assert [(line["status"], line["error"]) for line in lines] == [("stopped", why), ("done", "")]
    assert f"stopped: {why}" in next(runs.glob("sweeps/*/report.html")).read_text()


def test_the_command_names_the_design_of_the_table() -> None:
    point = {"run": "r", "interval": 9, "beats": 4, "dsp_bits": 64, "bit_operations": 1e6}
    command = "'tritag rtl r --target t --interval 9 --beats 4 --dsp-bits 64'"
    assert BestPoint("s", point, "t").commands[1] == command
    assert BestPoint("s", point | {"most_beats": None}, "t").commands[1] == command
    inexact = BestPoint("s", point | {"bit_operations": None}, "t")
    assert (inexact.commands, "next: " in inexact.text, "no exact form" in inexact.text) == ((), False, True)
    fewer = point | {"most_beats": 5}  # the rows take 4 beats of the 5 that were asked for
    assert BestPoint("s", fewer, "t").commands[1] == command.replace("--beats 4", "--beats 5")
    for limit in (0.0, -1.0, math.nan):
        with pytest.raises(ConfigError, match="--lut-share must be above 0, got "):
            best_point(None, {"lut_share": limit})


def _table(folder: Path, runs: list[str]) -> None:
    folder.mkdir(parents=True)
    points: list[JsonObject] = [
        {"point": i, "status": "done", "run": run, "auc": 0.9 - 0.1 * i} for i, run in enumerate(runs)
    ]
    write_json(folder / "table.json", {"objectives": ["auc"], "target": "vu13p-360mhz", "points": points})


def test_the_best_is_of_the_file_as_it_stands(tmp_path: Path, runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = write_sweep(tmp_path / "grid.yaml")
    name = folder_of(str(spec), load_sweep(str(spec))).name
    _table(runs / "sweeps" / name, ["a"])
    _table(runs / "sweeps" / "other-1", ["b"])
    for run in ("a", "b"):
        (runs / run).mkdir()
        (runs / run / "weights.safetensors").touch()
    for given in (str(spec), name, str(runs / "sweeps" / name), "grid"):
        assert best_point(given, {}).sweep == name
    assert best_point("other", {}).point["run"] == "b"
    spec.write_text(spec.read_text().replace("[0.003, 0.01]", "[0.003, 0.02]"))
    assert cli.run(["sweep", "best", str(spec)]) == 2
    edited = folder_of(str(spec), load_sweep(str(spec))).name
    assert (
        f"{spec} must have been done as it stands, but there is no table of it in {edited}; call "
        f"'tritag sweep {spec}'; or name one of other settings: 'tritag sweep best {name}'"
    ) in capsys.readouterr().err
    with pytest.raises(RunError, match=r"demo must have been done as it stands, but .*; call 'tritag sweep demo'$"):
        best_point("demo", {})


def test_a_run_that_is_gone_is_not_the_best(tmp_path: Path, runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _table(runs / "sweeps" / "s-1", ["a", "b"])
    (runs / "b").mkdir()
    (runs / "b" / "weights.safetensors").touch()
    assert cli.run(["sweep", "best", "s"]) == 0
    printed = capsys.readouterr()
    assert printed.out.startswith("b\n")
    assert "better, but passed over, since the runs are gone: point 0 (a)\n" in printed.err
    (runs / "b" / "weights.safetensors").unlink()
    with pytest.raises(RunError, match=r"but in s-1 they are gone: point 0 \(a\), point 1 \(b\); the sweep, called"):
        best_point(None, {})


def test_what_an_edited_sweep_has_done_is_not_what_was_done_before(tmp_path: Path, runs: Path) -> None:
    spec = write_sweep(tmp_path / "grid.yaml")
    written = []
    for rates in ("[0.003, 0.01]", "[0.003, 0.02]"):
        spec.write_text(spec.read_text().replace("[0.003, 0.01]", rates))
        folder = folder_of(str(spec), load_sweep(str(spec))).name
        rules, job = emitted(str(spec), "snakemake"), emitted(str(spec), "condor")
        assert f'touch("{folder}.points/{{number}}.done")' in rules
        assert f'input: "{folder}.table"' in rules
        assert f"rule point:\n    input: {str(spec)!r}\n" in rules
        assert f"\nlog            = {folder}.log\n" in job
        written.append(rules)
    assert written[0] != written[1]


def test_a_run_and_design_counts_once(
    tmp_path: Path, runs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A float point is the same for every setting of a quantization and every design; null is the target's interval."""
    spec = write_sweep(tmp_path / "tiny.yaml", "[float, int8]")
    text = spec.read_text().replace("training.learning_rate: [0.003, 0.01]", "quant.activation_bits: [8, 9]")
    own = load_target().interval_cycles
    spec.write_text(text.replace("sizes.channels: [4]", f"interval: [null, {own}, 6]\n  sizes.channels: [4]"))
    did: list[int] = []
    monkeypatch.setattr(engine, "train_points", lambda points, *_: did.append(len(points)) or {})
    monkeypatch.setattr(engine, "do_jobs", lambda *_: {})
    monkeypatch.setattr(engine, "figures_of", lambda *_: {"auc": 0.9})
    assert cli.run(["sweep", str(spec), "--processes", "1"]) == 0
    printed = capsys.readouterr()
    lines = read_sweep("tiny")[2]
    assert [line["status"] for line in lines] == ["done", *["same"] * 5, *["done", "same", "done"] * 2]
    assert [line["point"] for line in lines if line["front"]] == [0, 6, 8, 9, 11]
    assert lines[4]["error"] == ("the same run and design as point 0 (without effect: quant.activation_bits, interval)")
    assert lines[4]["run"] == lines[0]["run"]
    assert lines[10]["error"] == "the same run and design as point 9 (without effect: interval)"
    assert did == [3]
    assert "5 of 12 points trained in full, 5 of them on the front; 7 the same run and design as others." in printed.out
    assert "sweep: 7 of 12 points are others again: point 1 is the same run and design as point 0 (wi" in printed.err
    monkeypatch.setattr(engine, "figures_of", lambda *_: {"auc": None})
    assert cli.run(["sweep", str(spec), "--processes", "1"]) == 1
    assert "but none of 12 has them; point 0 has no auc: change objectives" in capsys.readouterr().err


def test_a_search_that_proposes_a_point_again_does_it_once(
    tmp_path: Path, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("optuna", reason="optuna is not installed")
    spec = write_sweep(tmp_path / "search.yaml", more="search: optuna\ntrials: 6\nbatch: 2\n")
    monkeypatch.setattr(engine, "train_points", lambda *_: {})
    found = iter([0.9, 0.8])
    monkeypatch.setattr(engine, "figures_of", lambda *_: {"auc": next(found)})
    lines = sweep_run(str(spec), Farm(processes=1)).points
    assert [line["status"] for line in lines].count("done") == 2
    assert [line["status"] for line in lines].count("same") == 4
    assert sum(bool(line["front"]) for line in lines) == 1
