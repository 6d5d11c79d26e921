"""The budget that the learned widths of tritag and of HGQ2 share: jets, steps, batches and learning rates."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tritag.models.training.config import TrainingConfig

# Of a point's JSON file.
FORMAT = 2
CHANNELS, HEADS = 16, 2
_TAGGERS = {"layer": "transformer-2k", "batch": "transformer-batch-2k"}


@dataclass(frozen=True)
class Settings:
    """What all points of a sweep share; the defaults are those of tritag's study ``learned-bits``.

    Attributes
    ----------
    widths : "element" or "tensor"
        Of HGQ2: a number of bits for every element of an activation (its default), or for every tensor (tritag's).
    norm : "layer" or "batch"
        Of tritag: the transformer's norms. HGQ2 has batch normalisation alone.
    first_beta : float
        Of HGQ2: penalty of the first training, whose widths are free.
    """

    data: str = "top-study"
    constituents: int = 30
    widths: Literal["element", "tensor"] = "element"
    norm: Literal["layer", "batch"] = "layer"
    batch_size: int = 1024
    first_steps: int = 4000
    first_rate: float = 0.01
    first_beta: float = 1e-9
    steps: int = 2500
    rate: float = 0.005
    seed: int = 1

    @property
    def tagger(self) -> str:
        """Name of tritag's tagger."""
        return _TAGGERS[self.norm]

    @property
    def jets_seen(self) -> int:
        """Jets of both trainings of a point."""
        return self.batch_size * (self.first_steps + self.steps)

    def of_hgq2(self) -> Settings:
        """What decides about HGQ2's points."""
        return dataclasses.replace(self, norm="batch")

    def of_tritag(self) -> Settings:
        """What decides about tritag's points."""
        return dataclasses.replace(self, widths="tensor", first_beta=0.0)

    def learning_rates(self) -> NDArray[Any]:
        """Learning rate of each step: two cosines, as in tritag."""
        trainings = ((self.first_steps, self.first_rate), (self.steps, self.rate))
        configs = [TrainingConfig(iterations=steps, learning_rate=rate) for steps, rate in trainings]
        return np.array([config.learning_rate_at(step) for config in configs for step in range(config.iterations)])
