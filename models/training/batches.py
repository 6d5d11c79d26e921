"""Which jets a training step sees."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tritag.errors import ConfigError

# An order of more jets is not held in memory, but computed place by place.
LONGEST_ORDER = 1 << 22
_ROUNDS = 6


class Batches:
    """Jets of every step: epoch after epoch in an order drawn from (seed, epoch), without the rest below a batch.

    Orders of more than `LONGEST_ORDER` jets are those of :class:`ComputedOrder`, which take no memory.
    """

    def __init__(self, n_jets: int, batch_size: int, seed: int) -> None:
        if n_jets < batch_size:
            raise ConfigError(
                f"batch_size must be <= the number of training jets, got {batch_size} > {n_jets}; lower it"
            )
        self._n_jets, self._batch_size, self._seed = n_jets, batch_size, seed
        self._epoch = -1
        self._order: Tensor | ComputedOrder = torch.empty(0, dtype=torch.int64)

    def at(self, step: int) -> Tensor:
        """Indices (batch_size,) of the jets of a step."""
        epoch, position = divmod(step, self._n_jets // self._batch_size)
        if epoch != self._epoch:
            rng = np.random.default_rng([self._seed, epoch])
            long = self._n_jets > LONGEST_ORDER
            self._order = ComputedOrder(self._n_jets, rng) if long else torch.from_numpy(rng.permutation(self._n_jets))
            self._epoch = epoch
        return self._order[position * self._batch_size : (position + 1) * self._batch_size]


class ComputedOrder:
    """A shuffled order of ``n`` things whose places are computed when they are asked for: it takes no memory.

    A Feistel network permutes the numbers below the next power of four, with round keys from ``rng``; a number that is
    not below ``n`` goes through it again until it is (Black and Rogaway, CT-RSA 2002).
    """

    def __init__(self, n: int, rng: np.random.Generator) -> None:
        self._n, self._half = n, max(1, ((n - 1).bit_length() + 1) // 2)
        self._keys = rng.integers(0, 1 << 63, _ROUNDS, dtype=np.uint64)

    def __getitem__(self, places: slice) -> Tensor:
        """What stands at a slice of places (m,), int64."""
        numbers = self._permuted(np.arange(*places.indices(self._n), dtype=np.uint64))
        while np.any(outside := numbers >= self._n):
            numbers[outside] = self._permuted(numbers[outside])
        return torch.from_numpy(numbers.astype(np.int64))

    def _permuted(self, numbers: NDArray[np.uint64]) -> NDArray[np.uint64]:
        half, mask = np.uint64(self._half), np.uint64((1 << self._half) - 1)
        left, right = numbers >> half, numbers & mask
        for key in self._keys:
            left, right = right, left ^ (_mixed(right ^ key) & mask)
        return (left << half) | right


def _mixed(x: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Well mixed bits of each number (the finalizer of SplitMix64)."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
