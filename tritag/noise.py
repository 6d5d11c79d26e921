"""Sends the output of chatty libraries and compilers to a log file.

hls4ml prints, the compiler writes to its own standard error, and generated C++ writes past Python: all three end in
the log because the redirection is made at the level of file descriptors. It holds for the whole process, so one step
at a time.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from tritag.errors import ToolError

_STDOUT, _STDERR = 1, 2


@contextlib.contextmanager
def quiet(log_path: Path | str) -> Iterator[Path]:
    """Append everything that is written to stdout and stderr inside the block to the file ``log_path``.

    Raises
    ------
    ToolError
        As raised inside the block, with the path of the log added to its message. Other errors carry it as a note.
    """
    log_path = Path(log_path)
    log_path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with (
            open(log_path, "a", encoding="utf-8", buffering=1, errors="backslashreplace") as log,
            _descriptors_to(log.fileno()),
            # Python's streams may be replaced objects (in a test or notebook) that do not write to the descriptors.
            contextlib.redirect_stdout(log),
            contextlib.redirect_stderr(log),
        ):
            yield log_path
    except ToolError as error:
        raise ToolError(f"{error}; see {log_path}") from error.__cause__
    except Exception as error:
        error.add_note(f"the output is in {log_path}")
        raise


@contextlib.contextmanager
def _descriptors_to(target: int) -> Iterator[None]:
    _flush()
    saved = {descriptor: _duplicate(descriptor) for descriptor in (_STDOUT, _STDERR)}
    for descriptor in saved:
        os.dup2(target, descriptor)
    try:
        yield
    finally:
        _flush()
        for descriptor, copy in saved.items():
            if copy is None:
                os.close(descriptor)
            else:
                os.dup2(copy, descriptor)
                os.close(copy)


def _duplicate(descriptor: int) -> int | None:
    """Copy of ``descriptor``; None when it is closed (a call with ``>&-``)."""
    try:
        return os.dup(descriptor)
    except OSError:
        return None


def _flush() -> None:
    """Empty Python's and C's buffers, so that each line lands where it was written."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
    ctypes.CDLL(None).fflush(None)
