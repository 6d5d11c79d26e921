"""A study that goes on to C-simulation and bit check."""

from __future__ import annotations

from pathlib import Path

import pytest

from tritag import cli

SAMPLE = Path(__file__).parents[1] / "data" / "sample" / "jets400.h5"


def test_exact_rows_are_checked_and_not_checked_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TRITAG_RUNS", str(tmp_path / "runs"))
    study = tmp_path / "small.yaml"
    training = "training.iterations=10, training.batch_size=64, training.validate_every=10"
    rows = "".join(
        f"  - {{tagger: transformer-2k, constituents: 4, precision: {precision}}}\n" for precision in ("float", "int8")
    )
    study.write_text(f"data: {SAMPLE}\nsettings: [{training}]\nfirmware: true\nrows:\n{rows}")
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
