"""Makes the helpers of ``tests/`` importable, and seeds every test from its name."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

# At the end: installed packages come first.
sys.path.append(str(Path(__file__).resolve().parents[1]))


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    """Tiny tensors are slower on several threads, and tests share the cores."""
    torch.set_num_threads(1)


@pytest.fixture
def rng(request: pytest.FixtureRequest) -> np.random.Generator:
    """Generator that depends on the test's name alone."""
    return np.random.default_rng(int.from_bytes(hashlib.sha256(request.node.nodeid.encode()).digest()[:4], "big"))
