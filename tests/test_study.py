"""Studies: tables from scores, and the section they replace in a document."""

from __future__ import annotations

import json
import math
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml

from tests.helpers.advised import advised
from tests.helpers.jets import SAMPLE
from tests.helpers.studies import write_study
from tritag import cli, plugins
from tritag.configs import config_names
from tritag.data.jets.store import read_jets
from tritag.errors import CheckFailed, ConfigError, RunError
from tritag.files import write_json
from tritag.models.nets.registry import load_tagger_config
from tritag.pipeline.evaluate import evaluate_run
from tritag.pipeline.executors import DEFAULT_EXECUTORS
from tritag.pipeline.opened import OpenedRun, open_run
from tritag.pipeline.points import trainings
from tritag.pipeline.strength import Strength
from tritag.pipeline.study import scheduler
from tritag.pipeline.study.config import PRETRAINING, load_study, pretraining_point, row_recipe
from tritag.pipeline.study.run import StudyResult, study_run
from tritag.pipeline.study.scheduler import must_be_done
from tritag.pipeline.study.table import paper_cost, replace_section, require_jets
from tritag.pipeline.train import TrainResult
from tritag.quant.measure.cost import total_cost
from tritag.quant.measure.cost_taggers import cost_sizes
from tritag.quant.recipe import Recipe
from tritag.report.figures import is_drawn, write_figures
from tritag.report.pareto import pareto_front
from tritag.report.study import StudyEntry, study_markdown, study_rows
from tritag.run import Run


def _entries(n: int = 4000) -> list[StudyEntry]:
    rng = np.random.default_rng(3)
    labels = np.repeat([0, 1], n)
    good = [rng.normal(labels * 2.0) for _ in range(2)]
    bad = [scores + rng.normal(size=2 * n) for scores in good]
    return [StudyEntry("good", 10, good, labels), StudyEntry("bad", 10, bad, labels, reference=0)]


def test_rows_have_means_errors_and_ratio_to_the_reference() -> None:
    good, bad = study_rows(_entries())
    assert good["seeds"] == 2
    assert good["n_background"] == 4000
    assert "ratio" not in good
    assert bad["reference"] == "good"
    assert 0 < bad["ratio"]["value"] < 1
    assert bad["auc"]["value"] < good["auc"]["value"]
    assert good["auc"]["spread"] is not None


def test_table_has_a_line_per_row() -> None:
    table = study_markdown(study_rows(_entries())).splitlines()
    assert len(table) == 4
    assert table[2].startswith("| good |")
    assert table[2].count("±") == 8
    assert table[3].count("|") == table[0].count("|")


def test_figures_that_are_not_finite_are_words(tmp_path: Path) -> None:
    """With one seed no background jet passes: nothing is written as nan, and no figure hides the row."""
    labels = np.repeat([0, 1], 300)
    some = np.random.default_rng(3).normal(labels * 1.0)
    entry = StudyEntry("some", 10, [some, some], labels)
    costs = [{"effective_bit_operations": 1e6, "effective_weight_bits": 5}] * 2
    perfect = StudyEntry("perfect", 10, [some, 9.0 * labels], labels, reference=0, costs=costs)
    rows = study_rows([entry, perfect, replace(perfect, scores=[9.0 * labels] * 2, reference=1)])
    assert rows[1]["rejection_0.3"] == {"value": math.inf, "error": None, "spread": None}
    cells = [line.split(" | ")[3:] for line in study_markdown(rows).splitlines()[2:]]
    assert [row[2] for row in cells] == ["-", "infinite", "unknown"]
    assert [row[0] for row in cells[1:]] == ["infinite", "infinite"]
    assert "nan" not in (json.dumps(rows) + study_markdown(rows)).lower()
    assert write_figures(rows, tmp_path, "none") == []  # a figure of points without a place
    assert not is_drawn(rows[1])
    assert is_drawn(rows[0])


