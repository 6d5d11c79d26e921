"""The examples run as they are, in an empty folder."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


@pytest.mark.timeout(600)
def test_quickstart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (EXAMPLES / "quickstart.py").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 25
    monkeypatch.setenv("TRITAG_RUNS", str(tmp_path))
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / "quickstart.py")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert re.search(r"100 jets, logit in units of [\d.e-]+: ", done.stdout)
    assert re.search(r"latency \d+ cycles \(scheduled\), [\d,]+ LUTs \(estimated\)", done.stdout)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.ipynb")), ids=lambda path: path.stem)
def test_notebook(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every cell runs, with the assertions in them, and the committed outputs hold no error."""
    monkeypatch.setenv("TRITAG_RUNS", str(tmp_path))
    notebook = nbformat.read(path, as_version=4)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(cell.outputs for cell in cells), "run the notebook before it is committed"
    assert not [output for cell in cells for output in cell.outputs if output.output_type == "error"]
    NotebookClient(notebook, timeout=500, kernel_name="python3").execute()
