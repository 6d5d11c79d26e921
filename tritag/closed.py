"""Closed readers: whatever goes wrong inside a file that is read becomes one error with the file's name and advice.

Libraries that read files follow sizes and positions in them. Where these are wrong, anything may be raised: a reader
catches it in one place, :func:`closed`, and no reader takes memory before :func:`require_memory` has agreed.
"""

from __future__ import annotations

import errno
import os
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from tritag.errors import TritagError, one_line

# what the system says of a path, not of the content behind it
_OF_THE_PATH = {
    errno.EACCES: "permission is denied; check its permissions",
    errno.EPERM: "permission is denied; check its permissions",
    errno.ENOENT: "it does not exist; check the path",
    errno.ENOTDIR: "it does not exist; check the path",
    errno.EISDIR: "it is a folder; name the file",
    errno.ENAMETOOLONG: "its name is too long; check the path",
    errno.ELOOP: "its links lead in a circle; check the path",
    errno.EMFILE: "too many files are open; close some, or raise ulimit -n",
    errno.ENFILE: "too many files are open; close some",
    errno.EIO: "the disk failed; copy it from elsewhere",
    errno.ESTALE: "the file server has lost it; try again",
}
# more than a jet file of any use unpacks to, beside what it takes on the disk
LARGEST_RATIO = 200
_SMALL_BYTES = 64 << 20

_Content = TypeVar("_Content")


@contextmanager
def closed(path: Path | str, kind: type[TritagError], must: str, advice: str) -> Iterator[None]:
    """Let a reader of ``path`` fail in one way only.

    Parameters
    ----------
    path : Path or str
        Named in the message, as the place of the fault.
    kind : subclass of TritagError
        What is raised. Errors of tritag itself go through as they are.
    must : str
        What the file must be, for example "a whole HDF5 file".
    advice : str
        What to do when it is not.

    Raises
    ------
    TritagError
        Of the class ``kind``, one line, the first error as its cause.
    """
    try:
        yield
    except TritagError:
        raise
    except MemoryError as error:
        raise kind(f"{path} asks for more memory than there is; {advice}, or read fewer jets") from error
    except RecursionError as error:
        raise kind(f"{path} must be {must}, but it is nested too deeply; {advice}") from error
    except Exception as error:
        if isinstance(error, OSError) and error.errno in _OF_THE_PATH:
            raise kind(f"{path} cannot be read: {_OF_THE_PATH[error.errno]}") from error
        reason = one_line(str(error)) or type(error).__name__
        raise kind(f"{path} must be {must}, but it is truncated or damaged ({reason}); {advice}") from error


def read_or_advise(read: Callable[[str], _Content], advice: Callable[[], str]) -> _Content:
    """What ``read`` gives, which takes advice for its message.

    The advice is asked for after a failure alone, since finding it reads files; ``read`` is then called once more.
    """
    try:
        return read("")
    except TritagError:
        return read(advice())


def require_file(path: Path, kind: type[TritagError], advice: str, what: str = "file") -> None:
    """Raise ``kind`` unless ``path`` is a file: a missing one, a folder, or a pipe that would be waited for."""
    with closed(path, kind, "a file", advice):
        if not path.exists():
            raise kind(f"{what} must exist, got {path}; {advice}")
        if not path.is_file():
            raise kind(f"{what} must be a file, got the {'folder' if path.is_dir() else 'device'} {path}; {advice}")


def require_sense(n_bytes: int, stored: int, where: Path | str, kind: type[TritagError]) -> None:
    """Refuse content that claims to be over 200 times what the file holds for it: a header that lies, or a trap.

    Raises
    ------
    TritagError
        Of the class ``kind``, when this is also more than 64 MiB.
    """
    if n_bytes > max(_SMALL_BYTES, LARGEST_RATIO * stored):
        raise kind(
            f"{where} must not unpack to more than {LARGEST_RATIO} times its size, but {stored:,} stored bytes claim "
            f"to be {n_bytes:,}; the file is damaged or was not written to its end, make or copy it again"
        )


def require_memory(n_bytes: int, path: Path | str, kind: type[TritagError], advice: str) -> None:
    """Refuse what a file asks for before memory is taken for it.

    Parameters
    ----------
    n_bytes : int
        Needed to hold what is to be read.

    Raises
    ------
    TritagError
        Of the class ``kind``: this process cannot have so much.
    """
    if n_bytes < _SMALL_BYTES:
        return
    free = free_memory()
    if n_bytes > free:
        raise kind(f"{path} needs {n_bytes / 1e9:.1f} GB of memory, {free / 1e9:.1f} GB are free; {advice}")


def free_memory() -> int:
    """Bytes that this process may still take: of the machine, of its control group, of its own limit."""
    limits = [1 << 62]
    with suppress(OSError, ValueError, IndexError):
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        limits += [1024 * int(line.split()[1]) for line in lines if line.startswith("MemAvailable:")]
    with suppress(OSError, ValueError):
        group = Path("/sys/fs/cgroup")
        limit = int((group / "memory.max").read_text(encoding="ascii"))
        limits.append(limit - int((group / "memory.current").read_text(encoding="ascii")))
    soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    if soft != resource.RLIM_INFINITY:
        with suppress(OSError, ValueError):
            pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
            limits.append(soft - pages * os.sysconf("SC_PAGE_SIZE"))
    return max(0, min(limits))
