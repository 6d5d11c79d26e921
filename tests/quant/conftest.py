"""The same examples on every run, a seeded generator, and one thread."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import settings

# no time limit that a busy machine would break
settings.register_profile("tritag-quant", derandomize=True, deadline=None)
settings.load_profile("tritag-quant")


@pytest.fixture
def rng(seed: int) -> np.random.Generator:
    """Generator seeded from the test's id."""
    return np.random.default_rng(seed)


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    """Tiny tensors are slower on several threads, and tests share the cores."""
    torch.set_num_threads(1)
