"""One step at a time writes into a run, and a success means that the result is there."""

from __future__ import annotations

import multiprocessing
import shutil
import time
from pathlib import Path

import pytest

from tritag.errors import RunError
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
