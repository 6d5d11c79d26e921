"""The cache of built things heals: whatever happens to an entry, the next who asks gets it whole."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tritag.build_cache import CONTENTS, built, copy_entry
from tritag.errors import TritagError
from tritag.tools import run_tool


def build(folder: Path) -> dict[str, float]:
    """Two files, one of them in a folder."""
    (folder / "deep").mkdir()
    (folder / "library.so").write_bytes(b"x" * 5000)
    (folder / "deep" / "weights.txt").write_text("1, 2, 3")
    return {"compile_s": 1.5}


def contents(folder: Path) -> dict[str, bytes]:
    """All files by path."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


DAMAGE = {
    "library deleted": lambda x: (x / "library.so").unlink(),
    "library cut": lambda x: os.truncate(x / "library.so", 2500),
    "bit flipped": lambda x: (x / "library.so").write_bytes(b"y" + b"x" * 4999),
    "weights cut": lambda x: (x / "deep" / "weights.txt").write_text("1, 2"),
    "list empty": lambda x: (x / CONTENTS).write_text(""),
    "list cut": lambda x: os.truncate(x / CONTENTS, 40),
    "list no text": lambda x: (x / CONTENTS).write_bytes(b"\xff\xfe"),
    "list of something else": lambda x: (x / CONTENTS).write_text("[1]"),
    "list gone": lambda x: (x / CONTENTS).unlink(),
    "a file too many": lambda x: (x / "deep" / "new.h").write_text(""),
    "folder gone": shutil.rmtree,
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_entry_is_made_again(tmp_path, damage):
    entry = tmp_path / "cache" / "0123"
    assert not built(entry, build).cached
    whole = contents(entry)
    assert built(entry, build).cached
    DAMAGE[damage](entry)
    again = built(entry, build)
    assert (again.cached, again.facts) == (False, {"compile_s": 1.5})
    assert contents(entry) == whole
    assert [p.name for p in entry.parent.iterdir()] == ["0123"]


def test_a_moved_cache_is_the_same_cache(tmp_path):
    built(tmp_path / "cache" / "0123", build)
    (tmp_path / "cache").rename(tmp_path / "moved")
    assert built(tmp_path / "moved" / "0123", build).cached


def test_a_build_that_fails_leaves_nothing(tmp_path):
    def fail(folder: Path) -> dict[str, float]:
        (folder / "half").write_text("")
        raise TritagError("no compiler")

    with pytest.raises(TritagError, match="no compiler"):
        built(tmp_path / "0123", fail)
    assert not list(tmp_path.iterdir())


def _take(folder: Path, built_by: Path) -> None:
    def slow(new: Path) -> dict[str, float]:
        (built_by / str(os.getpid())).touch()
        time.sleep(0.1)
        return build(new)

    assert contents(built(folder, slow).folder)["library.so"] == b"x" * 5000


def test_several_at_once_build_it_once(tmp_path):
    (tmp_path / "built").mkdir()
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=_take, args=(tmp_path / "e", tmp_path / "built")) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [p.exitcode for p in processes] == [0] * 4
    assert len(list((tmp_path / "built").iterdir())) == 1


def test_a_whole_entry_needs_no_lock_and_no_writing(tmp_path, monkeypatch):
    built(tmp_path / "0123", build)
    monkeypatch.setattr("tritag.build_cache.only_one", None)
    monkeypatch.setattr("tritag.build_cache.own_folder", None)
    assert built(tmp_path / "0123", build).cached


def test_a_copy_is_there_whole_and_without_the_library(tmp_path):
    entry = built(tmp_path / "0123", build)
    copy_entry(entry, tmp_path / "run" / "hls", "*.so")
    assert contents(tmp_path / "run" / "hls") == {"deep/weights.txt": b"1, 2, 3"}
    assert [p.name for p in (tmp_path / "run").iterdir()] == ["hls"]


# A shell's background jobs begin with SIGINT ignored, and so do their children; this one must hear it.
PARENT = """
import signal, sys
from pathlib import Path
from tritag.tools import run_tool
signal.signal(signal.SIGINT, signal.default_int_handler)
run_tool(["sh", "-c", "sleep 300 & echo $! > child; echo $$ > tool; wait"], Path(sys.argv[1]))
"""


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_tools_and_their_children_end_with_the_command(tmp_path, how):
    command = subprocess.Popen([sys.executable, "-c", PARENT, str(tmp_path)], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 20
    while not (tmp_path / "tool").exists() or not (tmp_path / "tool").read_text().strip():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    pids = [int((tmp_path / name).read_text()) for name in ("child", "tool")]
    assert all(map(_alive, pids))
    command.send_signal(how)
    command.wait()
    while any(map(_alive, pids)) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not any(map(_alive, pids))


def test_status_output_and_strange_folders(tmp_path):
    folder = tmp_path / "a b'\"ö"
    folder.mkdir()
    done = run_tool(["sh", "-c", "echo out; echo err >&2; exit 7"], folder)
    assert (done.returncode, done.stdout, done.stderr) == (7, "out\n", "err\n")
    assert run_tool(["no-such-tool"], folder).stderr == "no-such-tool: No such file or directory\n"
