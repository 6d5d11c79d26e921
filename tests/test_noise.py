"""The redirection of noise: Python's prints, child processes and C code all end in the log."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys

import pytest

from tritag.errors import ConfigError, ToolError
from tritag.noise import quiet


def _noise() -> None:
    sys.stdout.write("python out\n")
    sys.stderr.write("python err\n")
    os.write(1, b"descriptor 1\n")
    subprocess.run(
        [sys.executable, "-c", "import sys; print('child'); print('child err', file=sys.stderr)"], check=True
    )
    ctypes.CDLL(None).printf(b"from C\n")


NOISE = ["python out", "python err", "descriptor 1", "child", "child err", "from C"]


def test_everything_ends_in_the_log_and_the_streams_come_back(tmp_path, capfd):
    sys.stdout.write("before\n")
    with quiet(tmp_path / "logs" / "csim.log") as log:
        _noise()
    sys.stdout.write("after\n")
    os.write(2, b"after err\n")
    assert sorted(log.read_text().splitlines()) == sorted(NOISE)
    printed = capfd.readouterr()
    assert printed.out == "before\nafter\n"
    assert printed.err == "after err\n"


def test_the_log_grows(tmp_path):
    for text in ("one\n", "two\n"):
        with quiet(tmp_path / "x.log") as log:
            sys.stdout.write(text)
    assert log.read_text() == "one\ntwo\n"


def test_a_tool_error_names_the_log_once(tmp_path, capfd):
    cause = ValueError("compiler")
    with pytest.raises(ToolError, match=r"^g\+\+ failed; see .*outer\.log$") as caught, quiet(tmp_path / "outer.log"):
        raise ToolError("g++ failed") from cause
    assert caught.value.__cause__ is cause
    sys.stdout.write("back\n")
    assert capfd.readouterr().out == "back\n"


def test_other_errors_pass_with_a_note(tmp_path):
    with pytest.raises(ConfigError, match="bad") as caught, quiet(tmp_path / "x.log"):
        raise ConfigError("bad")
    assert caught.value.__notes__ == [f"the output is in {tmp_path / 'x.log'}"]


def test_closed_streams_are_left_closed(tmp_path):
    code = (
        "import os, sys\nfrom tritag.noise import quiet\nos.close(1)\nsys.stdout = None\n"
        f"with quiet({str(tmp_path / 'x.log')!r}):\n    print('inside')\n"
        "try:\n    os.fstat(1)\nexcept OSError:\n    sys.exit(0)\nsys.exit(1)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    assert (tmp_path / "x.log").read_text() == "inside\n"
