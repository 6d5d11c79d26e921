"""The tutorial does what it says: its commands, in an empty folder, from a tagger of one's own to the package."""

from __future__ import annotations

import shutil
import tarfile
from pathlib import Path

import pytest

from tests.helpers.consoles import consoles
from tritag import cli
from tritag.environment import cache_folder

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "tutorial.md"


@pytest.mark.timeout(900)
def test_tutorial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "my tagger"
    folder.mkdir()
    for path in [*(ROOT / "examples" / "taggers").glob("deep_sets.*"), ROOT / "data" / "sample" / "jets400.h5"]:
        shutil.copy(path, folder / path.name.replace("jets400", "jets"))
    monkeypatch.setenv("TRITAG_CACHE", str(cache_folder("").resolve()))
    monkeypatch.delenv("TRITAG_RUNS", raising=False)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(folder)
    shown = consoles(PAGE)
    assert [each.arguments[0] for each in shown] == [
        *("data", "train", "export", "csim", "verify", "rtl", "report", "package", "score", "runs", "clean", "clean")
    ]
    for each in shown:
        assert cli.run(each.arguments) == 0, each.command
        printed = capsys.readouterr()
        assert not each.missing(printed.out + printed.err), f"{each.command} printed\n{printed.out}{printed.err}"
    with tarfile.open(folder / "mytag_v1.tar.gz") as archive:
        assert "mytag_v1/README.md" in archive.getnames()
