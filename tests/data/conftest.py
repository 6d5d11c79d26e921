"""Jets for the tests of the data room: random ones by seed, and the smallest set worth generating."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import settings

from tritag.data.jets.jets import JetBatch
from tritag.data.simulation.config import DataConfig

# the same examples on every run, and no time limit that a busy machine would break
settings.register_profile("tritag-data", derandomize=True, deadline=None)
settings.load_profile("tritag-data")


def random_batch(seed: int, n_jets: int = 20, width: int = 12) -> JetBatch:
    """Massless pT-sorted jets around eta = 0.5, with empty and full ones among them."""
    rng = np.random.default_rng(seed)
    count = rng.integers(0, width + 1, n_jets)
    count[:2] = 0, width
    pt = np.sort(rng.exponential(20.0, (n_jets, width)) + 0.5, axis=1)[:, ::-1]
    eta, phi = 0.5 + 0.3 * rng.standard_normal((n_jets, width)), 0.3 * rng.standard_normal((n_jets, width)) + 3.0
    p4 = np.stack([pt * np.cosh(eta), pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)], axis=-1)
    p4[np.arange(width) >= count[:, None]] = 0
    return JetBatch(p4.astype(np.float32), count.astype(np.int64), rng.integers(0, 2, n_jets).astype(np.int64))


@pytest.fixture
def batch(seed: int) -> JetBatch:
    """Random jets that depend on the test's name alone."""
    return random_batch(seed)


@pytest.fixture
def quick_config() -> DataConfig:
    """A set that is made in a few seconds: no multiparton interactions, few jets, many shards."""
    return DataConfig(
        train={"signal": 8, "background": 6},
        val={"signal": 2, "background": 2},
        test={"signal": 2, "background": 6},
        seed=11,
        pt_hat_min_gev=500.0,
        multiparton_interactions=False,
        events_per_batch=30,
        jets_per_shard=5,
    )