def test_what_a_step_wrote_is_not_believed_because_it_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TRITAG_RUNS", str(tmp_path))
    opened = OpenedRun(Run.create("t", {"seed": 1}))
    run = opened.run
    assert all(must_be_done(opened, step) for step in ("export", "csim", "verify"))
    run.path("hls").mkdir()
    write_json(run.path("csim.json"), {"compile_s": 1.5})
    verdicts = [
        {"executor": name, "jets": 10_000, "differ": 0, "strength": {}} for name in DEFAULT_EXECUTORS if name != "csim"
    ]
    write_json(run.path("verify.json"), verdicts)
    assert not must_be_done(opened, "csim")
    assert must_be_done(opened, "verify")  # made by fewer executors
    assert "its bit check was made without hls4ml-csim" in capsys.readouterr().err
    write_json(run.path("verify.json"), [*verdicts, {**verdicts[0], "executor": "hls4ml-csim", "jets": 20}])
    run.path("model.qonnx.onnx").write_bytes(b"whole")
    with monkeypatch.context() as patch:
        for name, value in (("read_graph", None), ("run_inputs", (np.zeros(150),))):
            patch.setattr(scheduler, name, lambda *_, value=value: value)
        assert must_be_done(opened, "verify")
        assert "its bit check was made with 20 jets instead of 150" in capsys.readouterr().err
        write_json(run.path("verify.json"), [*verdicts, {**verdicts[0], "executor": "hls4ml-csim", "jets": 150}])
        assert not must_be_done(opened, "verify")  # there are no more
    for name, text in (("csim.json", "{}"), ("csim.json", ""), ("verify.json", "[]"), ("verify.json", "[1]")):
        run.path(name).write_text(text)
        assert must_be_done(opened, name.removesuffix(".json")), (name, text)
    for name in ("model.qonnx.onnx", "vectors.npz"):
        run.path(name).write_bytes(b"cut")
    assert must_be_done(opened, "export")
    assert "t-" in (said := capsys.readouterr().err)
    assert "export is done again: " in said


def test_section_is_replaced_and_nothing_else(tmp_path: Path) -> None:
    page = tmp_path / "results.md"
    page.write_text("before\n<!-- study a -->\nold\n<!-- end a -->\nafter\n")
    replace_section(page, "a", "| new |\n")
    assert page.read_text() == "before\n<!-- study a -->\n| new |\n<!-- end a -->\nafter\n"
    with pytest.raises(ConfigError, match="must hold the lines '<!-- study b -->'"):
        replace_section(page, "b", "x")
    page.write_text("<!-- end a -->\n<!-- study a -->\n")
    with pytest.raises(ConfigError, match="must hold the lines"):
        replace_section(page, "a", "x")
    page.write_bytes(b"<!-- study a -->\n\xff\n<!-- end a -->\n")
    for written, text in (
        (page, "must be Markdown in UTF-8, but byte 0xff in line 2 is not"),
        (tmp_path / "no.md", "no.md"),
    ):
        with pytest.raises(ConfigError, match=text):
            study_run("trigger", write=written)  # before days of training


def test_pareto_front() -> None:
    points = [(1.0, 10.0), (2.0, 9.0), (3.0, 30.0), (3.0, 20.0), (0.5, 1.0), (4.0, 30.0)]
    assert pareto_front(points) == [4, 0, 2]
    assert pareto_front([(1.0, 1.0), (1.0, 1.0)]) == [0, 1]
    assert pareto_front([]) == []


def test_costs_get_columns_where_they_are_known() -> None:
    plain = study_markdown(study_rows(_entries()))
    assert "bit operations" not in plain
    good, bad = _entries()
    paper = total_cost(cost_sizes("transformer-2k"), 30, "int8")
    cheap = [{"effective_bit_operations": x, "effective_weight_bits": 5} for x in (1e6, 2e6)]
    dear = [{"effective_bit_operations": 9e6, "effective_weight_bits": 9}] * 2
    rows = study_rows([replace(good, costs=cheap, paper=paper), replace(bad, costs=dear)])
    assert rows[0]["effective_bit_operations"] == 1.5e6
    assert [row["pareto"] for row in rows] == [True, False]
    head, _, first, second = study_markdown(rows).splitlines()
    assert head.endswith(
        "| 10^6 effective bit operations | on the front | 10^6 bit operations (formula) | energy (formula), nJ |"
    )
    assert first.endswith(f"| 1.5 | yes | 13.5 | {float(paper.energy_pj) * 1e-3:.3g} |")
    assert second.endswith("| 9 | no | - | - |")


