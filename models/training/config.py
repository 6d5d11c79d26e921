"""Settings of a training."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

from tritag.configs import ADDED, INFINITE, check_range
from tritag.errors import ConfigError, short

BALANCED = "balanced"
PT_BINS = 20


@dataclass(frozen=True)
class TrainingConfig:
    """Settings of a training: Adam with decoupled weight decay, learning rate on a cosine down to 0.

    The defaults suit the 2k taggers on one CPU core for a few minutes. The tagger-quantization paper trains them for
    200 000 iterations with batch 4096, learning rate 1e-2, no weight decay.

    Attributes
    ----------
    iterations : int
        Optimizer steps.
    batch_size : int
        Jets per step.
    micro_batch : int
        Jets per forward and backward pass; gradients add up over a batch. Keeps the activations in the CPU's cache. A
        layer that gathers statistics sees ``batch_size / micro_batch`` passes per step.
    learning_rate, weight_decay : float
        Learning rate of the first step; decay per unit of learning rate.
    gradient_clip : float
        Largest norm of the gradient; infinity switches it off.
    seed : int
        Of the batches and of random layers (initial weights are the caller's).
    validate_every : int
        Steps between validations, each of which also writes a checkpoint; the last step is always validated.
    checkpoint_every_s : float
        Seconds between checkpoints apart from that; may change on resume.
    keep : "last" or "best"
        Weights to keep: those of the last step, or those of the validation with the highest AUC.
    class_weights : dict or "balanced", optional
        How much the jets of each class count in the loss, by the class's name; "balanced" gives all classes the same
        share (:mod:`tritag.models.training.jet_weights`, docs/training.md).
    pt_reference : str
        Class whose spectrum of pT the other classes get by weights; empty for none.
    pt_bins : int
        Bins of that spectrum, with equally many jets of the reference in each.
    """

    iterations: int = 4000
    batch_size: int = 1024
    micro_batch: int = 512
    learning_rate: float = 1e-2
    weight_decay: float = 0.0
    gradient_clip: float = field(default=1.0, metadata=INFINITE)
    seed: int = 1
    validate_every: int = 250
    checkpoint_every_s: float = 60.0
    keep: Literal["last", "best"] = "last"
    class_weights: dict[str, float] | str | None = field(default=None, metadata=ADDED)
    pt_reference: str = field(default="", metadata=ADDED)
    pt_bins: int = field(default=PT_BINS, metadata=ADDED)

    def __post_init__(self) -> None:
        for name in ("iterations", "batch_size", "micro_batch", "validate_every"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} must be >= 1, got {getattr(self, name)}")
        for name in ("learning_rate", "gradient_clip", "checkpoint_every_s"):
            if not getattr(self, name) > 0:
                raise ConfigError(f"{name} must be > 0, got {getattr(self, name)}")
        for name in ("weight_decay", "seed"):
            if not getattr(self, name) >= 0:
                raise ConfigError(f"{name} must be >= 0, got {getattr(self, name)}")
        check_range(self, ("iterations", "batch_size", "micro_batch", "validate_every"), 1, 1e9)
        check_range(self, ("learning_rate", "weight_decay", "checkpoint_every_s"), 0, 1e9)
        check_range(self, ("seed",), 0, 2**63 - 1)
        if self.keep not in ("last", "best"):
            raise ConfigError(f"keep must be 'last' or 'best', got {self.keep!r}")
        self._check_weights()

    def _check_weights(self) -> None:
        given = self.class_weights
        if isinstance(given, str) and given != BALANCED:
            raise ConfigError(f"class_weights must map classes to numbers, or be {BALANCED!r}, got {short(given)}")
        if given is not None and not isinstance(given, str):
            values = list(given.values()) if isinstance(given, dict) else []
            numbers = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
            if not values or len(numbers) < len(values) or not all(0 < value < math.inf for value in numbers):
                raise ConfigError(f"class_weights must give each class a finite number > 0, got {short(given)}")
        if self.pt_bins < 2:
            raise ConfigError(f"pt_bins must be >= 2, got {self.pt_bins}")
        check_range(self, ("pt_bins",), 2, 100_000)
        if self.pt_bins != PT_BINS and not self.pt_reference:
            raise ConfigError(f"pt_bins needs pt_reference, got {self.pt_bins} bins of no class; name the class")

    def learning_rate_at(self, step: int) -> float:
        """Learning rate of a step, counted from 0."""
        return self.learning_rate * 0.5 * (1 + math.cos(math.pi * step / self.iterations))
