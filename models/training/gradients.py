"""The gradients of one training step, and the check that they are numbers."""

from __future__ import annotations

import math

from torch import Tensor

from tritag.errors import TritagError
from tritag.models.jets.inputs import PreparedJets
from tritag.models.layers.tagger import Tagger
from tritag.models.nets.head import BINARY, HeadConfig
from tritag.models.training.config import TrainingConfig


def add_gradients(
    tagger: Tagger,
    jets: PreparedJets,
    index: Tensor,
    micro_batch: int,
    head: HeadConfig = BINARY,
    weights: Tensor | None = None,
) -> float:
    """Gradients of the mean loss over the jets of ``index`` and of the tagger's penalty; returns their sum.

    ``weights`` (n,) of all jets, with mean 1, multiply the loss of each.
    """
    total = 0.0
    for part in index.to(jets.count.device).split(micro_batch):
        batch = jets.select(part)
        outputs = tagger.outputs(batch.inputs, batch.count)
        counted = None if weights is None else weights[part].to(outputs.dtype)
        loss = head.loss(outputs, batch.wanted.to(outputs.dtype), counted) / len(index)
        loss.backward()
        total += loss.item()
    penalty = tagger.penalty()
    if penalty is not None:
        if penalty.requires_grad:
            penalty.backward()
        total += penalty.item()
    return total


def check_finite(loss: float, gradient_norm: float, step: int, config: TrainingConfig) -> None:
    """Refuse a loss or a norm of its gradient that is not finite, before the optimizer spoils the weights with it.

    Raises
    ------
    TritagError
        Names the step and what to lower.
    """
    if not math.isfinite(loss) or not math.isfinite(gradient_norm):
        what, value = ("gradient norm", gradient_norm) if math.isfinite(loss) else ("training loss", loss)
        raise TritagError(
            f"{what} must be finite, got {value} at step {step} of {config.iterations}; lower learning_rate "
            f"(now {config.learning_rate:g}; gradient_clip is {config.gradient_clip:g}) and start again with fresh=True"
        )