def test_fronts_compare_rows_of_one_signal() -> None:
    good, bad = _entries()
    costs = [[{"effective_bit_operations": x, "effective_weight_bits": 5}] * 2 for x in (1e6, 9e6)]
    entries = [replace(good, costs=costs[0], signal="W"), replace(bad, costs=costs[1], signal="top", reference=None)]
    assert [row["pareto"] for row in study_rows(entries)] == [True, True]


def test_figures_are_the_same_for_the_same_rows(tmp_path: Path) -> None:
    good, bad = _entries()
    costs = [{"effective_bit_operations": x, "effective_weight_bits": 5} for x in (1e6, 2e6)]
    rows = study_rows([replace(good, costs=costs), replace(bad, costs=costs[:1])])
    (first,) = write_figures(rows, tmp_path / "a", "ladder")
    (second,) = write_figures(rows, tmp_path / "b", "ladder")
    assert first.name == "ladder-effective-bit-operations.svg"
    assert first.read_bytes() == second.read_bytes()
    assert first.stat().st_size > 5000
    assert write_figures(study_rows(_entries()), tmp_path, "none") == []


@pytest.mark.parametrize("name", config_names("studies"))
def test_every_study_is_valid(name: str) -> None:
    config = load_study(name)
    assert config.rows
    for row in config.rows:
        if row.start == PRETRAINING:  # a recipe of the row itself would train first
            assert pretraining_point(config, row, config.seeds[0]).recipe().precision == "float"
        else:
            assert row_recipe(config, row, config.seeds[0]).precision == row.precision


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("settings: [", "settings: [training.seed=7, ", "seeds are set by the study's key seeds, got training.seed=7"),
        ("precision: float", "precision: float, settings: [training.seed=7]", "seeds are set by the study's key seeds"),
        ("rows:", f"pretraining: {{data: {SAMPLE}, settings: [training.seed=7]}}\nrows:", "seeds are set by the study"),
        ("seeds: [1]", "seeds: [1, 2, 1]", r"seeds must be different numbers, got \[1, 2, 1\]"),
        ("settings: [", "settings: [sizes.heads=1, sizes.heads=2, ", "sizes.heads must be given once, got '1' and '2'"),
    ],
)
def test_seeds_and_settings_are_said_once(tmp_path: Path, old: str, new: str, message: str) -> None:
    study = write_study(tmp_path / "small.yaml", "float")
    study.write_text(study.read_text().replace(old, new))
    with pytest.raises(ConfigError, match=message):
        load_study(str(study))


def test_paper_costs_belong_to_precisions() -> None:
    config = load_study("learned-bits")
    tagger = load_tagger_config("transformer-2k", 30)
    costs = {row.note or row.precision: paper_cost(tagger, row) for row in config.rows}
    assert costs["int8"].bit_operations == 13455360
    assert costs["float"].bit_operations == 82575360
    assert costs["penalty 0.01"] is None
    common = {row.precision: paper_cost(tagger, row, ["quant.weights=ternary"]) for row in config.rows}
    assert common["int8"] is None
    assert common["float"] == costs["float"]


