"""Output where there is no UTF-8, and files that are UTF-8 whatever the locale says."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
from rich.table import Table

from tritag.terminal import degrade, print_result, print_table

SCRIPT = """
import locale, sys
from tritag.cli import main
assert locale.getpreferredencoding() == "ANSI_X3.4-1968"
sys.argv = ["tritag", "csim", "no-run", "--target", sys.argv[1]]
main()
"""


def test_signs_become_plain_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    degrade(sys.stdout)
    print_result("AUC 0.9 ± 0.1 at ε = 0.3 of größe")
    table = Table("ε")
    table.add_row("±")
    print_table(table)
    sys.stdout.flush()
    text = raw.getvalue().decode("ascii")
    assert text.startswith(r"AUC 0.9 +- 0.1 at eps = 0.3 of gr\xf6\xdfe")
    assert "+-" in text.split("\n", 1)[1]


def test_a_target_in_utf8_under_a_c_locale(tmp_path: Path) -> None:
    """The command ends with the error about the run; a file that were read in ASCII would be the error."""
    path = tmp_path / "own.yaml"
    path.write_text("# größer, ±\npart: xcvu13p\nclock_period_ns: 2.5\ninterval_cycles: 54\n", encoding="utf-8")
    variables = {**os.environ, "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0", "TRITAG_RUNS": "gr ± ß"}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(path)], cwd=tmp_path, env=variables, capture_output=True, check=False
    )
    assert done.returncode == 2, done.stderr
    assert b"no run 'no-run'" in done.stderr
