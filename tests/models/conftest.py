"""Toy jets, a seeded generator, and one thread."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch

from tritag.models.jets.coded_jets import CodedJets


@pytest.fixture
def rng(seed: int) -> np.random.Generator:
    """Generator seeded from the test's id."""
    return np.random.default_rng(seed)


@pytest.fixture
def one_thread() -> Iterator[None]:
    """One PyTorch thread: tiny tensors are slower on several, and tests share the cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def toy_jets() -> Callable[..., CodedJets]:
    """Factory ``(n, n_constituents, seed)``: signal jets are wider than background jets, classes overlap."""

    def make(n: int, n_constituents: int = 6, seed: int = 0) -> CodedJets:
        rng = np.random.default_rng(seed)
        label = rng.integers(0, 2, n)
        label[:2] = 0, 1
        pt = -np.sort(-rng.integers(4, 400, (n, n_constituents)))
        width = (15 + 12 * label)[:, None, None]
        angles = np.rint(width * rng.normal(size=(n, n_constituents, 2))).astype(np.int64)
        count = rng.integers(0, n_constituents + 1, (n, 1))
        codes = np.concatenate([pt[..., None], angles], axis=-1)
        codes[np.arange(n_constituents) >= count] = 0
        return CodedJets(torch.from_numpy(codes), torch.from_numpy(count), torch.from_numpy(label))

    return make
