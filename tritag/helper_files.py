"""Locks and temporary files: they live in a folder of their own, ``.tritag`` beside what they serve.

Nothing outside of such a folder is opened for writing or removed but the file that was asked for. What a killed process
left in one is swept by the next that works there: each folder of temporary files is locked by its owner, and the lock
of a dead process is free. File systems without locks work, too; there nothing is swept.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import secrets
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tritag.errors import TritagError
from tritag.terminal import print_progress

HELPERS = ".tritag"
_FOLDER = re.compile(r"[0-9a-f]{16}")
_ALIVE = "alive"
_TEMPORARY = "tritag-temporary-"
# A folder without its lock file is one that is just being made, unless it is older than this.
_YOUNG_S = 60
_NO_LOCKS = {errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL}


@contextmanager
def own_folder(beside: Path) -> Iterator[Path]:
    """Give an empty folder below ``beside`` that belongs to this block alone, and remove it at its end.

    Raises
    ------
    OSError
        No space, no permission, or a read-only file system.
    """
    folder, alive = _new_folder(beside / HELPERS)
    try:
        _sweep(folder.parent)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(alive)
        _drop_if_empty(folder.parent)


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Give an empty folder among the system's temporary files (``TMPDIR``), and remove it at the end of the block.

    What killed processes of this user left there is swept.

    Raises
    ------
    OSError
        No space, or no permission.
    """
    while True:
        folder = Path(tempfile.mkdtemp(prefix=_TEMPORARY))
        if (alive := _taken(folder)) is not None:
            break
    try:
        with suppress(OSError):
            for other in [x for x in folder.parent.iterdir() if x.name.startswith(_TEMPORARY) and x != folder]:
                with suppress(OSError):
                    _sweep_own(other)
        content = folder / "content"
        content.mkdir()
        yield content
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(alive)


def _sweep_own(folder: Path) -> None:
    """Remove a temporary folder of a process that is gone; one of another user, or a link, stays."""
    about = folder.lstat()
    if stat.S_ISDIR(about.st_mode) and about.st_uid == os.getuid():
        _sweep_folder(folder)


def _new_folder(root: Path) -> tuple[Path, int]:
    """A locked folder in ``root`` and the descriptor that holds its lock."""
    while True:
        folder = root / secrets.token_hex(8)
        with suppress(FileNotFoundError):  # another process has just removed the empty root
            _make(root)
            folder.mkdir()
            if (alive := _taken(folder)) is not None:
                return folder, alive


def _taken(folder: Path) -> int | None:
    """Descriptor that holds the lock of a new folder; None when another process has just swept it."""
    alive = os.open(folder / _ALIVE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    with suppress(OSError):
        fcntl.flock(alive, fcntl.LOCK_EX)
    if os.fstat(alive).st_nlink:
        return alive
    os.close(alive)
    return None


def _make(root: Path) -> None:
    """Make ``root`` while others may remove it: between "it is there" and "is it a folder?" it may have gone."""
    try:
        root.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        with suppress(FileNotFoundError):
            found = root.lstat().st_mode
            if not stat.S_ISDIR(found) and not (stat.S_ISLNK(found) and root.is_dir()):
                raise


def _sweep(root: Path) -> None:
    """Remove the folders of processes that are gone."""
    with suppress(OSError):
        for folder in [x for x in root.iterdir() if _FOLDER.fullmatch(x.name)]:
            with suppress(OSError):
                _sweep_folder(folder)


def _sweep_folder(folder: Path) -> None:
    try:
        alive = os.open(folder / _ALIVE, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        if time.time() - folder.stat().st_mtime > _YOUNG_S:
            shutil.rmtree(folder)
        return
    try:
        fcntl.flock(alive, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder)
    finally:
        os.close(alive)


def _drop_if_empty(root: Path) -> None:
    with suppress(OSError):
        root.rmdir()


@contextmanager
def only_one(path: Path) -> Iterator[None]:
    """Wait, and say so, while another process holds the lock of ``path``; that of a killed process is free.

    The lock is a file in ``.tritag`` beside ``path``; ``path`` itself is not touched.

    Raises
    ------
    TritagError
        The folder cannot be written, or its file system has no locks.
    """
    root = path.parent / HELPERS
    lock = root / f"{path.name}.lock"
    try:
        descriptor = _locked(root, lock)
    except OSError as error:
        if error.errno in _NO_LOCKS:
            raise TritagError(
                f"cannot lock {path}: its file system has no locks ({error.strerror}); put runs and cache elsewhere "
                "(TRITAG_RUNS, TRITAG_CACHE)"
            ) from error
        raise TritagError(
            f"cannot write in {path.parent}: {error.strerror or error}; free space or check permissions, or put runs "
            "and cache elsewhere (TRITAG_RUNS, TRITAG_CACHE)"
        ) from error
    try:
        yield
    finally:
        with suppress(OSError):
            lock.unlink(missing_ok=True)
        os.close(descriptor)
        _drop_if_empty(root)


def _locked(root: Path, lock: Path) -> int:
    """Descriptor that holds the lock."""
    while True:
        _make(root)
        try:
            descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except FileNotFoundError:  # another process has just removed the empty root
            continue
        try:
            _wait(descriptor, lock)
        except BaseException:
            os.close(descriptor)
            raise
        # The holder before has removed the file that was waited for; by now someone else may have locked a new one.
        if os.fstat(descriptor).st_nlink:
            return descriptor
        os.close(descriptor)


def _wait(descriptor: int, lock: Path) -> None:
    """Take a lock; whoever has to wait for it is told after a second what for."""
    deadline = time.monotonic() + 1
    while time.monotonic() < deadline:
        with suppress(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        time.sleep(0.02)
    print_progress(f"waiting for another command of tritag, which works in {lock.parent.parent}")
    fcntl.flock(descriptor, fcntl.LOCK_EX)


def is_held(path: Path) -> bool:
    """Whether another process holds the lock of ``path`` (:func:`only_one`); nothing is written, and nobody waits."""
    return _has_owner(path.parent / HELPERS / f"{path.name}.lock") is True


def abandoned(beside: Path) -> list[Path]:
    """What killed processes left in the folder of helper files below ``beside``: temporary folders and free locks."""
    root, found = beside / HELPERS, []
    with suppress(OSError):
        for path in sorted(root.iterdir()):
            alive = path / _ALIVE if _FOLDER.fullmatch(path.name) else path
            if alive.is_file() and alive.suffix in (".lock", "") and _has_owner(alive) is False:
                found.append(path)
    return found


def _has_owner(lock: Path) -> bool | None:
    """Whether somebody holds a lock file; None where nobody can tell: it is not there, or there are no locks."""
    try:
        descriptor = os.open(lock, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return None
    finally:
        os.close(descriptor)
    return False
