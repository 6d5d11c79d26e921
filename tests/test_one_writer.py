"""One step at a time writes into a run, and a success means that the result is there."""

from __future__ import annotations

import importlib
import multiprocessing
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tritag.errors import RunError
from tritag.helper_files import only_one
from tritag.pipeline.opened import OpenedRun, one_writer
from tritag.run import Run


@one_writer
def step(opened: OpenedRun, times: int) -> None:
    """Remove a folder and make it again, as steps do."""
    for _ in range(times):
        folder = opened.directory / "hls"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        time.sleep(0.01)
        (folder / "file").write_text("whole")


def opened_run(monkeypatch: pytest.MonkeyPatch, folder: Path) -> OpenedRun:
    """A run that holds nothing but its settings."""
    monkeypatch.setenv("TRITAG_RUNS", str(folder))
    return OpenedRun(Run.create("tagger", {"seed": 1}))


def test_three_at_once(monkeypatch, tmp_path):
    opened = opened_run(monkeypatch, tmp_path)
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=step, args=(opened, 10)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert (opened.directory / "hls" / "file").read_text() == "whole"
    assert sorted(p.name for p in opened.directory.iterdir()) == ["config.yaml", "hls"]


def test_a_run_that_is_removed_meanwhile(monkeypatch, tmp_path):
    opened = opened_run(monkeypatch, tmp_path)
    removing = one_writer(lambda opened: shutil.rmtree(opened.directory))
    with pytest.raises(RunError, match=r"must stay until the step is done, but was removed"):
        removing(opened)


class Locked(Exception):
    """Stands for the moment in which a step waits for its run."""


@pytest.mark.parametrize(
    "writer",
    [
        *("evaluate.evaluate_run", "cost.cost_run", "equivariance.equivariance_run", "report.report_run"),
        *("export.export_run", "csim.csim_run", "verify.verify_run", "rtl.rtl_run", "synth.synth_run"),
        *("vendor.keep_reports", "train.train_run", "import_file.import_run"),
    ],
)
def test_every_writer_of_a_run_takes_its_lock(writer, monkeypatch, tmp_path):
    opened = opened_run(monkeypatch, tmp_path)

    def locked(path: Path) -> None:
        assert path == opened.directory / "steps"
        raise Locked

    name, _, function = writer.partition(".")
    module = importlib.import_module(f"tritag.pipeline.{name}")
    monkeypatch.setattr("tritag.pipeline.opened.only_one", locked)
    arguments: tuple[object, ...] = (opened, []) if name == "vendor" else (opened,)
    if name == "train":
        monkeypatch.setattr(module._Asked, "make_run", lambda asked: opened.run)
        arguments = ("tagger", None)
    elif name == "import_file":
        for step in ("load_file", "import_model"):
            monkeypatch.setattr(module, step, lambda *_: None)
        monkeypatch.setattr(module.Run, "create", lambda *_: opened.run)
        (tmp_path / "file.onnx").write_bytes(b"")
        arguments = (tmp_path / "file.onnx",)
    with pytest.raises(Locked):
        getattr(module, function)(*arguments)


def test_whoever_waits_says_so(tmp_path, capsys):
    with ThreadPoolExecutor(1) as pool, only_one(tmp_path / "steps"):
        waiting = pool.submit(lambda: only_one(tmp_path / "steps").__enter__())
        deadline = time.monotonic() + 10
        while "waiting for another command" not in (said := capsys.readouterr().err) and time.monotonic() < deadline:
            time.sleep(0.05)
    assert f"works in {tmp_path}" in said.replace("\n", "")
    waiting.result()