def test_rows_start_from_the_pretraining_of_the_study(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TRITAG_RUNS", str(tmp_path / "runs"))
    short = "training.iterations=5, training.batch_size=64, training.validate_every=5"
    row = "{tagger: transformer-2k, constituents: 4, precision: float, start: pretraining, body_rate: 0.5}"
    study = tmp_path / "small.yaml"
    study.write_text(f"data: {SAMPLE}\nsettings: [{short}]\nrows: [{row}]\n")
    assert cli.run(["study", str(study), "--processes", "1"]) == 2
    assert "start: pretraining needs the study's key pretraining" in capsys.readouterr().err
    pretraining = f"pretraining: {{data: {SAMPLE}, settings: [{short}, training.learning_rate=0.001]}}\n"
    study.write_text(study.read_text() + pretraining)
    assert cli.run(["study", str(study), "--processes", "1"]) == 0
    runs = [yaml.safe_load(path.read_text()) for path in tmp_path.glob("runs/*/config.yaml")]
    starts = {(run["config"].get("start") or {}).get("run"): run for run in runs}
    first = starts.pop(None)
    ((name, second),) = starts.items()
    assert name == f"{first['name']}-{first['digest']}"
    assert first["config"]["training"]["learning_rate"] == 0.001
    assert second["config"]["start"]["body_rate"] == 0.5


def test_what_fails_stops_only_what_needs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Here a pretraining: rows without it are trained, and the firmware of what is trained is checked."""
    monkeypatch.setenv("TRITAG_RUNS", str(tmp_path / "runs"))
    study, plugin = write_study(tmp_path / "my study.yaml", "int8"), tmp_path / "plug.py"
    row = "  - {tagger: transformer-2k, constituents: 4, precision: float, start: pretraining}\n"
    more = f"firmware: true\npretraining: {{data: {SAMPLE}, settings: [training.iterations=1]}}\n"
    study.write_text(f"{more}{study.read_text()}".replace("rows:\n", f"rows:\n{row}"))
    plugin.write_text("OF_A_STUDY = 1\n")
    whole, checked = trainings.train_run, []

    def fails(tagger: str, recipe: Recipe, **named: bool) -> TrainResult:
        if recipe.training.iterations == 1:
            raise RunError("no luck")
        return whole(tagger, recipe, **named)

    monkeypatch.setattr(trainings, "train_run", fails)
    monkeypatch.setattr(scheduler, "_check", lambda report, name: checked.append(name))
    with plugins.one_call():
        assert cli.run(["study", str(study), "--processes", "1", "--plugin", str(plugin)]) == 2
    message = capsys.readouterr().err
    assert "1 of 3 trainings and checks failed" in message
    assert "no luck" in message
    assert advised(message) == [["study", str(study), "--plugin", os.path.relpath(plugin), "--retry"]]
    assert [name.partition("-k4-")[2].startswith("int8-") for name in checked] == [True]


def test_differing_firmware_is_a_failed_check() -> None:
    """Of every row, and what shows nothing, too; the table has it as well."""
    strength = Strength(jets=100, crafted=1, empty=0, saturated=1, different=90, outputs=1)
    assert Strength.read(strength.as_dict()) == strength
    good, bad = _entries()
    found = {"differ": 0, "jets": 100, "compile_s": 1.0, "weak": ""}
    for firmware, said, cell in (
        (found | {"differ": 3}, "bad: 3 of 100 jets differ", "| 3 of 100 |"),
        (found | {"weak": strength.weakness}, "bad: .* all 90 have one answer", "| 0 of 100 (shows nothing) |"),
    ):
        rows = study_rows([replace(good, firmware=found), replace(bad, firmware=firmware)])
        assert cell in study_markdown(rows)
        with pytest.raises(CheckFailed, match=f"must give the integers of its tagger; {said}"):
            StudyResult("t", tuple(rows)).require_equal()
        StudyResult("t", tuple(rows[:1])).require_equal()


def test_trainings_side_by_side(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRITAG_RUNS", str(tmp_path / "runs"))
    study = write_study(tmp_path / "small.yaml", "float")
    study.write_text(study.read_text().replace("seeds: [1]", "seeds: [1, 2]"))
    assert cli.run(["study", str(study), "--processes", "2"]) == 0
    assert len(list(tmp_path.glob("runs/*/weights.safetensors"))) == 2


def test_auc_on_other_jets_has_a_column(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TRITAG_RUNS", str(tmp_path / "runs"))
    study = write_study(tmp_path / "small.yaml", "float")
    row = replace(load_study(str(study)).rows[0], start="pretraining", body_rate=0.3)
    require_jets(replace(load_study(str(study)), rows=(row,)), SAMPLE)  # a row that is fine-tuned has its tagger, too
    batch, other = read_jets(SAMPLE, n_max=60), tmp_path / "other.npz"
    arrays = {"p4": batch.p4, "n_constituents": batch.n_constituents}
    np.savez(other, **arrays)
    call = ["study", str(study), "--processes", "1", "--also-jets"]
    assert cli.run([*call, str(other)]) == 2
    assert "other.npz must have labels 0 or 1, got 60 of 60 with other labels" in capsys.readouterr().err
    assert not list(tmp_path.glob("runs/*"))  # nothing was trained for it
    np.savez(other, **arrays, is_top=batch.label)
    assert cli.run([*call, str(other)]) == 0
    head, _, row = capsys.readouterr().out.strip().splitlines()
    metrics = evaluate_run(open_run(next(tmp_path.glob("runs/*/"))), other).metrics
    assert head.startswith("| tagger | AUC | AUC, other | accuracy |")
    assert row.split(" | ")[2] == f"{metrics.auc.value:.3f} ± {metrics.auc.error:.3f} (60 jets)"


def test_a_table_so_far_has_what_is_done_and_trains_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TRITAG_RUNS", str(tmp_path / "runs"))
    study = write_study(tmp_path / "small.yaml", "float")
    call = ["study", str(study), "--so-far"]
    assert cli.run(call) == 2
    assert "no row of study" in capsys.readouterr().err
    for ignored in (["--processes", "1"], ["--retry"]):
        assert cli.run([*call, *ignored]) == 2
        assert "a table so far trains nothing; leave out processes" in capsys.readouterr().err
    assert cli.run(["study", str(study), "--processes", "1"]) == 0
    table = capsys.readouterr().out.strip()
    runs = {path.name for path in tmp_path.glob("runs/*")}
    write_study(study, "float", "int8")
    assert cli.run(call) == 0
    assert capsys.readouterr().out.strip() == f"{table}\n\nRows that are not done: 1."
    study.write_text(study.read_text().replace("seeds: [1]", "seeds: [1, 2]"))
    assert cli.run(call) == 2  # a row with one of its seeds is none
    assert {path.name for path in tmp_path.glob("runs/*")} == runs


def test_a_study_from_jets_to_front(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A small study of all kinds of rows: trained, counted, drawn; called again, nothing is trained twice."""
    monkeypatch.setenv("TRITAG_RUNS", str(tmp_path / "runs"))
    study = write_study(tmp_path / "small.yaml", "float", "int8", "learned-bits", "asymmetric-int8")
    page = tmp_path / "page.md"
    page.write_text("<!-- study small -->\n<!-- end small -->\n")
    call = ["study", str(study), "--write", str(page), "--figures", str(tmp_path / "figures"), "--processes", "1"]
    assert cli.run(call) == 0
    assert len([line for line in page.read_text().splitlines() if line.startswith("| transformer-2k")]) == 4
    assert {path.name for path in (tmp_path / "figures").iterdir()} == {
        "small-effective-bit-operations.svg",
        "small-bit-operations.svg",
        "small-energy.svg",
    }
    weights = {path: path.stat().st_mtime_ns for path in tmp_path.glob("runs/*/weights.safetensors")}
    assert len(weights) == 4
    assert len(list(tmp_path.glob("runs/*/cost.json"))) == 2
    text = page.read_text()
    assert cli.run(call) == 0
    assert page.read_text() == text
    assert all(path.stat().st_mtime_ns == at for path, at in weights.items())
    learned = next(tmp_path.glob("runs/*learned-bits*"))
    capsys.readouterr()
    assert cli.run(["cost", "--run", str(learned), "--json"]) == 0
    assert '"effective_bit_operations"' in capsys.readouterr().out
    row = next(tmp_path.glob("runs/*asymmetric-int8*"))
    assert cli.run(["cost", "--run", str(row)]) == 2
    assert "costs are counted on exported graphs, but activations: asymmetric" in capsys.readouterr().err
