"""Freed memory is used again without asking the operating system for pages."""

from __future__ import annotations

import resource
import sys

import pytest
import torch

from tritag.models.training.memory import keep_freed_memory

BYTES = 64 << 20


def page_faults() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the setting is one of glibc's")
def test_freed_tensors_leave_their_pages_to_the_next():
    assert keep_freed_memory()
    faults = []
    for _ in range(8):
        before = page_faults()
        torch.ones(BYTES // 4).sum()
        faults.append(page_faults() - before)
    assert min(faults) < BYTES // resource.getpagesize() // 4, faults
