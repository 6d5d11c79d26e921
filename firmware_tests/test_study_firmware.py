"""A study that goes on to C-simulation and bit check."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.studies import write_study
from tritag import cli
from tritag.errors import RunError
from tritag.files import write_json
from tritag.structured import read_json


def test_exact_rows_are_checked_and_not_checked_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TRITAG_RUNS", str(tmp_path / "runs"))
    study = write_study(tmp_path / "small.yaml", "float", "int8", more="firmware: true\n")
    call = ["study", str(study), "--processes", "1"]
    assert cli.run(call) == 0
    table = capsys.readouterr().out.strip().splitlines()
    assert table[0].startswith("| tagger | parameters | MACs | AUC |")
    plain, exact = ([cell.strip() for cell in line.split("|")[1:-1]] for line in table[2:])
    assert plain[1] == exact[1] == "1777"
    assert plain[-2:] == ["-", "-"]
    assert exact[-2].startswith("0 of ")
    (verdict,) = tmp_path.glob("runs/*/verify.json")
    at = verdict.stat().st_mtime_ns
    assert cli.run(call) == 0
    assert verdict.stat().st_mtime_ns == at
    verdicts = read_json(verdict, RunError, "")
    write_json(verdict, [*verdicts[:-1], {**verdicts[-1], "differ": 3}])  # found by an earlier call
    capsys.readouterr()
    assert cli.run(call) == 1
    printed = capsys.readouterr()
    assert "| 3 of " in printed.out
    assert "transformer-2k, K = 4, int8: 3 of " in printed.err
