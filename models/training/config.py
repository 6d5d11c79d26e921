"""Settings of a training."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

from tritag.configs import ADDED, INFINITE, check_range
from tritag.errors import ConfigError, short
from tritag.models.training.optimizer import OPTIMIZERS
from tritag.models.training.schedule import SCHEDULES, cosine_share

BALANCED = "balanced"
PT_BINS = 20
# Settings that only one schedule reads.
_OF_SCHEDULE = {
    "warm-restarts": ("cycles", "cycle_growth"),
    "plateau": ("plateau_factor", "plateau_patience"),
}


@dataclass(frozen=True)
class TrainingConfig:
    """Settings of a training: optimizer, batches, learning rate, what to keep.

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
    optimizer : "adam" or "lion"
        Adam with decoupled weight decay, or Lion (:mod:`tritag.models.training.optimizer`).
    schedule : "cosine", "warm-restarts", "plateau" or "constant"
        How the learning rate goes on from that of the first step: down to 0 on a cosine, on several one after the
        other, by a factor whenever the validation loss stops to fall, or not at all
        (:mod:`tritag.models.training.schedule`).
    cycles, cycle_growth : int, float
        Number of cosines of "warm-restarts", and length of each over that of the one before.
    plateau_factor, plateau_patience : float, int
        By what "plateau" multiplies the rate, once more than so many validations in a row had no better loss.
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
    optimizer: Literal["adam", "lion"] = field(default="adam", metadata=ADDED)
    schedule: Literal["cosine", "warm-restarts", "plateau", "constant"] = field(default="cosine", metadata=ADDED)
    cycles: int = field(default=2, metadata=ADDED)
    cycle_growth: float = field(default=1.0, metadata=ADDED)
    plateau_factor: float = field(default=0.1, metadata=ADDED)
    plateau_patience: int = field(default=20, metadata=ADDED)

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
            raise ConfigError(f"keep must be 'last' or 'best', got {short(self.keep)}")
        self._check_weights()
        self._check_schedule()

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

    def _check_schedule(self) -> None:
        for name, known in (("optimizer", OPTIMIZERS), ("schedule", SCHEDULES)):
            if getattr(self, name) not in known:
                raise ConfigError(f"{name} must be one of {', '.join(known)}, got {short(getattr(self, name))}")
        for schedule, settings in _OF_SCHEDULE.items():
            for name in settings:
                # a field's default is the attribute of the class
                if self.schedule != schedule and getattr(self, name) != getattr(TrainingConfig, name):
                    raise ConfigError(f"{name} needs schedule {schedule!r}, got {self.schedule!r}, which ignores it")
        check_range(self, ("cycles",), 1, 1000)
        check_range(self, ("cycle_growth",), 1, 1000)
        if not 0 < self.plateau_factor < 1:
            raise ConfigError(f"plateau_factor must lie between 0 and 1, got {self.plateau_factor}")
        check_range(self, ("plateau_patience",), 0, 1e9)

    def learning_rate_at(self, step: int, plateau_share: float = 1.0) -> float:
        """Learning rate of a step, counted from 0; ``plateau_share``: what "plateau" has left of that of the first."""
        if self.schedule == "cosine":
            return self.learning_rate * cosine_share(step, self.iterations)
        if self.schedule == "warm-restarts":
            return self.learning_rate * cosine_share(step, self.iterations, self.cycles, self.cycle_growth)
        return self.learning_rate * plateau_share
