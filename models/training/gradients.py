"""The gradients of one training step, and the check that they are numbers."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from tritag import advice
from tritag.errors import TritagError
from tritag.models.jets.inputs import JetsToPrepare, PreparedJets
from tritag.models.layers.tagger import Tagger
from tritag.models.nets.head import BINARY, HeadConfig
from tritag.models.training.config import TrainingConfig


def add_gradients(
    tagger: Tagger,
    jets: PreparedJets | JetsToPrepare,
    index: Tensor,
    micro_batch: int,
    head: HeadConfig = BINARY,
    weights: Tensor | None = None,
    outputs_of: Callable[[Any, Tensor], Tensor] | None = None,
) -> float:
    """Gradients of the mean loss over the jets of ``index`` and of the tagger's penalty; returns their sum.

    ``weights`` (n,) of all jets, with mean 1, multiply the loss of each. ``outputs_of`` stands for ``tagger.outputs``
    (compiled). The losses are read once, at the end, so that a GPU need not wait for each micro-batch.
    """
    outputs_of = outputs_of or tagger.outputs
    losses = []
    for part in index.to(jets.device).split(micro_batch):
        batch = jets.select(part)
        outputs = outputs_of(batch.inputs, batch.count)
        counted = None if weights is None else weights[part].to(outputs)
        loss = head.loss(outputs, batch.wanted.to(outputs.dtype), counted) / len(index)
        loss.backward()
        losses.append(loss.detach())
    penalty = tagger.penalty()
    if penalty is not None:
        if penalty.requires_grad:
            penalty.backward()
        losses.append(penalty.detach().to(losses[0].device))
    return sum(torch.stack([part.double() for part in losses]).cpu().tolist())


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
            f"(now {config.learning_rate:g}; gradient_clip is {config.gradient_clip:g}) "
            f"and start again with {advice.fresh()}"
        )
