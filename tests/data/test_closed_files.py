"""HDF5 files: self-contained or refused, read without a lock, and the true cause of what cannot be read."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path

import h5py
import numpy as np
import pytest

from benchmarks.fuzz_cases import CASES
from benchmarks.fuzz_readers import FAULTS, fuzz
from tritag.cli import run
from tritag.data.jets.jets import JetBatch
from tritag.data.jets.store import read_jets, write_jets
from tritag.data.readers.formats import read_any
from tritag.errors import DataError


@pytest.fixture
def path(tmp_path: Path, batch: JetBatch) -> Path:
    """Plain arrays without p4."""
    with h5py.File(tmp_path / "jets.h5", "w") as file:
        file["n_constituents"] = batch.n_constituents
        file["other/p4"] = batch.p4
    return tmp_path / "jets.h5"


def test_nothing_outside_the_file_is_read(path: Path, batch: JetBatch) -> None:
    secret = path.with_name("secret.bin")
    secret.write_bytes(batch.p4.tobytes())
    with h5py.File(path.with_name("other.h5"), "w") as file:
        file["p4"] = batch.p4
    layout = h5py.VirtualLayout(batch.p4.shape, "f4")
    layout[:] = h5py.VirtualSource(path.with_name("other.h5"), "p4", batch.p4.shape)

    def external(file: h5py.File) -> None:
        file.create_dataset("p4", batch.p4.shape, "f4", external=[(str(secret), 0, h5py.h5f.UNLIMITED)])

    for make, message in (
        (external, "p4 is external storage, which reads other files"),
        (lambda file: file.create_virtual_dataset("p4", layout), "p4 is a virtual dataset, which reads other files"),
        (lambda file: file.update_link(h5py.ExternalLink("other.h5", "p4")), "'p4' is a link to another file"),
        (lambda file: file.update_link(h5py.SoftLink("/other/p4")), "must hold the arrays p4"),
        (lambda file: file.update_link(h5py.SoftLink("/p4")), "must hold the arrays p4"),
    ):
        with h5py.File(path, "r+") as file:
            if "p4" in [*file]:
                del file["p4"]
            file_links = LinkMaker(file)
            make(file_links if message.endswith(("file", "p4")) else file)
        with pytest.raises(DataError, match=message):
            read_any(path)
        assert run(["data", "convert", str(path), str(path.with_name("out.h5"))]) == 2
        assert not path.with_name("out.h5").exists()


class LinkMaker:
    """Sets the link ``p4`` of a file."""

    def __init__(self, file: h5py.File) -> None:
        self.file = file

    def update_link(self, link: object) -> None:
        self.file["p4"] = link


def test_links_of_our_own_layout(tmp_path: Path, batch: JetBatch) -> None:
    write_jets(tmp_path / "own.h5", batch)
    with h5py.File(tmp_path / "own.h5", "r+") as file:
        del file["px"]
        file["px"] = h5py.SoftLink("/py")
    with pytest.raises(DataError, match="must hold px itself, got a link"):
        read_jets(tmp_path / "own.h5")


def test_declared_sizes(tmp_path: Path, batch: JetBatch) -> None:
    for storage, message in (
        ({"chunks": (10**6, 200, 4)}, "must be stored in chunks of at most"),
        ({"chunks": (10, 200, 4)}, "must not unpack to more than 200 times its size, but 0 stored bytes claim"),
    ):
        with h5py.File(tmp_path / "jets.h5", "w") as file:
            file.create_dataset("p4", (10**9, 200, 4), "f4", **storage)
            file["n_constituents"] = batch.n_constituents
        for n_max in (None, 1):
            with pytest.raises(DataError, match=message):
                read_any(tmp_path / "jets.h5", n_max=n_max)


def test_a_file_that_is_being_written(tmp_path: Path, batch: JetBatch) -> None:
    path = tmp_path / "jets.h5"
    np.savez(tmp_path / "x.npz", p4=batch.p4)
    with h5py.File(path, "w") as file:
        file["p4"], file["n_constituents"] = batch.p4, batch.n_constituents
        file.flush()
        with pytest.raises(DataError, match="another program holds it open for writing"):
            read_any(path)
    assert len(read_any(path)) == len(batch)
    child = os.fork()
    if child == 0:  # killed while it writes
        file = h5py.File(path, "r+", libver="latest")
        file["more"] = 1
        file.flush()
        os._exit(0)
    os.waitpid(child, 0)
    try:
        assert len(read_any(path)) == len(batch)
    except DataError as error:
        assert "was killed while it did" in str(error)  # noqa: PT017 (either is right: HDF5 decides)


def test_reading_writes_nothing_and_needs_no_lock(
    tmp_path: Path, batch: JetBatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "own.h5"
    write_jets(path, batch, splits={"test": (0, 20)})

    def no_locks(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    monkeypatch.setenv("HDF5_USE_FILE_LOCKING", "TRUE")
    tmp_path.chmod(0o555)
    try:
        before = path.stat()
        assert run(["data", "info", str(path)]) == 0
        assert len(read_any(path, split="test")) == 20
        assert (path.stat().st_mtime_ns, [*tmp_path.iterdir()]) == (before.st_mtime_ns, [path])
    finally:
        tmp_path.chmod(0o755)


def test_foreign_text_cannot_command_the_terminal(
    tmp_path: Path, batch: JetBatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "[bold]a.h5"
    write_jets(path, batch, settings={"note": "\x1b]0;title\x07[/x]"}, versions={"\x1b[31m": "1"})
    assert run(["data", "info", str(path)]) == 0
    shown = capsys.readouterr().out
    assert "\x1b" not in shown
    assert "\x07" not in shown
    assert "note=\\x1b]0;title\\x07[/x]" in shown
    assert run(["data", "check", str(path)]) in (0, 1, 2)
    assert "Traceback" not in capsys.readouterr().err


def test_damaged_files_of_every_format(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The short form of ``python -m benchmarks.fuzz_readers``."""
    monkeypatch.setenv("TRITAG_RUNS", str(tmp_path / "runs"))
    results = list(fuzz(4 * len(CASES), 11, tmp_path))
    assert len(results) == 4 * len(CASES)
    wrong = [r for r in results if r.outcome in FAULTS or (r.outcome == "other" and CASES[r.format].own)]
    assert not wrong, "\n".join(f"{r.format} {r.index}: {r.outcome} {r.text[-600:]}" for r in wrong)
    assert {"same", "refused"} <= {r.outcome for r in results}
