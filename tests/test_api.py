"""The public functions: import tritag and work, without the command line."""

from __future__ import annotations

import inspect
import json
import pydoc
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import tritag
from tests.helpers.jets import SAMPLE
from tritag.errors import ConfigError, DataError, RunError
from tritag.models.jets.coded_jets import CodedJets
from tritag.pipeline.opened import OpenedRun
from tritag.structured import read_json_if_there

FUNCTIONS = (
    "open_run",
    "read_jets",
    "train",
    "export",
    "csim",
    "verify",
    "rtl",
    "clocks",
    "synth",
    "score",
    "score_file",
    "study",
    "sweep",
    "package",
    "vendor_reports",
)
SMALL = ("training.batch_size=64", "training.validate_every=10")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("api") / "runs"


@pytest.fixture(autouse=True)
def _runs(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRITAG_RUNS", str(runs))


@pytest.fixture(scope="module")
def run(runs: Path) -> OpenedRun:
    """A trained and exported run with 4 constituents: the quickstart's, so that one compilation serves both."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRITAG_RUNS", str(runs))
        result = tritag.train("transformer-2k", str(SAMPLE), constituents=4, iterations=20, settings=SMALL)
        exported = tritag.export(result.run)
    assert result.as_dict()["test"] == result.metrics["test"]
    assert exported.model.is_file()
    assert exported.as_dict() == {"run": str(result.run.directory), "model": str(exported.model)}
    return result.run


def test_import_is_quick_and_help_shows_the_functions() -> None:
    code = (
        "import sys, tritag; print(dir(tritag)); "
        "print([m for m in ('torch', 'numpy', 'onnx', 'brevitas', 'hls4ml', 'h5py', 'rich') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    names, heavy = done.stdout.splitlines()
    assert all(repr(name) in names for name in FUNCTIONS)
    assert heavy == "[]"
    done = subprocess.run(
        [sys.executable, "-c", "import tritag; help(tritag)"], capture_output=True, text=True, check=True
    )
    for text in (*(f"{name}(" for name in FUNCTIONS), "(n, outputs) int64", "in GeV", "RunError", "0.25 GeV"):
        assert text in done.stdout


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_is_typed_and_documented(name: str) -> None:
    function = getattr(tritag.api, name)
    text = inspect.getdoc(function) or ""
    for section in ("Parameters\n---", "Returns\n---", "Raises\n---", "Examples\n---"):
        assert section in text, section
    signature = inspect.signature(function)
    assert signature.return_annotation is not inspect.Signature.empty
    for parameter in signature.parameters.values():
        assert parameter.annotation is not inspect.Parameter.empty
        assert f"\n{parameter.name} : " in text, parameter.name


def test_export_is_the_function_and_the_room() -> None:
    """The first import of the room puts it in the function's place; it can be called and does the same."""
    import tritag.export.graph

    assert inspect.ismodule(tritag.export)
    assert tritag.export.graph.read_graph is not None
    with pytest.raises(RunError, match="no-such-run"):
        tritag.export("no-such-run")
    assert pydoc.locate("tritag.export") is not None


def test_a_run_is_opened_by_name_path_or_itself(run: OpenedRun) -> None:
    by_name = tritag.open_run("transformer-2k-k4-int8-ternary-incremental")
    assert by_name == run == tritag.open_run(run) == tritag.open_run(run.run) == tritag.open_run(run.directory)
    assert by_name.recipe.tagger.n_constituents == 4
    float_run = by_name.float_run()
    assert float_run is not None
    assert float_run.float_run() is None
    with pytest.raises(RunError, match="did you mean"):
        tritag.open_run("transfomer-2k-k4-int8-ternary")


def test_all_executors_score_alike(run: OpenedRun) -> None:
    jets = tritag.read_jets(run, split="test", n_max=40)
    scores = {name: tritag.score(run, jets, name) for name in ("pytorch", "onnxruntime", "qonnx", "csim", "emulator")}
    first = scores["pytorch"]
    assert first.names == ("logit",)
    assert first.integers.shape == (40, 1)
    assert first.integers.dtype == np.int64
    assert first.floats.dtype == np.float64
    np.testing.assert_array_equal(first.floats / first.lsb, first.integers)
    for other in scores.values():
        np.testing.assert_array_equal(other.integers, first.integers)
        assert (other.lsb, other.names) == (first.lsb, first.names)
    assert json.loads(json.dumps(first.as_dict()))["integers"] == first.integers.tolist()


def test_jets_of_every_form_score_alike(run: OpenedRun) -> None:
    jets = tritag.read_jets(SAMPLE, split="test", n_max=10)
    coded = CodedJets.from_batch(jets, 4)
    codes, count = coded.codes.numpy(), coded.count.numpy()
    expected = tritag.score(run, jets).integers
    for given in (coded, (codes, count), (codes, count[:, 0]), (codes.astype(np.int16), count[:, 0].astype(np.uint8))):
        np.testing.assert_array_equal(tritag.score(run.directory, given).integers, expected)


def test_wrong_jets_and_names_are_refused(run: OpenedRun) -> None:
    codes, count = np.zeros((2, 4, 3), np.int64), np.zeros(2, np.int64)
    for given, message in (
        ((codes[:, :, :2], count), "codes must have shape"),
        ((codes, count[:1]), "codes must have shape"),
        ((codes[:, :3], count), r"codes must have shape \(n, 4, 3\)"),
        ((codes * 0.5, count), "must be integers"),
        ((codes, count + 5), r"counts must lie in \[0, 4\]"),
    ):
        with pytest.raises(DataError, match=message):
            tritag.score(run, given)
    with pytest.raises(ConfigError, match="unknown executor 'pytroch'; did you mean 'pytorch'"):
        tritag.score(run, (codes, count), "pytroch")
    with pytest.raises(ConfigError, match="unknown target"):
        tritag.csim(run, "vu13p")
    with pytest.raises(ConfigError, match="unknown tagger"):
        tritag.train("transfomer-2k")
    with pytest.raises(DataError, match="jet file must exist"):
        tritag.read_jets("missing.h5")
    with pytest.raises(ConfigError, match="unknown data"):
        tritag.read_jets("top-dmo")
    with pytest.raises(RunError, match="make it with 'tritag rtl"):
        tritag.synth(run)
    float_run = run.float_run()
    assert float_run is not None
    with pytest.raises(RunError, match="make it with 'tritag export"):
        tritag.score(float_run, (codes, count))


def test_results_are_frozen_and_say_what_the_files_say(run: OpenedRun) -> None:
    checked = tritag.csim(run)
    assert checked.golden.differ == 0
    assert json.loads(json.dumps(checked.as_dict())) == read_json_if_there(run.directory / "csim.json")
    verified = tritag.verify(run, n_max=50, progress=False)
    verified.require_equal()
    assert verified.equal
    assert json.loads(json.dumps(verified.as_list())) == read_json_if_there(run.directory / "verify.json")
    assert verified.as_dict()["verdicts"] == verified.as_list()
    with pytest.raises(AttributeError):
        verified.verdicts = ()  # type: ignore[misc]


def test_the_emulator_is_compared_on_ten_times_as_many_jets(run: OpenedRun, monkeypatch: pytest.MonkeyPatch) -> None:
    """By default, and the table of ``tritag verify`` says of each executor on how many."""
    monkeypatch.setattr("tritag.pipeline.verify.DEFAULT_JETS", 20)
    verified = tritag.verify(run, executors=["onnxruntime", "emulator"], progress=False)
    few, many = (verdict.jets for verdict in verified.verdicts)
    assert many - few == 9 * 20
    assert verified.equal
    assert [entry["jets"] for entry in verified.as_list()] == [few, many]
