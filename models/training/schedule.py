"""Learning rate of every step: a cosine down to 0, several of them, or one that falls when the loss stops to fall.

The first two depend on the step alone. The third depends on the validation losses so far, which is why a checkpoint
holds what it remembers (:class:`Plateau`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

SCHEDULES = ("cosine", "warm-restarts", "plateau", "constant")
# A loss counts as better when it falls by more than this share, as in torch.optim.lr_scheduler.ReduceLROnPlateau.
_BETTER = 1e-4


def cosine_share(step: int, iterations: int, cycles: int = 1, growth: float = 1.0) -> float:
    """Learning rate of a step (counted from 0) over that of the first, with ``cycles`` cosines from 1 down to 0.

    Each cycle is ``growth`` times as long as the one before; all of them together are ``iterations`` steps long
    (Loshchilov and Hutter, arXiv:1608.03983).
    """
    total = sum(growth**i for i in range(cycles))
    begin = 0.0
    for i in range(cycles):
        length = iterations * growth**i / total
        if step < begin + length or i == cycles - 1:
            return 0.5 * (1 + math.cos(math.pi * (step - begin) / length))
        begin += length
    raise AssertionError("a training has at least one cycle")


@dataclass
class Plateau:
    """What the reduction on a plateau remembers of the validations so far.

    Attributes
    ----------
    share : float
        Learning rate over that of the first step.
    least : float
        Least validation loss so far.
    waited : int
        Validations since then.
    """

    share: float = 1.0
    least: float = math.inf
    waited: int = 0

    def validated(self, loss: float, factor: float, patience: int) -> None:
        """Take a validation's loss; more than ``patience`` of them in a row without a better one cut the rate."""
        if loss < self.least * (1 - _BETTER):
            self.least, self.waited = loss, 0
            return
        self.waited += 1
        if self.waited > patience:
            self.share *= factor
            self.waited = 0


__all__ = ["SCHEDULES", "Plateau", "cosine_share"]
