"""Every test gets random numbers that depend on its name alone: not on the order, the worker, or other tests."""

from __future__ import annotations

import hashlib
import os
import random
import sys
from pathlib import Path

import pytest

if "PYTEST_XDIST_WORKER" in os.environ:
    # the workers share the cores already
    os.environ.setdefault("OMP_NUM_THREADS", "1")

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """Seed made from the test's id."""
    return int.from_bytes(hashlib.sha256(request.node.nodeid.encode()).digest()[:4], "big")


@pytest.fixture(autouse=True)
def _seeded(seed: int) -> None:
    """Seed the global generators; those of NumPy and torch only where the test has imported them."""
    random.seed(seed)
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(seed)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(seed)


@pytest.fixture(scope="session")
def repository() -> Path:
    """Root of the checkout."""
    return REPOSITORY
