"""Environment variables: one meaning everywhere, and an empty one counts as not set."""

from __future__ import annotations

from pathlib import Path

import pytest

from tritag.data.simulation.config import load_data_config
from tritag.data.simulation.generate import default_path
from tritag.environment import cache_folder, runs_root
from tritag.export.rtl.tools import simulation
from tritag.hls_projects import csim


@pytest.mark.parametrize(("value", "folder"), [(None, "cache"), ("", "cache"), ("elsewhere", "elsewhere")])
def test_one_cache_for_jets_projects_and_simulations(
    value: str | None, folder: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    if value is None:
        monkeypatch.delenv("TRITAG_CACHE", raising=False)
    else:
        monkeypatch.setenv("TRITAG_CACHE", value)
    assert cache_folder("data") == Path(folder, "data")
    assert default_path("top-demo", load_data_config("top-demo")).parent == Path(folder, "data")
    assert csim.cache_root() == (tmp_path / folder / "csim").resolve()
    assert simulation.cache_root() == (tmp_path / folder / "rtl").resolve()


def test_runs_lie_in_the_working_directory_unless_told_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    for value, folder in (("", "runs"), ("elsewhere", "elsewhere")):
        monkeypatch.setenv("TRITAG_RUNS", value)
        assert runs_root() == Path(folder)
