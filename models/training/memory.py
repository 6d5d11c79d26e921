"""Freed memory stays with the process.

glibc hands large blocks back to the operating system when they are freed and gets them again, page by page and zeroed,
with the next tensor. A training step frees and allocates the same activations each time; a quarter of its time goes
there.
"""

from __future__ import annotations

import ctypes

# Parameters of glibc's mallopt (malloc.h).
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_LARGEST_BLOCK_BYTES, _NEVER = 1 << 30, (1 << 31) - 1


def keep_freed_memory() -> bool:
    """Tell the C library to keep what is freed, up to blocks of 1 GiB; False where it has no such setting.

    The memory a process holds is then the most it ever needed at a time.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return bool(mallopt(_MMAP_THRESHOLD, _LARGEST_BLOCK_BYTES) and mallopt(_TRIM_THRESHOLD, _NEVER))
