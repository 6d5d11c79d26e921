"""The commands on one small run: the whole way, and what wrong input does to it."""

from __future__ import annotations

import json
import re
import shutil
import tarfile
from pathlib import Path

import numpy as np
import pytest

import tritag
from tests.helpers.advised import advised
from tests.helpers.jets import SAMPLE
from tests.helpers.vendor import CSYNTH
from tritag import advice, cli, tools
from tritag.data.simulation.sample import read_sample
from tritag.export.executors import OnnxRuntimeExecutor
from tritag.export.graph import read_graph
from tritag.export.model_file import write_model
from tritag.export.naming import Naming
from tritag.export.rtl.text.fpga import Figures
from tritag.export.rtl.tools import simulation, synthesis
from tritag.files import write_json
from tritag.pipeline import score_file, step_sources
from tritag.pipeline.defaults import DEFAULT_TARGET
from tritag.pipeline.executors import verilog_of
from tritag.pipeline.made_design import design_of
from tritag.structured import read_json_if_there

SMALL = ["--set", "training.batch_size=64", "--set", "training.validate_every=10", "--iterations", "20"]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("commands")


@pytest.fixture(scope="module")
def run(root: Path) -> Path:
    """A trained and exported run with 4 constituents."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRITAG_RUNS", str(root / "runs"))
        assert cli.run(["train", "transformer-2k", "--data", str(SAMPLE), "-K", "4", *SMALL]) == 0
        directory = next((root / "runs").glob("transformer-2k-k4-int8-ternary-*"))
        assert cli.run(["export", str(directory)]) == 0
    return directory


@pytest.fixture(autouse=True)
def _runs(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRITAG_RUNS", str(root / "runs"))


def test_trained_run_is_found_not_repeated(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (run / "weights.safetensors").stat().st_mtime_ns
    assert cli.run(["train", "transformer-2k", "--data", str(SAMPLE), "-K", "4", *SMALL]) == 0
    assert "trained already" in capsys.readouterr().err
    assert (run / "weights.safetensors").stat().st_mtime_ns == before


def test_csim_verify_and_report_agree(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    read_back = [{"kind": kind, "design": "", "part": "", "figures": {"lut": 7}} for kind in ("csynth", "utilization")]
    write_json(run / "vendor.json", read_back)
    assert cli.run(["csim", str(run)]) == 0
    result = read_json_if_there(run / "csim.json")
    assert read_json_if_there(run / "vendor.json") == read_back[1:]  # the other was of an earlier project
    assert (result["interface"], result["part"]) == ("plain", "xcvu13p-flga2577-2-e")
    assert result["golden"]["differ"] == 0
    assert result["golden"]["jets"] > 100
    assert (run / "hls" / "firmware" / f"{Naming.of_run(run.name).full}.cpp").is_file()
    assert not [path for path in (run / "hls").rglob("*") if path.suffix in (".o", ".so")]
    batch = read_sample("test")
    np.savez(tmp_path / "jets.npz", p4=batch.p4, n_constituents=batch.n_constituents)
    capsys.readouterr()
    assert cli.run(["verify", str(run), "--jets", str(tmp_path / "jets.npz"), "--layers", "--json"]) == 0
    verdicts = json.loads(capsys.readouterr().out)
    assert {v["executor"]: (v["jets"], v["differ"]) for v in verdicts} == dict.fromkeys(
        ("pytorch", "onnxruntime", "qonnx", "hls4ml-csim", "emulator"), (len(batch.p4), 0)
    )
    command = ["verify", str(run), "--jets", str(tmp_path / "jets.npz"), "--executors", "onnxruntime,cmssw", "--json"]
    assert cli.run(command) == 0
    verdicts = json.loads(capsys.readouterr().out)
    assert [(v["executor"], v["jets"], v["differ"]) for v in verdicts][1:] == [("cmssw", len(batch.p4), 0)]
    assert cli.run(["verify", str(run)]) == 0
    assert cli.run(["report", str(run)]) == 0
    assert "0 /" in capsys.readouterr().out
    assert "<table>" in (run / "report.html").read_text()
    assert read_json_if_there(run / "report.json")["vendor"] == read_back[1:]
    (run / "vendor.json").unlink()


@pytest.mark.long
def test_csim_in_words(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["csim", str(run), "--interface", "words"]) == 0
    assert "0 of " in (said := " ".join(capsys.readouterr().err.split()))
    assert "golden vectors differ in words" in said
    assert len(list((run / "hls" / "firmware").glob("*_words.cpp"))) == 1
    assert cli.run(["csim", str(run)]) == 0
    assert not list((run / "hls" / "firmware").glob("*_words.cpp"))


def test_equivariance(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["equivariance", str(run), "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result == read_json_if_there(run / "equivariance.json")
    assert result["frames"] is None
    assert {c["tagger"] for c in result["changes"]} == {"float", "float, re-gridded", "fixed"}
    batch = read_sample("test")
    np.savez(tmp_path / "jets.npz", p4=batch.p4, n_constituents=batch.n_constituents)
    assert cli.run(["equivariance", str(run), "--jets", str(tmp_path / "jets.npz"), "--n-max", "10"]) == 0
    assert "median / 99 % of 10 jets" in capsys.readouterr().out
    float_run = next(run.parent.glob("transformer-2k-k4-float-*"))
    assert cli.run(["equivariance", str(float_run)]) == 2
    assert "must be a quantized run" in capsys.readouterr().err


@pytest.mark.parametrize("executors", ["onnxruntime,qonnx,emulator", pytest.param("csim", marks=pytest.mark.long)])
def test_changed_table_entry_is_found_and_named(run: Path, executors: str, capsys: pytest.CaptureFixture[str]) -> None:
    import onnx
    from onnx import numpy_helper

    path = run / "model.qonnx.onnx"
    whole = path.read_bytes()
    model = onnx.load(path)
    table = next(i for i in model.graph.initializer if i.name.endswith("gelu_gelu"))
    entries = numpy_helper.to_array(table).copy()
    entries[96:160] ^= 1
    table.CopyFrom(numpy_helper.from_array(entries, table.name))
    write_model(path, model)
    try:
        capsys.readouterr()
        assert cli.run(["verify", str(run), "--layers", "--json", "--executors", f"pytorch,{executors}"]) == 1
    finally:
        path.write_bytes(whole)
        (run / "verify.json").unlink()  # the run is other tests', too, which may come next on this worker
    captured = capsys.readouterr()
    verdicts = {v["executor"]: v for v in json.loads(captured.out)}
    assert verdicts["pytorch"]["differ"] == 0
    for name in executors.replace("csim", "hls4ml-csim").split(","):
        assert verdicts[name]["differ"] > 0
        assert verdicts[name]["first_layer"] == "blocks_0_gelu"
    assert "first in blocks_0_gelu" in captured.err


def test_float_run_is_not_exported(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    directory = next(run.parent.glob("transformer-2k-k4-float-*"))
    assert cli.run(["export", str(directory)]) == 2
    assert "only a quantized tagger has an exact form in firmware" in capsys.readouterr().err


def test_without_compiler(
    run: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TRITAG_CACHE", str(tmp_path))
    monkeypatch.setattr(tools.shutil, "which", lambda name: None)
    assert cli.run(["csim", str(run)]) == 2
    assert "C-simulation needs g++ on PATH" in capsys.readouterr().err
    assert not list(tmp_path.rglob("*.so"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "transfomer-2k"], "did you mean 'transformer-2k'?"),
        (["train", "transformer-2k", "--precision", "int4"], "unknown precision 'int4'"),
        (["train", "transformer-2k", "--set", "training.batchsize=3"], "did you mean 'batch_size'?"),
        (["train", "transformer-2k", "--set", "trainig.batch_size=3"], "did you mean 'training'?"),
        (["train", "transformer-2k", "--set", "sizes.chanels=8"], "did you mean 'channels'?"),
        (["train", "transformer-2k", "--set", "sizes.heads=3"], "heads"),
        (["train", "transformer-2k", "--set", "batch_size"], "takes section.key=value"),
        (["train", "transformer-2k", "-K", "300"], "n_constituents must lie in [1, 128], got 300"),
        (["train", "transformer-2k", "--data", "no-such"], "unknown data"),
        (["train", "transformer-2k", "--off-grid"], "takes the trigger's integer codes"),
        (["train"], "name a tagger to train"),
        (["verify", "no-such-run"], "no-such-run"),
        (["export", "no-such-run"], "no-such-run"),
        (["export", "--run", "no-such-run"], "no-such-run"),
        (["export"], "name a run: RUN is its directory or the tagger's name"),
        (["export", "one", "--run", "other"], "name one run, got 'one' and --run 'other'"),
    ],
)
def test_wrong_calls_say_what_to_do(
    arguments: list[str],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("TRITAG_RUNS", str(tmp_path))
    assert cli.run(arguments) == 2
    assert not list(tmp_path.iterdir())
    error = " ".join(capsys.readouterr().err.split())
    assert message in error
    assert "Traceback" not in error


def test_wrong_jets_say_what_to_do(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    batch = read_sample("test")
    broken = batch.p4.copy()
    broken[3, 1, 0] = np.nan
    np.savez(tmp_path / "nan.npz", p4=broken, n_constituents=batch.n_constituents)
    negative = batch.p4.copy()
    negative[3, 1, 0] = -5
    np.savez(tmp_path / "negative.npz", p4=negative, n_constituents=batch.n_constituents)
    (tmp_path / "truncated.h5").write_bytes(SAMPLE.read_bytes()[:2000])
    for name, message in (
        ("nan.npz", "finite"),
        ("negative.npz", "energ"),
        ("truncated.h5", ""),
        ("missing.h5", "exist"),
    ):
        assert cli.run(["verify", str(run), "--jets", str(tmp_path / name)]) == 2
        error = capsys.readouterr().err
        assert message in error
        assert "Traceback" not in error


def test_more_constituents_than_the_data_has(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    batch = read_sample("test")
    np.savez(tmp_path / "few.npz", p4=batch.p4[:, :3], n_constituents=np.minimum(batch.n_constituents, 3))
    assert cli.run(["verify", str(run), "--jets", str(tmp_path / "few.npz")]) == 2
    assert "K = 4 with N = 3" in capsys.readouterr().err


def test_run_of_another_version(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = run / "config.yaml"
    text = path.read_text()
    path.write_text(text.replace("run_format: 2", "run_format: 7"))
    try:
        assert cli.run(["export", str(run)]) == 2
    finally:
        path.write_text(text)
    assert "was written in run format 7" in capsys.readouterr().err


def test_a_study_is_trained_but_not_exported(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["train", "transformer-2k", "--data", str(SAMPLE), "-K", "4", "--precision", "asymmetric-int8", *SMALL]
    assert cli.run(arguments) == 0
    directory = next((root / "runs").glob("transformer-2k-k4-asymmetric-int8-*"))
    capsys.readouterr()
    assert cli.run(["export", str(directory)]) == 2
    message = capsys.readouterr().err
    assert "activations: asymmetric is simulated, without exact form in firmware: its scales are free floats" in message
    assert cli.run(["evaluate", str(directory)]) == 0


def _own_target(folder: Path, part: str) -> str:
    path = folder / "own.yaml"
    path.write_text(f"part: {part}\nclock_period_ns: 4\ninterval_cycles: 9\n")
    return str(path)


def test_rtl_without_simulation(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No jets: schedule and estimate alone, for a part that the table does not know."""
    target = _own_target(tmp_path, "xcvp1802-lsvc4072-2MP-e-S")
    assert cli.run(["rtl", str(run), "--jets", "0", "--target", target, "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result == read_json_if_there(run / "rtl.json")
    assert result["latency_cycles"] is None
    assert result["scheduled_latency_cycles"] > 0
    assert (result["part"], len(result["assumptions"])) == ("xcvp1802-lsvc4072-2MP-e-S", 2)
    assert (run / "rtl" / f"{Naming.of_run(run.name).full}.v").is_file()
    assert cli.run(["report", str(run)]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "latency (scheduled)" in shown
    assert "measured" not in shown
    assert "there are no shares" in shown.replace("│ ", "")
    page = (run / "report.html").read_text()
    assert "<td>latency (scheduled)</td>" in page
    assert "%" not in page[page.index("<td>LUT (estimated)</td>") :].split("</table>")[0]


def test_a_design_is_built_again_as_it_was_made(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The target's file is changed or gone, the beats are fewer than asked: the package has the Verilog of the run."""
    monkeypatch.chdir(tmp_path)
    own = Path(_own_target(tmp_path, "xcvu13p-flga2577-2-e"))
    command = ["rtl", str(run), "--jets", "0", "--target", own.name, "--name", "own", "--beats", "3", "--json"]
    assert cli.run(command) == 0
    shown = capsys.readouterr()
    made = json.loads(shown.out)
    assert (made["beats"], made["most_beats"]) == (2, 3)  # two rows a beat are 2 beats for 4 rows
    assert "a jet enters in 2 beats, not in the 3 allowed" in " ".join(shown.err.split())
    written = (run / "rtl" / "own_v1.v").read_bytes()
    assert cli.run([*command[:2], "--clocks", "250", *command[4:6], "--beats", "3", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["beats"] == 2
    own.write_text("part: xc7z020clg400-1\nclock_period_ns: 10\ninterval_cycles: 20\n")
    monkeypatch.chdir(run.parent)
    assert cli.run(["package", str(run), "--name", "own", "--out", str(tmp_path)]) == 0
    with tarfile.open(tmp_path / "own_v1.tar.gz") as archive:
        assert archive.extractfile("own_v1/verilog/own_v1.v").read() == written  # type: ignore[union-attr]
        assert b"xcvu13p" in archive.extractfile("own_v1/verilog/vivado_ooc.tcl").read()  # type: ignore[union-attr]
    opened = tritag.open_run(run)
    assert verilog_of(opened, read_graph(run / "model.qonnx.onnx"), DEFAULT_TARGET).interval_cycles == 9


def test_another_design_forgets_the_bit_check_of_the_old(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The verdict on Verilog goes, and whatever was compared with it; all others stay, and the command is named."""
    names = ("pytorch", "hls4ml-csim", "verilog")
    verdicts = [{"executor": name, "jets": 3, "differ": 0} for name in names]
    write_json(run / "verify.json", verdicts)
    assert cli.run(["rtl", str(run), "--jets", "0"]) == 0
    assert read_json_if_there(run / "verify.json") == verdicts[:2]
    shown = " ".join(capsys.readouterr().err.split())
    assert "the bit check of the earlier Verilog is dropped" in shown
    assert "--executors pytorch,csim,verilog'" in shown
    write_json(run / "verify.json", verdicts)
    assert cli.run(["rtl", str(run), "--jets", "0", "--interface", "words"]) == 0
    assert "--executors onnxruntime,verilog --interface words' checks" in " ".join(capsys.readouterr().err.split())
    for pair in (verdicts[::-1], verdicts[1:]):
        write_json(run / "verify.json", pair)
        assert cli.run(["rtl", str(run), "--jets", "0"]) == 0
        assert not (run / "verify.json").exists()


def test_demo_without_verilator(run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The bit check is done, and what is missing is said; the same with --synth and without Yosys is refused."""
    demo = ["demo", "transformer-2k", "--data", str(SAMPLE), "-K", "4", *SMALL]
    monkeypatch.setattr(simulation, "missing_tools", lambda: ["Verilator"])
    assert cli.run(demo) == 0
    shown = capsys.readouterr()
    assert "latency is not measured, only scheduled: RTL simulation needs Verilator; install it: " in shown.err
    assert re.search(r"pytorch = hls4ml-csim\s*│ 0 / [\d,]+ jets differ", shown.out)
    assert re.search(r"latency \(scheduled\)\s*│ \d+ cycles", shown.out)
    assert re.search(r"LUT \(estimated\)\s*│ [\d,]+ = [\d.]+% \(SLR [\d.]+%\)", shown.out)
    assert read_json_if_there(run / "rtl.json")["scenarios"] == {}
    monkeypatch.setattr(synthesis, "missing_tools", lambda: ["pyosys (Yosys)"])
    assert cli.run([*demo, "--synth"]) == 2
    assert "RTL synthesis needs pyosys (Yosys); install it: " in capsys.readouterr().err
    assert cli.run([*demo, "--synth", "--no-rtl"]) == 2
    assert "--synth counts the Verilog that --no-rtl leaves out" in capsys.readouterr().err


def test_synth_and_compare(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Figures of every kernel, shares and estimates; the table beside published taggers. Yosys is replaced."""
    graph = read_graph(run / "model.qonnx.onnx")
    design, settings = design_of(graph, "vu13p-360mhz", 54, 4, dsp_bits=100)
    assert design.estimate()["dsp"] < design_of(graph, "vu13p-360mhz", 54, 4)[0].estimate()["dsp"]
    scenarios = {"back_to_back": {"jets": 10, "differ": 0}}
    measured = {"latency_cycles": design.latency_cycles, "interval_cycles": 54, "scenarios": scenarios}
    write_json(run / "rtl.json", settings | measured)
    monkeypatch.setenv("TRITAG_CACHE", str(tmp_path))
    monkeypatch.setattr(synthesis, "_yosys", lambda text, files, names: [Figures(lut=9, levels=3) for _ in names])
    assert cli.run(["synth", str(run), "--only", "no such kernel"]) == 2
    assert "--only must be part of a kernel's name" in capsys.readouterr().err
    assert cli.run(["synth", str(run), "--only", "gelu", "--json"]) == 0
    some = json.loads(capsys.readouterr().out)["kernels"]
    assert some
    assert all("gelu" in kernel["module"] for kernel in some)
    assert not (run / "synth.json").exists()
    assert cli.run(["synth", str(run)]) == 0
    shown = capsys.readouterr()
    assert "modules, about" in shown.err
    assert "share of one SLR" in shown.out
    assert "period (estimates): 1.65 ns from 3 levels" in shown.out
    result = read_json_if_there(run / "synth.json")
    modules = 1 + sum(k["instances"] for k in result["kernels"])
    assert result["total"]["lut"] == 9 * modules
    assert result["slr_shares"]["lut"] == pytest.approx(4 * result["part_shares"]["lut"])
    assert (result["part"], result["holds"]["slrs"], result["assumptions"]) == ("xcvu13p-flga2577-2-e", 4, [])
    assert result["clock_estimate"]["levels"] == 3
    assert result["vendor"] is None
    assert cli.run(["compare", str(run), "--markdown"]) == 0
    table = capsys.readouterr().out
    assert f"| {run.name} | 4 | measured (simulation) |" in table
    assert f"| counted (Yosys) | - | - | - | - | - | {9 * modules:,} |" in table
    assert "| quoted |" in table
    assert cli.run(["compare", str(run), str(run)]) == 2
    assert "runs to compare must be different ones, got [" in capsys.readouterr().err
    made = read_json_if_there(run / "rtl.json")
    made["target"] = _own_target(tmp_path, "xcvp1802-lsvc4072-2MP-e-S")
    del made["target_settings"]  # as an earlier version wrote it: the target is read again
    write_json(run / "rtl.json", made)
    assert cli.run(["synth", str(run)]) == 0
    shown = capsys.readouterr()
    assert "share of" not in shown.out
    assert "assumption: xcvp1802-lsvc4072-2MP-e-S is not in the table of parts" in shown.err
    result = read_json_if_there(run / "synth.json")
    assert [result[name] for name in ("holds", "part_shares", "slr_shares")] == [None, None, None]


def test_clocks(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A slower clock takes fewer cycles; nothing of the run changes; bad frequencies are refused in one line."""
    before = sorted(path.name for path in run.iterdir())
    assert cli.run(["rtl", str(run), "--clocks", "240,360", "--beats", "4", "--json"]) == 0
    slow, fast = json.loads(capsys.readouterr().out)
    design, settings = design_of(read_graph(run / "model.qonnx.onnx"), "vu13p-360mhz", None, 4)
    assert (fast["latency_cycles"], fast["lut"]) == (design.latency_cycles, design.estimate()["lut"])
    assert (fast["levels"], slow["levels"]) == (settings["levels"], 7)
    assert slow["latency_cycles"] < fast["latency_cycles"]
    for at in (slow, fast):
        period_ns = max(at["size_period_ns"], at["clock_period_ns"])
        assert at["latency_at_size_ns"] == pytest.approx(at["latency_cycles"] * period_ns)
    for bad in ("", "360,fast", "0", "-1,360", "nan", "inf"):
        assert cli.run(["rtl", str(run), f"--clocks={bad}"]) == 2
        assert "--clocks must be frequencies in MHz" in capsys.readouterr().err
    assert sorted(path.name for path in run.iterdir()) == before


def test_an_interrupted_scoring_goes_on(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed behind two chunks, the same command scores the rest; the file is that of an unbroken scoring."""
    monkeypatch.setattr(score_file, "CHUNK_JETS", 60)
    command = ["score", str(run), "--jets", str(SAMPLE), "--executor", "onnxruntime", "--out"]
    calls = iter([False, False, True])
    plain = OnnxRuntimeExecutor.run

    def interrupted(self: OnnxRuntimeExecutor, *inputs: np.ndarray) -> np.ndarray:
        if next(calls, False):
            raise KeyboardInterrupt
        return plain(self, *inputs)

    monkeypatch.setattr(OnnxRuntimeExecutor, "run", interrupted)
    broken, whole = tmp_path / "scores.npz", tmp_path / "whole.npz"
    assert cli.run([*command, str(broken)]) == 130
    assert not broken.exists()
    _, second = sorted((tmp_path / ".scores.npz.parts").glob("*.part"))
    shutil.copytree(second.parent, tmp_path / ".other.npz.parts")
    with monkeypatch.context() as patch:  # parts of another emulator are begun anew
        patch.setattr(step_sources, "digest_sources", lambda *_: {})
        step_sources.sources_of.cache_clear()
        assert tritag.score_file(run, SAMPLE, tmp_path / "other.npz", executor="onnxruntime").resumed == 0
    step_sources.sources_of.cache_clear()
    (tmp_path / "other.npz").unlink()
    flipped = bytearray(second.read_bytes())
    flipped[-1] ^= 1  # a score that is a little different: scored anew
    second.write_bytes(flipped)
    assert tritag.score_file(run, SAMPLE, broken, executor="onnxruntime").resumed == 60
    assert cli.run([*command, str(whole)]) == 0
    assert broken.read_bytes() == whole.read_bytes()
    expected = tritag.score(run, tritag.read_jets(SAMPLE), executor="onnxruntime")
    with np.load(whole) as scores:
        np.testing.assert_array_equal(scores["integers"], expected.integers)
        assert (float(scores["lsb"]), str(scores["names"][0])) == (expected.lsb, "logit")
    assert {path.name for path in tmp_path.iterdir()} == {"scores.npz", "whole.npz"}


def test_scores_are_not_written_over(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "there.h5").write_text("mine")
    for name, text in (("there.h5", "must not exist yet"), ("scores.csv", "must end with .h5 or .npz")):
        assert cli.run(["score", str(run), "--jets", str(SAMPLE), "--out", str(tmp_path / name)]) == 2
        assert text in capsys.readouterr().err
    assert (tmp_path / "there.h5").read_text() == "mine"


def test_package_needs_verilog_and_agreement(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (run / "rtl.json").unlink(missing_ok=True)
    assert cli.run(["package", str(run), "--out", str(tmp_path)]) == 2
    assert "make it with 'tritag rtl" in capsys.readouterr().err
    assert cli.run(["rtl", str(run), "--jets", "0"]) == 0
    assert cli.run(["package", str(run), "--name", "a b"]) == 2
    assert cli.run(["package", str(run), "--out", str(tmp_path), "--name", "tag", "--version", "2"]) == 0
    first = (tmp_path / "tag_v2.tar.gz").read_bytes()
    copied = tmp_path / "moved" / run.name
    shutil.copytree(run, copied)
    again = tritag.package(copied, name="tag", version=2, out=tmp_path / "release-1.2")  # a folder
    assert again.archive == tmp_path / "release-1.2" / "tag_v2.tar.gz"
    assert (again.archive.read_bytes(), again.naming.full) == (first, "tag_v2")
    (tmp_path / "notes.txt").write_text("mine")
    assert cli.run(["package", str(run), "--out", str(tmp_path / "notes.txt")]) == 2
    assert "a package must go into a folder, or a file that ends with .tar.gz or .tgz" in capsys.readouterr().err
    assert (tmp_path / "notes.txt").read_text() == "mine"
    rtl = read_json_if_there(copied / "rtl.json")
    (copied / "csim.json").unlink(missing_ok=True)
    (copied / "verify.json").unlink(missing_ok=True)
    latency = rtl["scheduled_latency_cycles"]
    measured = {"latency_cycles": latency + 6, "interval_cycles": 60, "intervals_seen": [60]}
    one_answer = {"jets": 50, "crafted": 0, "empty": 0, "saturated": 0, "different": 50, "outputs": 1}
    golden = {"executor": "hls4ml-csim", "jets": 200, "differ": 3}
    for name, content, message in (
        ("rtl", {"scenarios": {"stalls": {"jets": 5, "differ": 1}}}, "needs integers that agree, but stalls differ"),
        ("rtl", measured, f"by rtl.json the latency must be {latency} cycles, measured {latency + 6}; 'tritag rtl "),
        ("rtl", measured | {"latency_cycles": latency}, "jets must come every 54 cycles, measured [60]"),
        ("rtl", {"strength": one_answer}, "by rtl.json a tagger must answer different jets differently"),
        ("csim", {"golden": golden}, "but hls4ml-csim differ; see csim.json"),
        ("csim", {"golden": golden | {"differ": 0}, "strength": one_answer}, "by csim.json a tagger must answer"),
        ("verify", [golden], "but hls4ml-csim differ"),
        ("verify", [golden | {"differ": 0, "strength": one_answer}], "by verify.json a tagger must answer"),
    ):
        write_json(copied / f"{name}.json", rtl | content if name == "rtl" else content)
        assert cli.run(["package", str(copied), "--out", str(tmp_path / "refused.tar.gz")]) == 2
        assert message in " ".join(capsys.readouterr().err.split())
        assert not (tmp_path / "refused.tar.gz").exists()
        write_json(copied / "rtl.json", rtl)
        (copied / "csim.json").unlink(missing_ok=True)


def test_a_check_of_nothing_has_not_passed(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    batch = read_sample("test")
    for n in (0, 3):
        file = tmp_path / f"{n}.npz"
        np.savez(file, p4=0 * batch.p4[:n], n_constituents=0 * batch.n_constituents[:n])
        assert cli.run(["verify", str(run), "--jets", str(file)]) == 2
        told = " ".join(capsys.readouterr().err.split())
        assert "jets" in told
    np.savez(tmp_path / "some.npz", p4=batch.p4, n_constituents=batch.n_constituents)
    assert cli.run(["verify", str(run), "--jets", str(tmp_path / "some.npz"), "--json"]) == 0
    (first, *_) = json.loads(capsys.readouterr().out)
    assert first["strength"]["outputs"] > 10
    assert first["strength"]["crafted"] == 0


def test_chosen_executors(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    batch = read_sample("test")
    np.savez(tmp_path / "jets.npz", p4=batch.p4, n_constituents=batch.n_constituents)
    command = ["verify", str(run), "--jets", str(tmp_path / "jets.npz"), "--json", "--executors"]
    assert cli.run([*command, "onnxruntime, qonnx"]) == 0
    assert [v["executor"] for v in json.loads(capsys.readouterr().out)] == ["onnxruntime", "qonnx"]
    for given, message in (
        ("qonnx", "needs two different executors or more, got qonnx"),
        ("qonnx,qonnx", "needs two different executors or more"),
        (",", "got none"),
        ("qonnx,verlog", "did you mean 'verilog'?"),
    ):
        assert cli.run([*command, given]) == 2
        assert message in " ".join(capsys.readouterr().err.split())


def test_reports_of_the_vendor_s_tools(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """They stand in the run and in the package as the vendor's; another Verilog forgets them."""
    assert cli.run(["rtl", str(run), "--jets", "0"]) == 0
    report = tmp_path / "utilization.rpt"
    table = "| Site Type | Used |\n| CLB LUTs | 7 | 0 |\n| CLB Registers | 8 | 0 |\n| DSPs | 9 | 0 |\n"
    head = f"| Design : {Naming.of_run(run.name).full}\n| Device : xcvu13p-flga2577-2-e\n"
    report.write_text(head + table)
    assert cli.run(["rtl", str(run), "--vendor-report", str(report), "--vendor-report", str(report)]) == 0
    (kept,) = read_json_if_there(run / "vendor.json")
    assert (kept["origin"], kept["kind"], kept["figures"]) == ("vendor", "utilization", {"lut": 7, "ff": 8, "dsp": 9})
    assert "vendor (Vivado utilization, utilization.rpt): 7 LUT, 8 FF, 9 DSP" in capsys.readouterr().err
    assert cli.run(["compare", str(run), "--markdown"]) == 0
    shown = "| vendor (Vivado utilization, utilization.rpt) | - | - | - | - | - | 7 | 8 | 9 | xcvu13p-flga2577-2-e |"
    assert shown in capsys.readouterr().out
    for old, new, message in (
        ("xcvu13p-flga2577-2-e", "xcku115-flvb2104-2-e", "is of the part xcku115-flvb2104-2-e, but"),
        ("2577-2-e", "2577-1-e", "is of the part xcvu13p-flga2577-1-e, but"),
        (Naming.of_run(run.name).full, "other_v1", "is of the design other_v1, but"),
    ):
        report.write_text(head.replace(old, new) + table)
        capsys.readouterr()
        assert cli.run(["rtl", str(run), "--vendor-report", str(report)]) == 2
        assert message in " ".join(capsys.readouterr().err.split())
    assert cli.run(["rtl", str(run), "--vendor-report", str(report), "--name", "other"]) == 0
    capsys.readouterr()
    assert cli.run(["rtl", str(run), "--jets", "0"]) == 0
    assert "vendor reports of the earlier Verilog are dropped: utilization" in capsys.readouterr().err
    assert not (run / "vendor.json").exists()


def test_reports_of_the_hls_project_are_of_its_own_part_and_stay_beside_new_verilog(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copied = tmp_path / "runs" / run.name
    shutil.copytree(run, copied)
    assert cli.run(["rtl", str(copied), "--jets", "0"]) == 0
    golden = {"executor": "hls4ml-csim", "jets": 200, "differ": 0}
    project = {"part": "xcku115-flvb2104-2-e", "name": "mytag", "version": 2, "golden": golden}
    write_json(copied / "csim.json", project)
    report = tmp_path / "csynth.xml"
    command = ["rtl", str(copied), "--vendor-report", str(report)]
    for part, name, message in (
        (project["part"], "mytag_v2", ""),
        ("xcvu13p-flga2577-2-e", Naming.of_run(run.name).full, ""),  # that of a package
        ("xcvu13p-flga2577-2-e", "mytag_v2", "but the run's HLS project is for xcku115-flvb2104-2-e; give"),
        (project["part"], Naming.of_run(run.name).full, "but the run's Verilog (vu13p-360mhz) is for xcvu13p-flga2577"),
    ):
        report.write_text(CSYNTH.replace("xcvu13p-flga2577-2-e", str(part)).replace("tag_v1", name))
        capsys.readouterr()
        assert cli.run(command) == (2 if message else 0)
        assert message in " ".join(capsys.readouterr().err.split())
    assert cli.run(["rtl", str(copied), "--jets", "0"]) == 0
    assert [kept["kind"] for kept in read_json_if_there(copied / "vendor.json")] == ["csynth"]


def test_words(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Packed word to packed word; the package has the interface that the Verilog was written with."""
    batch = read_sample("test")
    np.savez(tmp_path / "jets.npz", p4=batch.p4, n_constituents=batch.n_constituents)
    command = ["verify", str(run), "--jets", str(tmp_path / "jets.npz"), "--json", "--interface"]
    assert cli.run([*command, "words", "--executors", "onnxruntime,emulator"]) == 0
    verdicts = json.loads(capsys.readouterr().out)
    assert [(v["executor"], v["differ"]) for v in verdicts] == [("onnxruntime", 0), ("emulator", 0)]
    assert verdicts[0]["strength"]["outputs"] > 10
    for given, message in (
        (["word"], "did you mean 'words'?"),
        (["words", "--layers"], "leave --layers or --interface out"),
        (["words", "--executors", "pytorch,emulator"], "unknown executor on words 'pytorch'"),
    ):
        assert cli.run([*command, *given]) == 2
        assert message in " ".join(capsys.readouterr().err.split())
    assert cli.run(["rtl", str(run), "--jets", "0", "--interface", "words", "--name", "in_words"]) == 0
    assert "// jet_1" in (run / "rtl" / "in_words_v1.v").read_text()
    assert cli.run(["package", str(run), "--name", "in_words", "--out", str(tmp_path)]) == 0
    with tarfile.open(tmp_path / "in_words_v1.tar.gz") as archive:
        ports = json.load(archive.extractfile("in_words_v1/vectors/ports.json"))  # type: ignore[arg-type]
        assert "in_words_v1/hls/firmware/in_words_v1_words.cpp" in archive.getnames()
        script = archive.extractfile("in_words_v1/hls/build_prj.tcl").read().decode()  # type: ignore[union-attr]
        header = archive.extractfile("in_words_v1/native/in_words_v1.h").read().decode()  # type: ignore[union-attr]
    assert [(port["port"], port["bits"]) for port in ports["outputs"]] == [("jet_0", 64), ("jet_1", 64)]
    assert ports["word"] == {"token": [53, 0], "probability of logit": [61, 54]}
    assert "long in_words_v1_words(" in header
    assert "set_top [expr {[info exists ::env(TOP)] ? $::env(TOP) : $project_name}]\n" in script
    assert script.count("add_files firmware/${project_name}_words.cpp") == 1
    assert cli.run(["rtl", str(run), "--jets", "0", "--interface", "stream", "--name", "streamed"]) == 0
    assert cli.run(["package", str(run), "--name", "streamed", "--out", str(tmp_path)]) == 0
    written = (run / "rtl" / "streamed_v1_stream.v").read_bytes()
    with tarfile.open(tmp_path / "streamed_v1.tar.gz") as archive:
        assert archive.extractfile("streamed_v1/verilog/streamed_v1_stream.v").read() == written  # type: ignore[union-attr]
    assert cli.run(["rtl", str(run), "--jets", "0"]) == 0


def test_the_verilog_that_is_checked_is_that_of_the_run(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No design is built for the check alone: with another interface or target it is refused."""
    own = _own_target(tmp_path, "xcvu13p-flga2577-2-e")
    assert cli.run(["rtl", str(run), "--jets", "0"]) == 0
    made = read_json_if_there(run / "rtl.json")
    check = ["verify", str(run), "--executors", "onnxruntime,verilog"]
    words = [*check, "--interface", "words"]
    for interface, command, right in (
        ("words", check, words),
        ("stream", check, words),
        (
            "words",
            ["score", str(run), "--jets", str(SAMPLE), "--executor", "verilog", "--out", f"{tmp_path}/s.h5"],
            words,
        ),
        ("plain", words, check),
    ):
        write_json(run / "rtl.json", made | {"interface": interface})
        capsys.readouterr()
        assert cli.run(command) == 2
        told = capsys.readouterr().err
        assert f"must have the interface of the Verilog of {run.name}, {interface}, got " in " ".join(told.split())
        assert advised(told)[0] == right
    assert cli.run([*check, "--target", own]) == 2
    told = " ".join(capsys.readouterr().err.split())
    assert f"must have the target of the Verilog of {run.name}, {DEFAULT_TARGET}, got {own}; leave --target" in told
    settings = {"part": "xcvu13p-flga2577-2-e", "clock_period_ns": 4, "interval_cycles": 9}
    write_json(run / "rtl.json", made | {"target": own, "target_settings": settings, "interval": 9})
    capsys.readouterr()
    graph = read_graph(run / "model.qonnx.onnx")
    assert verilog_of(tritag.open_run(run), graph, DEFAULT_TARGET).interval_cycles == 9
    assert f"the simulated Verilog is that of rtl.json, for {own}" in " ".join(capsys.readouterr().err.split())


def test_advice_makes_the_design_again_that_is_there(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What ``rtl.json`` and ``csim.json`` say is asked for again; what is the default is not."""
    own = _own_target(tmp_path, "xcvu13p-flga2577-2-e")
    chosen = ["--target", own, "--interval", "12", "--beats", "3", "--dsp-bits", "60", "--interface", "words"]
    assert cli.run(["rtl", str(run), "--jets", "0", *chosen, "--name", "own", "--version", "3"]) == 0
    made, written = read_json_if_there(run / "rtl.json"), (run / "rtl" / "own_v3.v").read_bytes()
    capsys.readouterr()
    (run / "verify.json").unlink(missing_ok=True)
    assert cli.run(["package", str(run), "--out", str(tmp_path)]) == 0
    measures = advised(capsys.readouterr().err)[-1]
    assert measures == ["rtl", str(run), *chosen, "--name", "own", "--version", "3"]
    assert cli.run([*measures, "--jets", "0"]) == 0
    assert (read_json_if_there(run / "rtl.json"), (run / "rtl" / "own_v3.v").read_bytes()) == (made, written)
    assert cli.run(["rtl", str(run), "--jets", "0"]) == 0
    opened = tritag.open_run(run).run
    beats = read_json_if_there(run / "rtl.json")["most_beats"]
    assert opened.command_for("rtl") == advice.command("rtl", run, "--beats", beats)
    (run / "rtl.json").write_text("{")
    assert opened.command_for("rtl") == advice.command("rtl", run)
    (run / "rtl.json").unlink()
    for made, words in (
        ({"target": own, "name": "own", "version": 3}, ["--target", own, "--name", "own", "--version", "3"]),
        ({"target": DEFAULT_TARGET, "name": Naming.of_run(run.name).name, "version": 1}, []),
    ):
        write_json(run / "csim.json", made)
        assert opened.command_for("csim") == advice.command("csim", run, *words)
    (run / "csim.json").unlink()
