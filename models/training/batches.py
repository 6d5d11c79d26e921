"""Which jets a training step sees."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from tritag.errors import ConfigError


class Batches:
    """Jets of every step: epoch after epoch in an order drawn from (seed, epoch), without the rest below a batch."""

    def __init__(self, n_jets: int, batch_size: int, seed: int) -> None:
        if n_jets < batch_size:
            raise ConfigError(
                f"batch_size must be <= the number of training jets, got {batch_size} > {n_jets}; lower it"
            )
        self._n_jets, self._batch_size, self._seed = n_jets, batch_size, seed
        self._epoch, self._order = -1, torch.empty(0, dtype=torch.int64)

    def at(self, step: int) -> Tensor:
        """Indices (batch_size,) of the jets of a step."""
        epoch, position = divmod(step, self._n_jets // self._batch_size)
        if epoch != self._epoch:
            order = np.random.default_rng([self._seed, epoch]).permutation(self._n_jets)
            self._epoch, self._order = epoch, torch.from_numpy(order)
        return self._order[position * self._batch_size : (position + 1) * self._batch_size]
