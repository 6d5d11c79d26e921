"""The short form of ``python -m benchmarks.kills``: two commands, killed at random moments, end with the same bytes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.helpers.jets import SAMPLE


def test_killed_commands_go_on(tmp_path: Path, repository: Path) -> None:
    call = [sys.executable, "-m", "benchmarks.kills", "--steps", "train,export", "--kills", "2", "--seed", "3"]
    call += ["--jets", str(SAMPLE), "--folder", str(tmp_path / "kills")]
    done = subprocess.run(call, cwd=repository, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    kills = [json.loads(line) for line in (tmp_path / "kills" / "kills.jsonl").read_text().splitlines()]
    assert [kill["step"] for kill in kills].count("train") == 1
    assert "| all | 2 |" in done.stdout
