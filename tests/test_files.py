"""Atomic writes: a full disk, a killed process, and a folder that cannot be written leave the old file."""

from __future__ import annotations

import errno
import fcntl
import multiprocessing
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tritag.errors import TritagError
from tritag.files import atomic_path, only_one, write_json, write_text
from tritag.structured import read_json_if_there

FILL_UP = """
import resource, sys
from tritag.errors import TritagError
from tritag.files import write_text
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    write_text(sys.argv[1], "x" * 100_000)
except TritagError as error:
    print(error)
"""

KILLED = """
import os, signal, sys
from tritag.files import atomic_path
with atomic_path(sys.argv[1]) as temporary:
    temporary.write_text("half of the")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def _run(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True, check=False
    )


def test_a_write_replaces_the_file_and_leaves_nothing_else(tmp_path):
    path = tmp_path / "deep" / "x.json"
    write_json(path, {"b": 1, "a": [2]})
    write_json(path, {"b": 2})
    assert read_json_if_there(path) == {"b": 2}
    assert [p.name for p in path.parent.iterdir()] == ["x.json"]


def test_the_file_has_the_permissions_of_an_ordinary_one(tmp_path):
    write_text(tmp_path / "atomic", "x")
    (tmp_path / "ordinary").write_text("x")
    modes = {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("atomic", "ordinary")}
    assert len(modes) == 1


def test_text_is_utf8_everywhere(tmp_path):
    write_text(tmp_path / "x", "ε_S = 0.3")
    assert (tmp_path / "x").read_bytes().decode("utf-8") == "ε_S = 0.3"


@pytest.mark.parametrize("existed", [True, False])
def test_a_full_disk_leaves_the_old_file_and_no_temporary(tmp_path, existed):
    path = tmp_path / "x.json"
    if existed:
        path.write_text("old")
    done = _run(FILL_UP, path)
    assert done.stdout.startswith(f"cannot write {path}: ")
    assert done.stdout.endswith("; free space or check permissions\n")
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == ([("x.json", "old")] if existed else [])


def test_a_killed_process_leaves_the_old_file(tmp_path):
    path = tmp_path / "x.json"
    path.write_text("old")
    assert _run(KILLED, path).returncode == -signal.SIGKILL
    assert path.read_text() == "old"
    write_text(path, "new")
    assert path.read_text() == "new"


def test_an_error_in_the_block_leaves_the_old_file(tmp_path):
    path = tmp_path / "x"
    path.write_text("old")

    def half_write() -> None:
        with atomic_path(path) as temporary:
            temporary.write_text("half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        half_write()
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("x", "old")]


def test_a_parent_that_is_a_file_is_a_users_error(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(TritagError, match=r"cannot write .*file/x: .*; free space or check permissions"):
        write_text(tmp_path / "file" / "x", "y")


def test_writers_that_judge_by_the_ending_find_it(tmp_path):
    with atomic_path(tmp_path / "x.npz") as temporary:
        np.savez(temporary, codes=np.arange(3))
    assert [p.name for p in tmp_path.iterdir()] == ["x.npz"]
    assert np.load(tmp_path / "x.npz")["codes"].tolist() == [0, 1, 2]


def _add_one(lock, counter):
    for _ in range(20):
        with only_one(lock):
            value = int(counter.read_text())
            time.sleep(0.001)
            counter.write_text(str(value + 1))


def test_only_one_process_at_a_time(tmp_path):
    lock, counter = tmp_path / "a.lock", tmp_path / "counter"
    counter.write_text("0")
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=_add_one, args=(lock, counter)) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert counter.read_text() == "80"
    assert not lock.exists()


def test_the_folder_of_locks_may_vanish_while_it_is_made(tmp_path, monkeypatch):
    """As when another process removes the empty folder between "it is there" and "is it a folder?"."""
    folder, vanished = tmp_path / ".tritag", []
    folder.mkdir()
    is_dir = Path.is_dir

    def vanish(path):
        if path == folder and not vanished:
            vanished.append(path)
            folder.rmdir()
        return is_dir(path)

    monkeypatch.setattr(Path, "is_dir", vanish)
    with only_one(tmp_path / "a"):
        assert vanished == [folder]


@pytest.mark.parametrize("kind", ["file", "dangling link"])
def test_what_stands_in_the_place_of_the_folder_of_locks_is_said(tmp_path, kind):
    folder = tmp_path / ".tritag"
    if kind == "file":
        folder.write_text("mine")
    else:
        folder.symlink_to(tmp_path / "nowhere")
    with pytest.raises(TritagError, match="cannot write in"), only_one(tmp_path / "a"):
        pass
    with pytest.raises(TritagError, match="cannot write"):
        write_text(tmp_path / "b", "y")
    assert [x.name for x in tmp_path.iterdir()] == [".tritag"]


def test_lock_is_free_after_an_error(tmp_path):
    path = tmp_path / "a"
    with pytest.raises(TritagError, match="stop"), only_one(path):
        raise TritagError("stop")
    with only_one(path):
        assert (tmp_path / ".tritag" / "a.lock").exists()
    assert not list(tmp_path.iterdir())


def test_a_file_of_that_name_is_not_touched(tmp_path):
    """Helper files lie in a folder of their own: what looks like a lock or a temporary file stays as it is."""
    names = ("poetry.lock", "poetry.h5.lock", ".poetry.0123.tmp.h5", "poetry.shards")
    for name in names:
        (tmp_path / name).write_text("mine")
    with only_one(tmp_path / "poetry.lock"), only_one(tmp_path / "poetry.h5"):
        write_text(tmp_path / "poetry.h5", "x")
    assert {p.name: p.read_text() for p in tmp_path.iterdir()} == {**dict.fromkeys(names, "mine"), "poetry.h5": "x"}


def test_what_a_killed_process_left_is_swept(tmp_path):
    path = tmp_path / "x.json"
    assert _run(KILLED, path).returncode == -signal.SIGKILL
    assert list((tmp_path / ".tritag").glob("*/x.json"))
    with atomic_path(tmp_path / "other") as held:
        held.write_text("by one who lives")
        write_text(path, "new")
        assert held.exists()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["other", "x.json"]


def test_a_file_system_without_locks(tmp_path, monkeypatch):
    def no_locks(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    write_text(tmp_path / "x", "written all the same")
    message = r"cannot lock .*/y: its file system has no locks .*TRITAG_RUNS"
    with pytest.raises(TritagError, match=message), only_one(tmp_path / "y"):
        pass
    assert [p.name for p in tmp_path.iterdir() if p.name != ".tritag"] == ["x"]


@pytest.mark.parametrize("umask", [0o022, 0o027, 0o077])
def test_files_of_libraries_have_the_umasks_permissions_too(tmp_path, umask):
    before = os.umask(umask)
    try:
        with atomic_path(tmp_path / "weights.safetensors") as temporary:
            temporary.unlink()
            os.close(os.open(temporary, os.O_CREAT | os.O_WRONLY, 0o600))
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "weights.safetensors").stat().st_mode) == 0o666 & ~umask
